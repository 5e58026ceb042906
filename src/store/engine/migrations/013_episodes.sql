-- What an episode of alerts is known by, so that it goes on over a restart: when it began to burn and fired, what its evidence is, and since when it is calm.
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS opened_at Nullable(DateTime('UTC')) CODEC(ZSTD(1)) AFTER since;
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS evidence_from Nullable(DateTime('UTC')) CODEC(ZSTD(1)) AFTER quiet_since;
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS evidence_bad UInt64 DEFAULT 0 CODEC(T64, ZSTD(1)) AFTER evidence_from;
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS evidence_users UInt32 DEFAULT 0 CODEC(T64, ZSTD(1)) AFTER evidence_bad;
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS calm_since Nullable(DateTime('UTC')) CODEC(ZSTD(1)) AFTER evidence_users;
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS calm_needed Nullable(UInt64) CODEC(ZSTD(1)) AFTER calm_since;

DROP VIEW IF EXISTS alert_states;

CREATE VIEW alert_states AS
SELECT at, slo, pair, severity, state, since, opened_at, quiet_since, evidence_from, evidence_bad, evidence_users, calm_since, calm_needed, cause
FROM alert_states_log FINAL;
