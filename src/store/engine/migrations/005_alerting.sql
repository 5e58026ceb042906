-- Whether the collector was up and in time, minute by minute; a minute without a row was.
CREATE TABLE coverage (
  minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
  covered UInt8,
  lag_seconds Float32 CODEC(ZSTD(1))
)
ENGINE = @
ORDER BY minute;

CREATE VIEW coverage_minutes AS SELECT minute, covered, lag_seconds FROM coverage FINAL;

-- Planned work and exclusions: their minutes count in no budget, and no alert fires while one lasts.
CREATE TABLE maintenance_log (
  id String,
  slo LowCardinality(String),
  start DateTime('UTC'),
  end DateTime('UTC'),
  reason String,
  actor_ref String,
  version UInt64,
  dead UInt8
)
ENGINE = @
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW maintenance AS SELECT id, slo, start, end, reason, actor_ref FROM maintenance_log FINAL WHERE dead = 0;

-- What the evaluator used: counts per SLO and window that ends at a minute; the last evaluation of a minute stands.
CREATE TABLE alert_inputs_log (
  at DateTime('UTC') CODEC(Delta, ZSTD(1)),
  slo LowCardinality(String),
  window LowCardinality(String),
  good UInt64 CODEC(T64, ZSTD(1)),
  bad UInt64 CODEC(T64, ZSTD(1)),
  users_bad UInt32 CODEC(T64, ZSTD(1)),
  coverage Float64 CODEC(ZSTD(1)),
  objective Nullable(Float64) CODEC(ZSTD(1)),
  maintenance UInt8,
  evaluated_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = @
PARTITION BY toYYYYMM(at)
ORDER BY (slo, window, at);

CREATE VIEW alert_inputs AS
SELECT at, slo, window, good, bad, users_bad, coverage, objective, maintenance, evaluated_at FROM alert_inputs_log FINAL;

-- What the evaluator decided, per SLO and pair; the last evaluation of a minute stands.
CREATE TABLE alert_states_log (
  at DateTime('UTC') CODEC(Delta, ZSTD(1)),
  slo LowCardinality(String),
  pair LowCardinality(String),
  severity LowCardinality(String),
  state LowCardinality(String),
  since DateTime('UTC') CODEC(Delta, ZSTD(1)),
  quiet_since Nullable(DateTime('UTC')) CODEC(ZSTD(1)),
  evaluated_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = @
PARTITION BY toYYYYMM(at)
ORDER BY (slo, pair, at);

CREATE VIEW alert_states AS SELECT at, slo, pair, severity, state, since, quiet_since FROM alert_states_log FINAL;

-- What was found, by anyone: alerts beside the burn rates now, detections later. A row is replaced whole.
CREATE TABLE findings_log (
  id String,
  kind LowCardinality(String),
  detector LowCardinality(String),
  severity LowCardinality(String),
  start DateTime64(3, 'UTC'),
  end Nullable(DateTime64(3, 'UTC')),
  dimensions Map(String, String),
  evidence String,
  attack Array(String),
  status LowCardinality(String),
  version UInt64
)
ENGINE = @
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW findings AS SELECT id, kind, detector, severity, start, end, dimensions, evidence, attack, status FROM findings_log FINAL;
