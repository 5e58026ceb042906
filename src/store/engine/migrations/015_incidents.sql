-- What went wrong as one thing, from its first sign to its end; a row is replaced whole.
CREATE TABLE incidents_log (
  id String,
  title String,
  severity LowCardinality(String),
  status LowCardinality(String),
  start DateTime64(3, 'UTC'),
  last_sign DateTime64(3, 'UTC'),
  detected DateTime64(3, 'UTC'),
  notified Nullable(DateTime64(3, 'UTC')),
  acknowledged Nullable(DateTime64(3, 'UTC')),
  mitigated Nullable(DateTime64(3, 'UTC')),
  end Nullable(DateTime64(3, 'UTC')),
  cause_dimension LowCardinality(String),
  cause_value String,
  slos Array(Tuple(slo String, budget_spent Float64)),
  users UInt64,
  attempts UInt64,
  findings Array(String),
  change_type LowCardinality(String),
  change_deployment String,
  change_time Nullable(DateTime64(3, 'UTC')),
  assignee String,
  merged_into String,
  signals String,
  version UInt64
)
ENGINE = @
ORDER BY id;

CREATE VIEW incidents AS
SELECT id, title, severity, status, start, detected, notified, acknowledged, mitigated, end,
  CAST((cause_dimension, cause_value), 'Tuple(dimension String, value String)') AS cause, slos, users, attempts, findings,
  CAST((change_type, change_deployment, change_time), 'Tuple(type String, deployment String, time Nullable(DateTime64(3, \'UTC\')))') AS change,
  assignee, merged_into
FROM incidents_log FINAL;

DROP VIEW IF EXISTS findings;

CREATE VIEW findings AS
SELECT id, kind, detector, severity, start, end, dimensions, evidence, attack, status, verdict, decided_at, incidents_of.incident AS incident
FROM findings_log FINAL
LEFT JOIN (SELECT arrayJoin(findings) AS finding, max(i.id) AS incident FROM incidents_log AS i FINAL GROUP BY finding) AS incidents_of
  ON findings_log.id = incidents_of.finding;
