-- Where the row of an attempt may lie: one row per home (minute) that it ever had. Only ever added to.
CREATE TABLE attempt_homes (
  k UInt64 CODEC(NONE),
  home UInt32 CODEC(Delta, ZSTD(1))
)
ENGINE = @
ORDER BY (k, home)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- One row per attempt: its whole state as minima and maxima (times, details, flags, labels), and the result that follows from it.
CREATE TABLE attempt_states (
  k UInt64 CODEC(NONE),
  home UInt32 CODEC(Delta, ZSTD(1)),
  roll UInt64 CODEC(Delta, ZSTD(1)),
  dead UInt8,
  source LowCardinality(String),
  attempt_id String CODEC(ZSTD(1)),
  first UInt64 CODEC(Delta, ZSTD(1)),
  times Array(UInt64) CODEC(ZSTD(1)),
  details Array(String) CODEC(ZSTD(1)),
  enrolled UInt8,
  provider_requested UInt8,
  provider_fell_back UInt8,
  traffic LowCardinality(String),
  factor_type LowCardinality(String),
  provider LowCardinality(String),
  region LowCardinality(String),
  deployment LowCardinality(String),
  client_version LowCardinality(String),
  channel LowCardinality(String),
  user_tier LowCardinality(String),
  segment LowCardinality(String),
  tenant LowCardinality(String),
  environment LowCardinality(String),
  user_ref String CODEC(ZSTD(1)),
  provider_final LowCardinality(String),
  observed LowCardinality(String),
  started_at UInt64 CODEC(Delta, ZSTD(1)),
  deadline UInt64 CODEC(Delta, ZSTD(1)),
  settled_at UInt64 CODEC(Delta, ZSTD(1)),
  by_clock UInt8,
  result LowCardinality(String),
  error_class LowCardinality(String),
  error_code LowCardinality(String),
  fault LowCardinality(String),
  duration_ms Nullable(Int64) CODEC(ZSTD(1)),
  own_error UInt8
)
ENGINE = @
PARTITION BY toYYYYMM(toDateTime(home * 60, 'UTC'))
ORDER BY (home, k)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE VIEW attempts AS
WITH by_clock AND settled_at > toUnixTimestamp64Milli(now64(3)) AS is_waiting
SELECT source, attempt_id,
  if(started_at = 0, NULL, fromUnixTimestamp64Milli(toInt64(s.started_at), 'UTC')) AS started_at,
  if(s.started_at = 0, NULL, fromUnixTimestamp64Milli(toInt64(s.deadline), 'UTC')) AS deadline,
  if(s.settled_at = 0 OR is_waiting, NULL, fromUnixTimestamp64Milli(toInt64(s.settled_at), 'UTC')) AS settled_at,
  if(is_waiting, 'pending', s.result) AS result,
  observed, duration_ms, factor_type, provider, provider_final, region, deployment, client_version, channel, user_tier,
  segment, tenant, if(s.environment = '', 'production', s.environment) AS environment, user_ref, error_class, error_code,
  if(is_waiting, '', s.fault) AS fault, if(s.traffic = '', 'user', s.traffic) AS traffic,
  own_error, provider_requested, provider_fell_back
FROM attempt_states AS s FINAL
WHERE s.result != '';
