"""Whatever alpha sends, no row, value, count or error of another tenant comes back.

And nothing is written.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.collector.sql.port import SqlPort
from tests.collector.sql.tenants import ROWS, SECRET

from tollkeeper_collector.store.tenancy import TENANT_COLUMN

# Statements that are answered: with alpha's rows only.
READS = [
    *(f"SELECT * FROM otel.{table}" for table in TENANT_COLUMN),
    *(f"SELECT * FROM {table} LIMIT 100000" for table in TENANT_COLUMN),
    "SELECT * FROM llm_calls FINAL",
    "SELECT * FROM llm_calls AS `otel.schema_migrations`",
    "SELECT * FROM otel.llm_calls AS otel_traces",
    "SELECT a.user_id, b.user_id FROM llm_calls AS a JOIN llm_calls AS b ON a.ts = b.ts",
    "SELECT a.user_id, b.user_id FROM llm_calls a FULL OUTER JOIN llm_calls b USING (span_id)",
    "SELECT * FROM llm_calls a LEFT ANTI JOIN otel_traces b ON a.span_id = b.SpanId",
    "SELECT * FROM llm_calls UNION ALL SELECT * FROM llm_calls",
    "SELECT * FROM llm_calls EXCEPT SELECT * FROM llm_calls WHERE tenant_id = 'alpha'",
    "WITH x AS (SELECT * FROM llm_calls) SELECT * FROM x",
    "WITH llm_calls AS (SELECT * FROM otel.llm_calls) SELECT * FROM llm_calls",
    "WITH (SELECT groupUniqArray(user_id) FROM llm_calls) AS u SELECT u",
    "SELECT (SELECT max(user_id) FROM llm_calls)",
    "SELECT groupUniqArray(tenant_id), min(user_id), max(user_id) FROM llm_calls",
    "SELECT DISTINCT tenant_id FROM llm_calls",
    "SELECT user_id FROM llm_calls WHERE tenant_id = 'othertenant'",
    "SELECT user_id FROM llm_calls WHERE tenant_id != 'alpha' OR 1",
    "SELECT user_id FROM llm_calls PREWHERE tenant_id = 'othertenant' OR 1 = 1",
    "SELECT user_id, count() FROM llm_calls GROUP BY user_id WITH TOTALS",
    "SELECT user_id FROM llm_calls ORDER BY user_id DESC LIMIT 1 BY user_id",
    "SELECT any(user_id) OVER (ORDER BY ts ROWS 1 PRECEDING) FROM llm_calls",
    "SELECT lagInFrame(user_id) OVER (ORDER BY ts) FROM llm_calls",
    "SELECT _part, _partition_id, count() FROM llm_calls GROUP BY ALL",
    "SELECT number FROM numbers(3) WHERE 'othertenant' IN (SELECT tenant_id FROM llm_calls)",
    "SELECT arrayMap(u -> upper(u), groupUniqArray(user_id)) FROM llm_calls",
    "SELECT COLUMNS('.*') APPLY(max) FROM llm_calls",
    "SELECT * REPLACE (lower(user_id) AS user_id) FROM llm_calls",
    "FROM llm_calls SELECT user_id",
    "SELECT top 3 * FROM llm_calls",
    "SELECT mapValues(SpanAttributes) FROM otel_traces",
    "SELECT arrayJoin(mapKeys(SpanAttributes)) AS k, count() FROM otel_traces GROUP BY k",
    "SELECT uniqCombined64Merge(users_state) FROM llm_usage_hourly FINAL",
    "SELECT * FROM system.tables",
    "SELECT * FROM system.columns",
    "SELECT * FROM system.databases",
    "SELECT * FROM system.settings",
    "SELECT create_table_query, as_select FROM system.tables WHERE database = 'otel'",
    "SHOW TABLES",
    "SHOW CREATE TABLE otel.llm_calls",
    "DESCRIBE otel.llm_content",
]

# Errors and side effects that show rows which a filter was to hide, were it only a filter.
ORACLES = [
    "SELECT count() FROM llm_calls WHERE toInt32(user_id) = 1",
    "SELECT count() FROM llm_calls PREWHERE toInt32(user_id) = 1",
    "SELECT count() FROM llm_calls FINAL PREWHERE toInt32(user_id) = 1",
    "SELECT count() FROM llm_calls WHERE throwIf(user_id != '1') = 0",
    "SELECT count() FROM llm_calls PREWHERE throwIf(user_id != '1') = 0",
    "SELECT count() FROM llm_calls WHERE intDiv(1, user_id = '1') = 1",
    "SELECT count() FROM llm_calls PREWHERE intDiv(1, user_id = '1') = 1",
    "SELECT count() FROM llm_calls WHERE toDate(user_id || '-01-01') IS NOT NULL OR 1",
    "SELECT count() FROM llm_calls x JOIN (SELECT 1 AS one) y ON toInt32(x.user_id) = y.one",
    "SELECT count() FROM (SELECT *, toInt32(user_id) AS z FROM llm_calls) WHERE z = 1",
    "SELECT sum(toInt32(user_id)) FROM llm_calls",
    "SELECT count() FROM otel_traces WHERE toInt32(SpanAttributes['user.id']) = 1",
    "SELECT count() FROM otel_traces PREWHERE toInt32(SpanAttributes['user.id']) = 1",
    "SELECT count() FROM llm_calls WHERE NOT ignore(materialize(toInt32(user_id)))",
    "SELECT count() FROM llm_calls WHERE ts IN (SELECT ts FROM llm_calls WHERE toInt32(user_id)=1)",
]

# Statements that are refused whatever they would have shown.
REFUSED = [
    "INSERT INTO otel.llm_calls (tenant_id) VALUES ('alpha')",
    "INSERT INTO otel.llm_calls SELECT * FROM otel.llm_calls",
    "INSERT INTO FUNCTION file('x.csv') SELECT * FROM otel.llm_calls",
    "INSERT INTO FUNCTION url('http://127.0.0.1:9/', 'CSV') SELECT 1",
    "ALTER TABLE otel.llm_calls DELETE WHERE 1",
    "ALTER TABLE otel.llm_calls UPDATE tenant_id = 'alpha' WHERE 1",
    "ALTER TABLE otel.llm_calls ADD COLUMN x UInt8",
    "DELETE FROM otel.llm_calls WHERE 1",
    "UPDATE otel.llm_calls SET user_id = '' WHERE 1",
    "DROP TABLE otel.llm_calls",
    "DROP DATABASE otel",
    "TRUNCATE TABLE otel.llm_calls",
    "DETACH TABLE otel.llm_calls",
    "ATTACH TABLE otel.x FROM '/' (a Int8) ENGINE = File(CSV)",
    "RENAME TABLE otel.llm_calls TO otel.x",
    "EXCHANGE TABLES otel.llm_calls AND otel.otel_logs",
    "OPTIMIZE TABLE otel.llm_calls FINAL",
    "CHECK TABLE otel.llm_calls",
    "CREATE TABLE otel.x (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x AS SELECT 1",
    "CREATE VIEW otel.x AS SELECT * FROM otel.llm_calls",
    "CREATE FUNCTION x AS a -> a",
    "CREATE USER x",
    "GRANT ALL ON *.* TO default",
    "CREATE ROW POLICY x ON otel.llm_calls USING 1 TO ALL",
    "CREATE DICTIONARY otel.x (a UInt8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE NAMED COLLECTION x AS a = 1",
    "BACKUP TABLE otel.llm_calls TO File('/x')",
    "RESTORE TABLE otel.llm_calls FROM File('/x')",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "SYSTEM STOP MERGES",
    "SYSTEM RELOAD CONFIG",
    "KILL QUERY WHERE 1",
    "EXECUTE AS default SELECT 1",
    "SET ROLE ALL",
    "SET readonly = 0",
    "SET log_comment = 'othertenant'",
    "SET additional_table_filters = {}",
    "SET param_x = 'y'",
    "BEGIN TRANSACTION",
    "SELECT * FROM otel.llm_calls SETTINGS log_comment = '*'",
    "SELECT * FROM otel.llm_calls SETTINGS readonly = 0, log_comment = 'othertenant'",
    "SELECT * FROM (SELECT * FROM otel.llm_calls SETTINGS log_comment = '*')",
    "SELECT * FROM otel.llm_calls FORMAT JSON SETTINGS log_comment = '*'",
    "SELECT 1 UNION ALL SELECT 2 SETTINGS log_comment = '*'",
    "SELECT * FROM otel.llm_calls INTO OUTFILE '/tmp/x.csv'",
    "SELECT * FROM otel.llm_calls INTO OUTFILE '/tmp/x' TRUNCATE COMPRESSION 'gzip' FORMAT CSV",
    "SELECT 1; SELECT 2",
    "SELECT 1; SET log_comment = '*'; SELECT * FROM otel.llm_calls",
    "SELECT 1 /* ; */; DROP TABLE otel.llm_calls",
    "SELECT 1 -- \n; DROP TABLE otel.llm_calls",
    "SHOW TABLES; DROP TABLE otel.llm_calls",
    "USE otel; DROP TABLE otel.llm_calls",
    "DESCRIBE otel.llm_calls; DROP TABLE otel.llm_calls",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT file/**/('/etc/passwd')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT '/etc/passwd' AS a, a APPLY(file)",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd')",
    "SELECT * REPLACE (file('/etc/passwd') AS a) FROM (SELECT 1 AS a)",
    "WITH file('/etc/passwd') AS a SELECT a",
    "WITH (x -> file(x)) AS f SELECT f('/etc/passwd')",
    "SELECT 1 ORDER BY file('/etc/passwd')",
    "SELECT 1 LIMIT length(file('/etc/passwd'))",
    "SELECT 1 WHERE length(file('/etc/passwd')) > 0",
    "DESCRIBE (SELECT file('/etc/passwd'))",
    "SELECT count() OVER (PARTITION BY file('/etc/passwd'))",
    "SELECT * FROM numbers(length(file('/etc/passwd')))",
    "SELECT * FROM values('a String DEFAULT file(''/etc/passwd'')', 'x') WHERE file('x') = ''",
    "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:9/x', 'CSV')",
    "DESCRIBE TABLE url('http://127.0.0.1:9/')",
    "SELECT * FROM remote('127.0.0.1', otel.llm_calls)",
    "SELECT * FROM remoteSecure('127.0.0.1', 'otel', 'llm_calls')",
    "SELECT * FROM cluster('default', otel.llm_calls)",
    "SELECT * FROM merge('otel', '.*')",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM mergeTreeIndex('otel', 'llm_calls')",
    "SELECT * FROM loop(otel.llm_calls)",
    "SELECT * FROM view(SELECT * FROM otel.llm_calls)",
    "SELECT * FROM viewExplain('', '', (SELECT 1))",
    "SELECT * FROM executable('x', 'CSV', 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM mysql('127.0.0.1:9', 'a', 'b', 'c', 'd')",
    "SELECT * FROM input('a Int8')",
    "SELECT * FROM sqlite('/x', 'y')",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM eval('1')",
    "SELECT * FROM format(CSV, '1')",
    "SELECT * FROM fuzzJSON('x')",
    "SELECT * FROM generateRandom()",
    "SELECT joinGet('otel.llm_calls', 'user_id', 1)",
    "SELECT dictGet('x', 'y', 1)",
    "SELECT hasColumnInTable('127.0.0.1:9', '', '', 'otel', 'llm_calls', 'x')",
    "SELECT getServerSetting('x')",
    "SELECT getMacro('x')",
    "SELECT showCertificate()",
    "SELECT aiGenerate('x')",
    "SELECT evalMLMethod(1)",
    "SELECT filesystemAvailable()",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM llm_calls",
    "SELECT logTrace('x')",
    "SELECT getSetting('log_comment')",
    "SELECT addressToLine(1)",
    "SELECT __getScalar('x')",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.parts_columns",
    "SELECT * FROM system.users",
    "SELECT * FROM system.events",
    "SELECT * FROM system.row_policies",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.query_cache",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.mutations",
    "SELECT * FROM system.data_skipping_indices",
    "SELECT 1 WHERE 1 IN system.processes",
    "SELECT 1 WHERE ('a', 1) NOT IN (system.parts)",
    "SELECT 1 WHERE 1 GLOBAL IN system.parts",
    "SELECT 1 WHERE in(1, system.parts)",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
    "SELECT * FROM otel.schema_migrations",
    "SELECT * FROM schema_migrations",
    "SELECT * FROM otel.llm_calls_mv",
    "SELECT * FROM `otel`.`.inner_id.x`",
    "SELECT * FROM `otel.x`",
    "SELECT * FROM default.llm_calls",
    "SELECT 1 WHERE 1 IN otel.schema_migrations",
    "SELECT * FROM llm_calls STREAM",
    "EXPLAIN SELECT 1",
    "EXPLAIN ESTIMATE SELECT * FROM llm_calls",
    "EXPLAIN AST SELECT 1",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW ACCESS",
    "SHOW CREATE USER x",
    "SHOW CREATE TABLE system.processes",
    "DESCRIBE system.processes",
    "EXISTS TABLE system.parts",
    "SHOW TABLES FROM nowhere",
    "SHOW TABLES LIKE 'x' OR 1=1",
    "USE information_schema",
    "EXPLAIN",
    "SELECT {x:Identifier} FROM llm_calls",
    "SELECT * FROM {x:Identifier}",
    "WATCH otel.llm_calls",
    "SELECT * FROM otel.{x:Identifier}",
    "SELECT * FROM {x:Identifier}.llm_calls",
    "SELECT user_id FROM llm_calls WHERE 1 = {missing:UInt8}",
    "\0SELECT 1",
    "SELECT 1\0",
    "  ;  ",
    "(((((SELECT 1)))))INTO OUTFILE 'x'",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "PARALLEL WITH SELECT 1",
    "COPY x TO 'y'",
    "MOVE USER x TO y",
    "VACUUM",
    "SELECT 1 FORMAT",
]

FIELDS = [
    {"log_comment": "*"},
    {"log_comment": "othertenant"},
    {"readonly": "0", "log_comment": "othertenant"},
    {"additional_table_filters": "{}"},
    {"additional_result_filter": "1"},
    {"role": "admin"},
    {"max_memory_usage": "0"},
    {"allow_ddl": "1"},
    {"profile": "default"},
    {"stacktrace": "1"},
    {"format_schema": "x"},
    {"http_response_headers": "{}"},
    {"SQL_x": "y"},
    {"dialect": "prql"},
    {"limit": "1"},
    {"database": "system; DROP TABLE otel.llm_calls"},
    {"database": "information_schema"},
    {"default_format": "JSON SETTINGS log_comment='*'"},
    {"default_format": "Nonsense"},
    {"decompress": "1"},
    {"log_comment%20": "*"},
]


@pytest.mark.parametrize("sql", READS, ids=range(len(READS)))
def test_shows_nobody_elses_rows(sql_port: SqlPort, sql: str) -> None:
    reply = sql_port.ask("alpha", sql)
    assert reply.status == 200, reply.text[:500]
    assert SECRET.lower() not in reply.text.lower()
    assert "othertenant" not in reply.text.replace(sql, "").lower()


@pytest.mark.parametrize("sql", ORACLES, ids=range(len(ORACLES)))
def test_errors_tell_nothing_of_other_rows(sql_port: SqlPort, sql: str) -> None:
    reply = sql_port.ask("alpha", sql)
    assert (reply.status, reply.text.strip()) == (200, str(ROWS))


@pytest.mark.parametrize("sql", REFUSED, ids=range(len(REFUSED)))
def test_refuses_what_is_no_plain_reading(sql_port: SqlPort, sql: str) -> None:
    reply = sql_port.ask("alpha", sql, param_x="otel.llm_calls")
    assert reply.status >= 400
    assert reply.text.startswith("Code: ")
    assert SECRET not in reply.text
    assert "root:" not in reply.text


@pytest.mark.parametrize("sql", REFUSED, ids=range(len(REFUSED)))
def test_refuses_our_own_components_the_same(sql_port: SqlPort, sql: str) -> None:
    assert sql_port.ask("system", sql, param_x="otel.llm_calls").status >= 400


@pytest.mark.parametrize("fields", FIELDS, ids=range(len(FIELDS)))
def test_refuses_settings_in_the_address(sql_port: SqlPort, fields: dict[str, str]) -> None:
    reply = sql_port.ask("alpha", "SELECT * FROM otel.llm_calls", **fields)
    assert reply.status >= 400
    assert SECRET not in reply.text


def test_wrote_nothing(sql_port: SqlPort) -> None:
    for sql in REFUSED:
        sql_port.ask("alpha", sql)
    for table in TENANT_COLUMN:
        reply = sql_port.ask("system", f"SELECT count() FROM otel.{table}")
        assert int(reply.text) > 0
    assert sql_port.ask("system", "SELECT count() FROM llm_calls").text.strip() == str(2 * ROWS)


def test_a_key_sees_its_tenant_and_an_admin_all(sql_port: SqlPort) -> None:
    counts = {
        who: int(sql_port.ask(who, "SELECT count() FROM llm_calls FINAL").text)
        for who in ("alpha", "othertenant", "viewer", "empty", "admin", "system")
    }
    assert counts == {
        "alpha": ROWS, "othertenant": ROWS, "viewer": ROWS, "empty": 0, "admin": 2 * ROWS,
        "system": 2 * ROWS,
    }  # fmt: skip


def test_keeps_tenants_apart_when_all_ask_at_once(sql_port: SqlPort) -> None:
    def own(who: str) -> bool:
        word = "1" if who == "alpha" else SECRET
        reply = sql_port.ask(who, "SELECT DISTINCT user_id FROM llm_calls")
        return reply.text == f"{word}\n"

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(own, ["alpha", "othertenant"] * 100))


@pytest.mark.parametrize("operator", ["IN", "GLOBAL IN"])
def test_a_table_after_in_holds_own_rows_only(sql_port: SqlPort, operator: str) -> None:
    table = "otel.otel_traces_trace_id_ts"
    one = f"SELECT * FROM {table} WHERE TenantId = 'othertenant' LIMIT 1 FORMAT Values"
    row = sql_port.ask("system", one).text
    asked = f"SELECT count() FROM numbers(1) WHERE {row} {operator} {table}"
    assert sql_port.ask("system", asked).text == "1\n"
    assert sql_port.ask("alpha", asked).text == "0\n"
