-- What detectors watch: by metric, value and minute, how many there were (trials), and how many of those were hit. A row is replaced whole.
CREATE TABLE series_minutes (
  metric LowCardinality(String),
  dimension LowCardinality(String),
  value LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  trials UInt32 CODEC(T64, ZSTD(1)),
  hits UInt32 CODEC(T64, ZSTD(1)),
  version UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = @
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, metric, dimension, value);

-- Up to how long a completion is not slow: what 95 % of them took at most when that was learned last. Minutes are counted by it; a value without one of
-- its own has that of the whole.
CREATE TABLE series_durations (
  dimension LowCardinality(String),
  value LowCardinality(String),
  limit_ms Float64,
  learned_at DateTime('UTC')
)
ENGINE = @
ORDER BY (dimension, value);

-- A row for each time that all models were learned: those of a time without one are not whole.
CREATE TABLE series_trainings (
  trained_at DateTime('UTC'),
  learned_from DateTime('UTC'),
  days Float32,
  time_zone LowCardinality(String)
)
ENGINE = @
ORDER BY trained_at;

-- Minutes that nothing was learned from, since they were not usual: of one value, or of all where none is named.
CREATE TABLE series_left_out (
  trained_at DateTime('UTC'),
  dimension LowCardinality(String),
  value LowCardinality(String),
  minute DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = @
ORDER BY (trained_at, dimension, value, minute);

-- What is usual of a series: rates by the five minutes of the local week, shares by the hour of the local day.
CREATE TABLE series_models (
  metric LowCardinality(String),
  dimension LowCardinality(String),
  value LowCardinality(String),
  trained_at DateTime('UTC'),
  learned_from DateTime('UTC'),
  days Float32,
  trials UInt64,
  hits UInt64,
  dispersion Float64,
  correlation Float64,
  shares Array(Float64),
  rates Array(Float32),
  seen Array(Float32)
)
ENGINE = @
ORDER BY (trained_at, metric, dimension, value);

-- Minutes of series that were out of the ordinary, each with what it was and what would have been usual.
CREATE TABLE anomaly_flags_log (
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  metric LowCardinality(String),
  dimension LowCardinality(String),
  value LowCardinality(String),
  detector LowCardinality(String),
  since DateTime('UTC') CODEC(ZSTD(1)),
  score Float64 CODEC(ZSTD(1)),
  observed Float64 CODEC(ZSTD(1)),
  expected Float64 CODEC(ZSTD(1)),
  expected_low Float64 CODEC(ZSTD(1)),
  expected_high Float64 CODEC(ZSTD(1)),
  incident String CODEC(ZSTD(1)),
  version UInt64,
  dead UInt8
)
ENGINE = @
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, metric, dimension, value, detector);

CREATE VIEW anomaly_flags AS
SELECT minute, metric, dimension, value, detector, since, score, observed, expected, expected_low, expected_high, incident
FROM anomaly_flags_log FINAL;
