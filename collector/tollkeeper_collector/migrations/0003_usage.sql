-- Sums per hour and day, recomputed whole when anything in the hour changed: never added up at
-- insert, where a repeated or reordered batch would count twice for ever. A group that vanished
-- keeps a row of zeros, so read with FINAL and calls > 0. The hour of a daily row is its midnight.
CREATE TABLE IF NOT EXISTS otel.llm_usage_hourly
(
    tenant_id           LowCardinality(String),
    hour                DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    service_name        LowCardinality(String),
    environment         LowCardinality(String),
    key_name            LowCardinality(String),
    provider            LowCardinality(String),
    model               LowCardinality(String),
    operation           LowCardinality(String),
    status              LowCardinality(String),
    error_type          LowCardinality(String),
    calls               UInt64,
    input_tokens        UInt64,
    cache_read_tokens   UInt64,
    cache_write_tokens  UInt64,
    output_tokens       UInt64,
    reasoning_tokens    UInt64,
    calls_without_usage UInt64,
    calls_without_cost  UInt64,
    calls_cached        UInt64,
    calls_blocked       UInt64,
    redactions          UInt64,
    cost_usd            Decimal(38, 12),
    duration_state      AggregateFunction(quantilesTDigest(0.5, 0.9, 0.95, 0.99), Float64),
    ttfc_state          AggregateFunction(quantilesTDigest(0.5, 0.9, 0.95, 0.99), Float64),
    users_state         AggregateFunction(uniqCombined64, String),
    sessions_state      AggregateFunction(uniqCombined64, String),
    computed_at         DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant_id, hour, service_name, environment, key_name, provider, model, operation, status, error_type)
TTL toDate(hour) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel.llm_usage_daily AS otel.llm_usage_hourly
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYear(hour)
ORDER BY (tenant_id, hour, service_name, environment, key_name, provider, model, operation, status, error_type)
TTL toDate(hour) + INTERVAL 1200 DAY
SETTINGS ttl_only_drop_parts = 1;
