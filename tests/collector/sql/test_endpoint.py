"""ClickHouse's HTTP interface as clients know it: clickhouse-connect, curl, Grafana, DBeaver."""

import base64
import gzip
import http.client
import json
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from tests.collector.sql.port import SqlPort
from tests.collector.sql.tenants import ROWS
from tests.collector.sql.test_blocks import unpack
from tests.collector.store.spans import NOON_NS

# As drivers ask for them at connect and for their trees of tables (JDBC, Grafana's plugin).
METADATA = [
    "SELECT version(), timezone()",
    "SELECT currentUser() AS user, timezone() AS timezone, version() AS version",
    "SELECT name, value, readonly FROM system.settings LIMIT 10000",
    "SELECT name FROM system.databases ORDER BY name",
    "SELECT name, comment FROM system.databases WHERE name LIKE '%'",
    "SELECT t.database, t.name, t.comment FROM system.tables AS t WHERE t.database LIKE 'otel'",
    "SELECT database, name, engine, total_rows FROM system.tables WHERE is_temporary = 0",
    "SELECT c.table, c.name, c.type, c.position FROM system.columns c WHERE c.database = 'otel'",
    "SELECT name, is_aggregate FROM system.functions ORDER BY name",
    "SELECT name, alias_to FROM system.data_type_families",
    "SELECT * FROM system.one",
    "SELECT 1 FORMAT JSON",
    "SHOW DATABASES",
    "SHOW TABLES FROM otel",
    "SHOW TABLES LIKE 'llm%'",
    "DESC TABLE otel.otel_traces",
    "DESCRIBE TABLE `otel`.`llm_calls`",
    "DESCRIBE (SELECT user_id, count() AS n FROM llm_calls GROUP BY user_id)",
    "EXISTS TABLE otel.llm_calls",
    "USE otel",
    "select toDateTime('2026-11-21 00:00:00'), timezone() /* DBeaver */;",
]
# As Grafana's ClickHouse plugin builds them.
GRAFANA = (
    "SELECT toStartOfInterval(toDateTime(ts), INTERVAL 60 second) AS time, response_model,"
    " quantile(0.95)(duration_ns / 1e6) AS p95, count() AS n FROM otel.llm_calls"
    " WHERE ts >= toDateTime64(1795262400, 3) AND ts <= toDateTime64(2111111111, 3)"
    " GROUP BY time, response_model ORDER BY time ASC LIMIT 1000"
)


def test_answers_a_ping_without_a_key(sql_port: SqlPort) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sql_port.port)
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"Ok.\n"
    connection.close()


@pytest.mark.parametrize("sql", [*METADATA, GRAFANA], ids=range(len(METADATA) + 1))
def test_answers_what_tools_ask(sql_port: SqlPort, sql: str) -> None:
    reply = sql_port.ask("alpha", sql, default_format="JSONCompact")
    assert reply.status == 200, reply.text


def test_tells_the_truth_in_its_headers(sql_port: SqlPort) -> None:
    reply = sql_port.ask(
        "alpha", "SELECT 1 AS a", default_format="JSON", query_id="mine-1", wait_end_of_query="1"
    )
    assert reply.headers["X-ClickHouse-Format"] == "JSON"
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.headers["X-ClickHouse-Query-Id"] == "mine-1"
    assert json.loads(reply.headers["X-ClickHouse-Summary"])["result_bytes"] == str(len(reply.body))
    assert reply.headers["X-ClickHouse-Timezone"]
    assert json.loads(reply.body)["data"] == [{"a": 1}]


def test_reads_the_statement_from_address_body_or_both(sql_port: SqlPort) -> None:
    assert sql_port.ask("alpha", query="SELECT 1", method="GET").text == "1\n"
    assert sql_port.ask("alpha", "SELECT 2").text == "2\n"
    assert sql_port.ask("alpha", "3", query="SELECT").text == "3\n"
    assert sql_port.ask("alpha").text == "Ok.\n"


def test_takes_a_compressed_statement_and_compresses_the_answer(sql_port: SqlPort) -> None:
    sent = sql_port.ask("alpha", gzip.compress(b"SELECT 4"), headers={"Content-Encoding": "gzip"})
    assert sent.text == "4\n"
    wanted = {"Accept-Encoding": "gzip, deflate"}
    sql = "SELECT number FROM numbers(100000)"
    small = sql_port.ask("alpha", sql, headers=wanted, enable_http_compression="1")
    plain = sql_port.ask("alpha", sql, headers=wanted)
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(small.body) == plain.body


