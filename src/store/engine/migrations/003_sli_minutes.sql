-- Good and total per SLI, minute, dimension and value; a row is replaced whole, and says 0 of 0 where nothing is left.
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
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1;

CREATE VIEW sli_minutes AS
SELECT sli, minute, dimension, value, good, total FROM minutes FINAL WHERE total > 0;
