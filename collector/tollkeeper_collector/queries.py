"""The questions the collector itself asks of its tables, each SQL with its result type.

What the dashboard and the exports ask goes through the SQL port and lives with them. Times are Unix
seconds in UTC, versions are milliseconds of the engine's clock.
"""

from typing import Final

from clickhouse_connect.driver.client import Client

# A proxy's report of a response may stand just after the hour of the SDK's report of the same one,
# so a proxy row in an hour's first minutes makes the hour before dirty too.
STRADDLE_MINUTES: Final = 10

ALSO_BEFORE: Final = f"if(source = 'proxy' AND toMinute(ts) < {STRADDLE_MINUTES}, [0, 3600], [0])"
HOUR_OF_ROW: Final = f"toStartOfHour(ts) - arrayJoin({ALSO_BEFORE})"
GROUP: Final = """tenant_id, hour, service_name, environment, key_name, provider, model,
    operation, status, error_type"""

DIRTY_HOURS: Final = f"""
SELECT DISTINCT toUnixTimestamp({HOUR_OF_ROW}) AS hour
FROM otel.llm_calls
WHERE version >= {{from_version:UInt64}}
"""

# The groups that were there before come along with no calls: one that vanished becomes zeros. An
# SDK's row is left out where the proxy reported the same response; the proxy's own rows are not
# compared with one another, a cached answer has its response's id every time.
RECOMPUTE_HOURS: Final = f"""
INSERT INTO otel.llm_usage_hourly
WITH
    toDateTime({{start:UInt32}}, 'UTC') AS first_hour,
    toDateTime({{end:UInt32}}, 'UTC') AS end_hour,
    dirty AS
    (
        SELECT DISTINCT tenant_id, {HOUR_OF_ROW} AS hour
        FROM otel.llm_calls
        WHERE version >= {{from_version:UInt64}} AND ts >= first_hour AND ts < end_hour + 3600
    ),
    proxied AS
    (
        SELECT DISTINCT tenant_id, response_id, {HOUR_OF_ROW} AS hour
        FROM otel.llm_calls FINAL
        WHERE source = 'proxy' AND response_id != ''
            AND ts >= first_hour AND ts < end_hour + 3600
    )
SELECT
    {GROUP},
    sum(is_call) AS calls,
    sum(counted_input), sum(counted_cache_read), sum(counted_cache_write),
    sum(counted_output), sum(counted_reasoning),
    countIf(is_call = 1 AND is_model = 1 AND usage_known = 0),
    countIf(is_call = 1 AND is_model = 1 AND isNull(cost)),
    countIf(is_call = 1 AND was_cached = 1),
    countIf(is_call = 1 AND was_blocked = 1),
    sum(redacted),
    sum(toDecimal128(ifNull(cost, 0), 12)),
    quantilesTDigestStateIf(0.5, 0.9, 0.95, 0.99)(duration_s, is_call = 1),
    quantilesTDigestStateIf(0.5, 0.9, 0.95, 0.99)(ttfc_s, is_call = 1 AND ttfc_s > 0),
    uniqCombined64StateIf(user_id, is_call = 1 AND user_id != ''),
    uniqCombined64StateIf(session_id, is_call = 1 AND session_id != ''),
    now64(3)
FROM
(
    SELECT
        1 AS is_call, is_model_call AS is_model, tenant_id, toStartOfHour(ts) AS hour,
        service_name, environment, key_name, provider,
        firstNonDefault(response_model, request_model) AS model, operation,
        toString(status) AS status, error_type,
        toUInt64(input_tokens) * is_model AS counted_input,
        toUInt64(cache_read_tokens) * is_model AS counted_cache_read,
        toUInt64(cache_write_tokens) * is_model AS counted_cache_write,
        toUInt64(output_tokens) * is_model AS counted_output,
        toUInt64(reasoning_tokens) * is_model AS counted_reasoning,
        has_usage AS usage_known, cache = 'hit' AS was_cached, blocked_by != '' AS was_blocked,
        toUInt64(redactions) AS redacted,
        if(is_model = 1, cost_usd, NULL) AS cost,
        duration_ns / 1e9 AS duration_s, ttfc_ns / 1e9 AS ttfc_s, user_id, session_id
    FROM otel.llm_calls FINAL
    WHERE ts >= first_hour AND ts < end_hour AND (tenant_id, toStartOfHour(ts)) IN dirty
        AND (source = 'proxy' OR response_id = '' OR is_model_call = 0
            OR (tenant_id, response_id, toStartOfHour(ts)) NOT IN proxied)
    UNION ALL
    SELECT
        0, 0, tenant_id, hour, service_name, environment, key_name, provider, model, operation,
        status, error_type, 0, 0, 0, 0, 0, 1, 0, 0, 0, CAST(0, 'Nullable(Decimal(18, 12))'),
        0., 0., '', ''
    FROM otel.llm_usage_hourly FINAL
    WHERE hour >= first_hour AND hour < end_hour AND (tenant_id, hour) IN dirty
)
GROUP BY {GROUP}
"""

RECOMPUTE_DAYS: Final = f"""
INSERT INTO otel.llm_usage_daily
SELECT
    {GROUP.replace("hour", "toDateTime(toStartOfDay(hour), 'UTC') AS day")},
    sum(calls), sum(input_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
    sum(output_tokens), sum(reasoning_tokens), sum(calls_without_usage), sum(calls_without_cost),
    sum(calls_cached), sum(calls_blocked), sum(redactions), sum(cost_usd),
    quantilesTDigestMergeState(0.5, 0.9, 0.95, 0.99)(duration_state),
    quantilesTDigestMergeState(0.5, 0.9, 0.95, 0.99)(ttfc_state),
    uniqCombined64MergeState(users_state),
    uniqCombined64MergeState(sessions_state),
    fromUnixTimestamp64Milli({{run:Int64}}, 'UTC')
FROM otel.llm_usage_hourly FINAL
WHERE toUnixTimestamp(toStartOfDay(hour)) IN ({{days:Array(UInt32)}})
    AND hour >= toDateTime(arrayMin({{days:Array(UInt32)}}), 'UTC')
GROUP BY {GROUP.replace("hour", "day")}
"""


def engine_time_ms(client: Client) -> int:
    """Return the engine's clock, the one that versions are taken from."""
    return _number(client, "SELECT toUnixTimestamp64Milli(now64(3))")


def last_run_ms(client: Client) -> int:
    """Return when the last run began that came to its end; 0 when none ever did."""
    newest = "SELECT toUnixTimestamp64Milli(max(computed_at)) FROM otel.llm_usage_daily"
    return _number(client, newest)


def dirty_hours_s(client: Client, from_version: int) -> list[int]:
    """Return the starts of the hours that hold calls of this version or later."""
    rows = client.query(DIRTY_HOURS, parameters={"from_version": from_version}).result_rows
    return [int(row[0]) for row in rows]


def recompute_hours(client: Client, start_s: int, end_s: int, from_version: int) -> None:
    """Compute the dirty hours of this stretch anew, from the calls themselves."""
    bounds = {"start": start_s, "end": end_s, "from_version": from_version}
    client.command(RECOMPUTE_HOURS, parameters=bounds)


def recompute_days(client: Client, days_s: list[int], run_ms: int) -> None:
    """Compute these days anew, from their hours: the last act of the run that began at ``run_ms``.

    One statement, so that a run which died before leaves no trace of having come to its end.
    """
    client.command(RECOMPUTE_DAYS, parameters={"days": days_s, "run": run_ms})


def _number(client: Client, sql: str) -> int:
    return int(client.query(sql).result_rows[0][0])