def test_answers_in_blocks_as_jdbc_and_go_clients_ask(sql_port: SqlPort) -> None:
    sql = "SELECT number FROM numbers(200000)"
    packed, plain = sql_port.ask("alpha", sql, compress="1").body, b""
    while packed:
        piece, packed = unpack(packed)
        plain += piece
    assert plain == sql_port.ask("alpha", sql).body


@pytest.mark.parametrize(
    ("typed", "value", "read"),
    [
        ("String", "a\\nb\\t\\\\'", "a\nb\t\\'"),
        ("String", "'; DROP TABLE otel.llm_calls; --", "'; DROP TABLE otel.llm_calls; --"),
        ("UInt64", "18446744073709551615", 18446744073709551615),
        ("Array(String)", "['a','b\\'c']", ["a", "b'c"]),
        ("Nullable(String)", "\\N", None),
        ("DateTime64(3)", "2026-11-21 12:00:00.123", "2026-11-21 12:00:00.123"),
        ("Decimal(18, 12)", "0.000000000001", 1e-12),
        ("Bool", "true", True),
    ],
)
def test_binds_parameters(sql_port: SqlPort, typed: str, value: str, read: object) -> None:
    sql = f"SELECT {{p:{typed}}} AS p FORMAT JSONEachRow"
    reply = sql_port.ask("alpha", sql, param_p=value)
    assert json.loads(reply.text)["p"] == read


def test_takes_parameters_as_a_form(sql_port: SqlPort) -> None:
    parts = {"query": "SELECT {a:UInt8} + {b:UInt8}", "param_a": "1", "param_b": "2"}
    lines = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert sql_port.ask("alpha", f"{lines}--x--\r\n", headers=kind).text == "3\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer {}"},
        {"X-ClickHouse-User": "x", "X-ClickHouse-Key": "{}"},
    ],
)
def test_takes_a_key_in_a_header(sql_port: SqlPort, headers: dict[str, str]) -> None:
    filled = {name: value.format(sql_port.keys["alpha"]) for name, value in headers.items()}
    assert sql_port.ask("", "SELECT count() FROM llm_calls", headers=filled).text == f"{ROWS}\n"


def test_takes_a_key_as_password_with_any_user_name(sql_port: SqlPort) -> None:
    key = sql_port.keys["alpha"]
    for user in ("default", "x", ""):
        basic = base64.b64encode(f"{user}:{key}".encode()).decode()
        assert (
            sql_port.ask("", "SELECT 1", headers={"Authorization": f"Basic {basic}"}).text == "1\n"
        )
    assert sql_port.ask("", "SELECT 1", user="x", password=key).text == "1\n"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Basic ==="}, 401),
        ({"Authorization": "Basic dXNlcjo="}, 401),
        ({"Authorization": "Bearer tk-unknown"}, 403),
        ({"X-ClickHouse-Key": "é"}, 403),
        ({"Authorization": "Digest x"}, 401),
    ],
)
def test_refuses_whoever_brings_no_good_key(
    sql_port: SqlPort, headers: dict[str, str], status: int
) -> None:
    reply = sql_port.ask("", "SELECT 1", headers=headers)
    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (status, "516")
    assert "AUTHENTICATION_FAILED" in reply.text


