-- One row per delivered content of an event; the greatest content hash of an identity wins.
CREATE TABLE events (
  id String CODEC(ZSTD(1)),
  source LowCardinality(String),
  type LowCardinality(String),
  time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  attempt_id String CODEC(ZSTD(1)),
  recovery_id String CODEC(ZSTD(1)),
  factor_id String CODEC(ZSTD(1)),
  user_ref String CODEC(ZSTD(1)),
  actor_ref String CODEC(ZSTD(1)),
  device_ref String CODEC(ZSTD(1)),
  destination_ref String CODEC(ZSTD(1)),
  session_ref String CODEC(ZSTD(1)),
  user_tier LowCardinality(String),
  traffic LowCardinality(String),
  channel LowCardinality(String),
  segment LowCardinality(String),
  tenant LowCardinality(String),
  region LowCardinality(String),
  environment LowCardinality(String),
  deployment LowCardinality(String),
  client_version LowCardinality(String),
  provider LowCardinality(String),
  factor_type LowCardinality(String),
  operation LowCardinality(String),
  outcome LowCardinality(String),
  error_class LowCardinality(String),
  error_code LowCardinality(String),
  action LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  http_status Nullable(UInt16) CODEC(ZSTD(1)),
  duration_ms Nullable(Float64) CODEC(ZSTD(1)),
  risk_score Nullable(Float32) CODEC(ZSTD(1)),
  cost Nullable(Float64) CODEC(ZSTD(1)),
  cost_currency LowCardinality(String),
  cold_start Nullable(Bool) CODEC(ZSTD(1)),
  assisted Nullable(Bool) CODEC(ZSTD(1)),
  method LowCardinality(String),
  expires_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
  ip String CODEC(ZSTD(1)),
  user_agent LowCardinality(String),
  user_agent_ref String CODEC(ZSTD(1)),
  country LowCardinality(String),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  attributes Map(String, String) CODEC(ZSTD(1)),
  content_hash UInt32 CODEC(NONE)
)
ENGINE = @
PARTITION BY toYYYYMM(time)
ORDER BY (toStartOfTenMinutes(time), user_ref, time, source, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE VIEW events_v AS
SELECT * EXCEPT (content_hash, traffic, environment),
  if(traffic = '', 'user', traffic) AS traffic,
  if(environment = '', 'production', environment) AS environment,
  toDate(time) AS event_date
FROM events FINAL;
