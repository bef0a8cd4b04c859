-- What the sink `clickhouse` says. @table@ and @ttl@ are put in by the sink.

-- name: clickhouse_create
CREATE TABLE IF NOT EXISTS @table@ (
    timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)), app LowCardinality(String), host LowCardinality(String), trace_id String CODEC(ZSTD(1)), span_id String CODEC(ZSTD(1)),
    level LowCardinality(String), severity UInt8, message String CODEC(ZSTD(1)), labels Map(LowCardinality(String), String) CODEC(ZSTD(1)), tenant LowCardinality(String),
    resource_id UInt64, record_id UInt64, event_index UInt32,
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree PARTITION BY toDate(timestamp) PRIMARY KEY (timestamp, app) ORDER BY (timestamp, app, resource_id, record_id, event_index)
SETTINGS non_replicated_deduplication_window = 10000

-- name: clickhouse_ttl
ALTER TABLE @table@ MODIFY TTL toDateTime(timestamp) + INTERVAL @ttl@ SECOND DELETE

-- name: clickhouse_insert
INSERT INTO @table@ (timestamp, app, host, trace_id, span_id, level, severity, message, labels, tenant, resource_id, record_id, event_index) FORMAT RowBinary
