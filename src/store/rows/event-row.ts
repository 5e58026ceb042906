/** The columns of `events`, in order: intake writes rows so, the log keeps them so, the loader hands them to ClickHouse so. */

/** A stored value: absent text is '', an absent number or flag is null. */
export type Cell = string | number | boolean | null | Record<string, string>;
export type EventRow = Cell[];

const LABEL = 'LowCardinality(String)';

export const EVENT_COLUMNS = {
  id: 'String',
  source: LABEL,
  type: LABEL,
  time: 'Int64',
  attempt_id: 'String',
  recovery_id: 'String',
  factor_id: 'String',
  user_ref: 'String',
  actor_ref: 'String',
  device_ref: 'String',
  destination_ref: 'String',
  session_ref: 'String',
  user_tier: LABEL,
  traffic: LABEL,
  channel: LABEL,
  segment: LABEL,
  tenant: LABEL,
  region: LABEL,
  environment: LABEL,
  deployment: LABEL,
  client_version: LABEL,
  provider: LABEL,
  factor_type: LABEL,
  operation: LABEL,
  outcome: LABEL,
  error_class: LABEL,
  error_code: LABEL,
  action: LABEL,
  reason: 'String',
  http_status: 'Nullable(UInt16)',
  duration_ms: 'Nullable(Float64)',
  risk_score: 'Nullable(Float32)',
  cost: 'Nullable(Float64)',
  cost_currency: LABEL,
  cold_start: 'Nullable(Bool)',
  assisted: 'Nullable(Bool)',
  method: LABEL,
  expires_at: 'Nullable(Int64)',
  ip: 'String',
  user_agent: LABEL,
  user_agent_ref: 'String',
  country: LABEL,
  trace_id: 'String',
  span_id: 'String',
  attributes: 'Map(String, String)',
  received_at: 'Int64',
  content_hash: 'UInt32',
} as const;
export type EventColumn = keyof typeof EVENT_COLUMNS;

export const EVENT_COLUMN_NAMES = Object.keys(EVENT_COLUMNS) as EventColumn[];

/** Position of each column in an {@link EventRow}. */
export const COLUMN = Object.fromEntries(EVENT_COLUMN_NAMES.map((name, index) => [name, index])) as Record<EventColumn, number>;

/** What `file()` is told about the rows of the log; times are milliseconds there. */
export const EVENT_STRUCTURE = EVENT_COLUMN_NAMES.map(
  (name) => `${name} ${EVENT_COLUMNS[name].replace('LowCardinality(String)', 'String')}`,
).join(', ');

/** Columns that the log has as milliseconds since 1970, and the table as times. */
export const MILLISECONDS: ReadonlySet<EventColumn> = new Set(['time', 'received_at', 'expires_at']);

/** The SELECT list that turns rows of the log into rows of `events`. */
export const EVENT_SELECT = EVENT_COLUMN_NAMES.map((name) =>
  MILLISECONDS.has(name) ? `fromUnixTimestamp64Milli(${name}, 'UTC')` : name,
).join(', ');
