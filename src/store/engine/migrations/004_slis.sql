-- What the other SLIs need of an attempt: when it waits past its TTL, and two flags.
ALTER TABLE attempt_states
  ADD COLUMN IF NOT EXISTS overdue_from UInt32 CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS overdue_until UInt32 CODEC(Delta, ZSTD(1)),
  ADD COLUMN IF NOT EXISTS denied_at_risk UInt8,
  ADD COLUMN IF NOT EXISTS assisted UInt8;

-- Recoveries settle as attempts do, by the same rules with other types and a longer window.
CREATE TABLE recovery_states AS attempt_states;
CREATE TABLE recovery_homes AS attempt_homes;

-- Attempts whose start lies in another minute than their row: clocks that disagree. Only ever added to.
CREATE TABLE skewed_starts (
  minute UInt32 CODEC(Delta, ZSTD(1)),
  home UInt32 CODEC(Delta, ZSTD(1))
)
ENGINE = @
ORDER BY (minute, home)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- Attempts that are, or will be if nothing more is heard, overdue from one minute until another.
CREATE TABLE backlog (
  overdue_from UInt32 CODEC(Delta, ZSTD(1)),
  k UInt64 CODEC(NONE),
  overdue_until UInt32 CODEC(Delta, ZSTD(1)),
  region LowCardinality(String),
  provider LowCardinality(String),
  factor_type LowCardinality(String),
  deployment LowCardinality(String),
  client_version LowCardinality(String),
  segment LowCardinality(String),
  roll UInt64 CODEC(Delta, ZSTD(1)),
  dead UInt8
)
ENGINE = @
PARTITION BY toYYYYMM(toDateTime(overdue_from * 60, 'UTC'))
ORDER BY (overdue_from, k)
SETTINGS allow_experimental_replacing_merge_with_cleanup = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- Finer marks: what is read and replaced are single minutes of every SLI and split. All minutes are computed anew with the new SLIs.
DROP VIEW IF EXISTS sli_minutes;
DROP TABLE IF EXISTS minutes SYNC;
CREATE TABLE minutes (
  sli LowCardinality(String),
  dimension LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  value LowCardinality(String),
  good UInt64 CODEC(T64, ZSTD(1)),
  total UInt64 CODEC(T64, ZSTD(1)),
  roll UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = @
PARTITION BY toYYYYMM(minute)
ORDER BY (sli, dimension, minute, value)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- The minutes by the hour, for long windows.
CREATE TABLE hours AS minutes;

-- Who was hit, per SLI and minute (span 1) or hour (span 60): at most a thousand different users, and how many bad ones had none.
CREATE TABLE bad_users (
  sli LowCardinality(String),
  span UInt8,
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  users Array(UInt64) CODEC(ZSTD(1)),
  anonymous UInt64 CODEC(T64, ZSTD(1)),
  roll UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = @
PARTITION BY toYYYYMM(minute)
ORDER BY (sli, span, minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

-- Counters that only serve an SLI (their names have a colon) stay out of what SQL may rely on.
CREATE VIEW sli_minutes AS
SELECT sli, minute, dimension, value, good, total FROM minutes FINAL WHERE total > 0 AND position(sli, ':') = 0;
