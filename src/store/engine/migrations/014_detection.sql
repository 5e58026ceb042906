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

-- What is usual of a series, as it was learned last: rates by the five minutes of the local week, shares by the hour of the local day.
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
  threshold_ms Float64,
  shares Array(Float64),
  rates Array(Float32),
  seen Array(Float32)
)
ENGINE = @
ORDER BY (metric, dimension, value);

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
