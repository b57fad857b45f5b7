-- What was said, apart from the spans and with a short life. A message is stored once per tenant,
-- day and hash however often the conversation repeats it; whole days drop when they are over.
CREATE TABLE IF NOT EXISTS otel.llm_content
(
    tenant_id    LowCardinality(String),
    day          Date,
    content_hash FixedString(32),
    content      String CODEC(ZSTD(3)),
    last_seen    DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(last_seen)
PARTITION BY day
ORDER BY (tenant_id, content_hash)
TTL day + INTERVAL 14 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity = 1024, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel.llm_call_messages
(
    tenant_id    LowCardinality(String),
    ts           DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    trace_id     FixedString(32) CODEC(ZSTD(1)),
    span_id      FixedString(16) CODEC(ZSTD(1)),
    kind         Enum8('system' = 0, 'input' = 1, 'output' = 2, 'tools' = 3),
    seq          UInt16,
    role         LowCardinality(String),
    content_hash FixedString(32) CODEC(ZSTD(1)),
    size_bytes   UInt32 CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (tenant_id, trace_id, span_id, kind, seq)
TTL toDate(ts) + INTERVAL 14 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
