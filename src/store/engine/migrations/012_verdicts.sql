-- What somebody decided of a finding, and when.
ALTER TABLE findings_log ADD COLUMN IF NOT EXISTS verdict LowCardinality(String) DEFAULT '' AFTER status;
ALTER TABLE findings_log ADD COLUMN IF NOT EXISTS decided_at Nullable(DateTime64(3, 'UTC')) AFTER verdict;

DROP VIEW IF EXISTS findings;

CREATE VIEW findings AS SELECT id, kind, detector, severity, start, end, dimensions, evidence, attack, status, verdict, decided_at FROM findings_log FINAL;
