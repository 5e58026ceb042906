-- What leads the failures while a pair fires, for annotations of alerts.
ALTER TABLE alert_states_log ADD COLUMN IF NOT EXISTS cause String DEFAULT '' CODEC(ZSTD(1));

DROP VIEW IF EXISTS alert_states;

CREATE VIEW alert_states AS SELECT at, slo, pair, severity, state, since, quiet_since, cause FROM alert_states_log FINAL;
