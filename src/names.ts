/** The one spelling of every metric, label, window and file that leaves Muster. */

export const METRICS = {
  sloWindowEvents: 'muster_slo_window_events',
  sloObjectiveRatio: 'muster_slo_objective_ratio',
  sloBurnRate: 'muster_slo_burn_rate',
  sloErrorBudgetRemaining: 'muster_slo_error_budget_remaining_ratio',
  pendingAttempts: 'muster_pending_attempts',
  apiRequestDuration: 'muster_api_request_duration_seconds',
  collectorEvents: 'muster_collector_events_total',
  collectorRequestDuration: 'muster_collector_request_duration_seconds',
  collectorLag: 'muster_collector_lag_seconds',
} as const;

export const ALERTS = { errorBudgetBurn: 'EnrollmentErrorBudgetBurn' } as const;

/** Look-back windows of burn rates, in seconds, shortest first. */
export const WINDOWS = {
  '5m': 300,
  '30m': 1_800,
  '1h': 3_600,
  '2h': 7_200,
  '6h': 21_600,
  '1d': 86_400,
  '3d': 259_200,
} as const;
export type WindowName = keyof typeof WINDOWS;
export const WINDOW_NAMES = Object.keys(WINDOWS) as WindowName[];

/** Splits that `sli_minutes` keeps beside the whole (dimension ''). */
export const DIMENSIONS = ['region', 'provider', 'factor_type', 'deployment', 'client_version', 'segment'] as const;
export type Dimension = (typeof DIMENSIONS)[number] | 'cold_start';

export const FILES = {
  address: 'muster.json',
  pseudonymKey: 'pseudonym.key',
  vaultKey: 'vault.key',
  engine: 'clickhouse',
  log: 'log',
  loaderState: 'loader-state.json',
  core: 'core.sqlite',
  demo: 'demo.json',
} as const;

/** Names the process that answers, so that nobody takes another one for it. */
export const INSTANCE_HEADER = 'muster-instance';

export const DEFAULT_PORT = 8686;
