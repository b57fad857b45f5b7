-- The stock log table; TimestampTime is there for Grafana plugins older than 4.20. Scores arrive as
-- log events and become rows of their own.
CREATE TABLE IF NOT EXISTS otel.otel_logs
(
    Timestamp          DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId            String CODEC(ZSTD(1)),
    SpanId             String CODEC(ZSTD(1)),
    TraceFlags         UInt8,
    SeverityText       LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber     UInt8,
    ServiceName        LowCardinality(String) CODEC(ZSTD(1)),
    Body               String CODEC(ZSTD(1)),
    ResourceSchemaUrl  LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl     LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName          String CODEC(ZSTD(1)),
    ScopeVersion       LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName          String CODEC(ZSTD(1)),
    TenantId           LowCardinality(String) MATERIALIZED ResourceAttributes['tollkeeper.tenant.id'] CODEC(ZSTD(1)),
    TimestampTime      DateTime ALIAS toDateTime(Timestamp),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_event EventName TYPE set(100) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (TenantId, toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
TTL toDate(Timestamp) + INTERVAL 30 DAY
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel.llm_evaluations
(
    tenant_id   LowCardinality(String),
    ts          DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id    String CODEC(ZSTD(1)),
    span_id     String CODEC(ZSTD(1)),
    response_id String CODEC(ZSTD(1)),
    name        LowCardinality(String),
    score       Nullable(Float64),
    label       LowCardinality(String),
    explanation String CODEC(ZSTD(3)),
    error_type  LowCardinality(String),
    version     UInt64 DEFAULT toUnixTimestamp64Milli(now64(3)),
    INDEX idx_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_resp response_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant_id, toStartOfHour(ts), trace_id, span_id, response_id, name, ts)
TTL toDate(ts) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel.llm_evaluations_mv TO otel.llm_evaluations AS
SELECT
    TenantId AS tenant_id,
    toDateTime64(Timestamp, 6, 'UTC') AS ts,
    TraceId AS trace_id,
    SpanId AS span_id,
    LogAttributes['gen_ai.response.id'] AS response_id,
    LogAttributes['gen_ai.evaluation.name'] AS name,
    toFloat64OrNull(LogAttributes['gen_ai.evaluation.score.value']) AS score,
    LogAttributes['gen_ai.evaluation.score.label'] AS label,
    LogAttributes['gen_ai.evaluation.explanation'] AS explanation,
    LogAttributes['error.type'] AS error_type
FROM otel.otel_logs
WHERE EventName = 'gen_ai.evaluation.result';
