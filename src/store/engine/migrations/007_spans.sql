-- Spans of enrollment traces, beside the events: what happened in between. One span sent twice is one row.
CREATE TABLE spans_log (
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  parent_span_id String CODEC(ZSTD(1)),
  service LowCardinality(String),
  name LowCardinality(String),
  kind LowCardinality(String),
  start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
  duration_us UInt64 CODEC(T64, ZSTD(1)),
  has_failed UInt8,
  attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = @
PARTITION BY toYYYYMM(start)
ORDER BY (trace_id, span_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;
