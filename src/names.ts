/** The one spelling of every metric, label, window and file that leaves Muster. */

export const METRICS = {
  sloWindowEvents: 'muster_slo_window_events',
  sloObjectiveRatio: 'muster_slo_objective_ratio',
  sloBurnRate: 'muster_slo_burn_rate',
  sloErrorBudgetRemaining: 'muster_slo_error_budget_remaining_ratio',
  sloCoverageRatio: 'muster_slo_coverage_ratio',
  sloMaintenance: 'muster_slo_maintenance',
  sloAlertState: 'muster_slo_alert_state',
  sloEvidence: 'muster_slo_evidence_events',
  sloLeadingCause: 'muster_slo_leading_cause',
  sloEvaluated: 'muster_slo_evaluation_timestamp_seconds',
  alertActive: 'muster_alert_active',
  sliEvents: 'muster_sli_events_total',
  findingsOpen: 'muster_findings_open',
  incidentsOpen: 'muster_incidents_open',
  anomalyFlags: 'muster_anomaly_flags_total',
  seriesWatched: 'muster_series_watched',
  pendingAttempts: 'muster_pending_attempts',
  providerHealthy: 'muster_provider_healthy',
  canarySuccess: 'muster_canary_success',
  apiRequestDuration: 'muster_api_request_duration_seconds',
  collectorEvents: 'muster_collector_events_total',
  collectorRequestDuration: 'muster_collector_request_duration_seconds',
  collectorRedactions: 'muster_collector_redactions_total',
  diskFree: 'muster_disk_free_bytes',
  tableBytes: 'muster_table_bytes',
  logBytes: 'muster_log_bytes',
  diskFull: 'muster_disk_full_seconds',
  lateEvents: 'muster_closed_events_total',
  collectorLag: 'muster_collector_lag_seconds',
} as const;

export const ALERTS = {
  errorBudgetBurn: 'EnrollmentErrorBudgetBurn',
  providerOutage: 'EnrollmentProviderOutage',
  massLockout: 'EnrollmentMassLockout',
  trafficStopped: 'EnrollmentTrafficStopped',
  rollbackAdvised: 'EnrollmentRollbackAdvised',
  telemetryStale: 'EnrollmentTelemetryStale',
  anomaly: 'EnrollmentAnomaly',
  monitoringAbsent: 'EnrollmentMonitoringAbsent',
} as const;

/** Look-back windows that every SLO has, shortest first; pairs of one's own may add others. */
export const WINDOW_NAMES = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;

/** Splits that `sli_minutes` keeps beside the whole (dimension ''). */
export const DIMENSIONS = ['region', 'provider', 'factor_type', 'deployment', 'client_version', 'segment'] as const;
export type Dimension = (typeof DIMENSIONS)[number] | 'cold_start';

/** Tables that SQL from outside may rely on, and all that it may read. */
export const TABLES = [
  'events_v',
  'attempts',
  'sli_minutes',
  'alert_inputs',
  'alert_states',
  'coverage_minutes',
  'maintenance',
  'findings',
  'incidents',
  'suppressions',
  'anomaly_flags',
  'audit_log',
  'dead_letters',
] as const;

export const FILES = {
  address: 'muster.json',
  keyRing: 'pseudonym-keys.json',
  /** Of the version before the ring. */
  pseudonymKey: 'pseudonym.key',
  identityKey: 'identity.key',
  references: 'references.sqlite',
  keys: 'keys.json',
  /** Which sources may deliver. */
  sources: 'sources.yaml',
  auditKey: 'audit.key',
  auditHead: 'audit-head.json',
  forgetting: 'forgetting.json',
  quarantine: 'quarantine',
  scratch: 'scratch',
  vaultKeys: 'vault-keys.json',
  /** Of the version before the ring of keys. */
  vaultKey: 'vault.key',
  clickhouseKey: 'clickhouse.key',
  engine: 'clickhouse',
  /** Says which server holds the tables, and who they belong to there. */
  server: 'clickhouse-server.json',
  log: 'log',
  loaderState: 'loader-state.json',
  /** How far series are counted. */
  detection: 'detection-state.json',
  core: 'core.sqlite',
  demo: 'demo.json',
  alive: 'alive',
  /** Says whose directory it is. */
  marker: 'data-directory.txt',
  told: 'webhook-told.json',
  /** What became of what was sent to routes of alerts. */
  deliveries: 'deliveries.json',
  /** One for each of them: its address follows. */
  toldAlertmanager: 'alertmanager-told',
} as const;

/** Names the process that answers, so that nobody takes another one for it. */
export const INSTANCE_HEADER = 'muster-instance';

export const DEFAULT_PORT = 8686;
/** Of the ClickHouse endpoint. */
export const DEFAULT_CLICKHOUSE_PORT = 8123;
