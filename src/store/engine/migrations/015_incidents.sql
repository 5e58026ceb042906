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
  bounds String,
  signals String,
  version UInt64
)
ENGINE = @
ORDER BY id
SETTINGS cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;

-- What somebody took for none: until when such flags begin no incident of their own.
CREATE TABLE suppressions_log (
  detector LowCardinality(String),
  metric LowCardinality(String),
  dimension LowCardinality(String),
  value String,
  reason String,
  since DateTime('UTC'),
  until DateTime('UTC'),
  version UInt64
)
ENGINE = @
ORDER BY (detector, metric, dimension, value)
SETTINGS cleanup_delay_period = 3, cleanup_delay_period_random_add = 0, max_cleanup_delay_period = 6;

CREATE VIEW suppressions AS
SELECT s.detector AS rule, concat(s.metric, ' ', s.dimension, '=', s.value) AS entity, any(s.reason) AS reason, any(s.until) AS until,
  countIf(f.minute >= s.since AND f.minute < s.until AND f.incident = '') AS held_back
FROM suppressions_log AS s FINAL
LEFT JOIN anomaly_flags_log AS f FINAL
  ON f.detector = s.detector AND f.metric = s.metric AND f.dimension = s.dimension AND f.value = s.value
GROUP BY s.detector, s.metric, s.dimension, s.value;

CREATE VIEW incidents AS
SELECT id, title, severity, status, start, detected, notified, acknowledged, mitigated, end,
  CAST((cause_dimension, cause_value), 'Tuple(dimension String, value String)') AS cause, slos, users, attempts, findings,
  CAST((change_type, change_deployment, change_time), 'Tuple(type String, deployment String, time Nullable(DateTime64(3, \'UTC\')))') AS change,
  assignee, merged_into
FROM incidents_log FINAL;

DROP VIEW IF EXISTS findings;

CREATE VIEW findings AS
SELECT id, kind, detector, severity, start, end, dimensions, evidence, attack,
  if(findings_log.status = 'open' AND incidents_of.incident_status = 'acknowledged', 'acknowledged', findings_log.status) AS status,
  if(incidents_of.incident = '', dimensions['incident'], incidents_of.incident) AS incident, incidents_of.assignee AS assignee,
  verdict, decided_at
FROM findings_log FINAL
LEFT JOIN (
  SELECT arrayJoin(findings) AS finding, argMax(i.id, i.start) AS incident, argMax(i.status, i.start) AS incident_status,
    argMax(i.assignee, i.start) AS assignee
  FROM incidents_log AS i FINAL WHERE i.status != 'merged' GROUP BY finding
) AS incidents_of ON findings_log.id = incidents_of.finding;
