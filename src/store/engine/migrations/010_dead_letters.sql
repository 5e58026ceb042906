-- Records that were refused, with the reason and a copy without anything personal; one that is refused again is one row.
CREATE TABLE dead_letters_log (
  id String,
  at DateTime64(3, 'UTC'),
  source LowCardinality(String),
  reason String CODEC(ZSTD(1)),
  record String CODEC(ZSTD(1)),
  refs Array(String) CODEC(ZSTD(1)),
  version UInt64,
  dead UInt8
)
ENGINE = @
ORDER BY id
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;

CREATE VIEW dead_letters AS SELECT id, at, source, reason, record FROM dead_letters_log FINAL WHERE dead = 0;