def test_refuses_a_revoked_key_soon(sql_port: SqlPort) -> None:
    key, record = sql_port.store.create("short-lived", tenant_id="alpha")
    headers = {"Authorization": f"Bearer {key}"}
    assert sql_port.ask("", "SELECT 1", headers=headers).status == 200
    sql_port.store.revoke(record.key_id)
    deadline = time.monotonic() + 10
    while sql_port.ask("", "SELECT 1", headers=headers).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, 62),
        ("SELECT nothing_of_the_kind", 404, 47),
        ("SELECT * FROM nothing_of_the_kind", 404, 60),
        ("SELECT of_no_kind()", 403, 497),
        ("SELECT 1 FORMAT NothingOfTheKind", 404, 73),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT sum(number) FROM numbers(100000000000)", 408, 159),
        ("SELECT groupArray(number) FROM numbers(100000000)", 500, 241),
        ("DROP TABLE llm_calls", 403, 164),
        ("SELECT '" + "x" * 300_000 + "'", 413, 223),
        ("SELECT {p:UInt8}", 400, 456),
    ],
    ids=range(11),
)
def test_says_what_is_wrong_as_clickhouse_does(
    sql_port: SqlPort, sql: str, status: int, code: int
) -> None:
    reply = sql_port.ask("alpha", sql)
    assert (reply.status, reply.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert len(reply.text) < 4000


def test_cuts_an_answer_that_fails_midway_and_says_why(sql_port: SqlPort) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sql_port.port)
    sql = "SELECT number, throwIf(number = 4900000) FROM numbers(5000000)"
    key = {"Authorization": f"Bearer {sql_port.keys['system']}"}
    connection.request("POST", "/", body=sql, headers=key)
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert b"__exception__" in cut.value.partial
    assert b"Code: 395" in cut.value.partial
    connection.close()


def test_waits_for_the_end_when_asked_and_then_has_a_status_for_late_errors(
    sql_port: SqlPort,
) -> None:
    sql = "SELECT number, throwIf(number = 190000) FROM numbers(200000)"
    assert sql_port.ask("system", sql, wait_end_of_query="1").status == 500


def test_bounds_what_an_answer_may_have(sql_port: SqlPort) -> None:
    sql = "SELECT * FROM numbers(300000)"
    assert sql_port.ask("alpha", sql, wait_end_of_query="1").status == 400
    assert sql_port.ask("system", sql, wait_end_of_query="1").status == 200


def test_is_free_again_when_readers_leave_in_the_middle(
    sql_port: SqlPort, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(12):
        with socket.create_connection(("127.0.0.1", sql_port.port)) as reader:
            sql = b"SELECT number, repeat('x', 1000) FROM numbers(100000)"
            head = f"POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-Key: {sql_port.keys['system']}\r\n"
            reader.sendall(f"{head}Content-Length: {len(sql)}\r\n\r\n".encode() + sql)
            reader.recv(1000)
    assert sql_port.ask("system", "SELECT 1").text == "1\n"
    assert "Traceback" not in caplog.text


def test_speaks_with_clickhouse_connect(sql_port: SqlPort) -> None:
    client = sql_port.client("alpha", database="otel")
    result = client.query(
        "SELECT user_id, ts, cost_usd, tags FROM llm_calls WHERE user_id = {user:String}"
        " ORDER BY ts LIMIT {n:UInt32}",
        parameters={"user": "1", "n": 2},
    )
    noon = datetime.fromtimestamp(NOON_NS / 1e9, UTC).replace(tzinfo=None)
    assert result.result_rows[0] == ("1", noon, Decimal("0.000004500000"), [])
    assert client.command("SELECT count() FROM llm_calls") == ROWS
    assert client.query_df("SELECT user_id, input_tokens FROM llm_calls").shape == (ROWS, 2)
    assert client.query_arrow("SELECT user_id FROM llm_calls").num_rows == ROWS
    with client.query_row_block_stream("SELECT number FROM numbers(100000)") as blocks:
        assert sum(len(rows) for rows in blocks) == 100_000
    assert client.query("SELECT 1 LIMIT 0").result_rows == []
    assert "id" in client.query("SELECT 1 AS id").column_names
    client.close()


def test_lets_clickhouse_connect_see_errors_before_and_within_an_answer(sql_port: SqlPort) -> None:
    client = sql_port.client("system")
    with pytest.raises(DatabaseError, match="Syntax error"):
        client.query("SELECT FROM WHERE")
    stream = client.query_row_block_stream(
        "SELECT number, throwIf(number = 4900000) FROM numbers(5000000)"
    )
    with pytest.raises(Exception, match=r"395|non-zero"), stream as blocks:
        for _ in blocks:
            pass
    with pytest.raises(DatabaseError, match=r"code: 164"):
        client.command("DROP TABLE otel.llm_calls")
    client.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_speaks_with_curl(sql_port: SqlPort) -> None:
    address = f"http://127.0.0.1:{sql_port.port}/?database=otel"
    user = f"me:{sql_port.keys['alpha']}"
    sql = "SELECT count() FROM llm_calls FORMAT CSV"
    command = ["curl", "-sS", "--fail", "-u", user, address, "--data-binary", sql]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{ROWS}\n"
