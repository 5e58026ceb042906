/** The columns of `spans_log`, in order: intake writes rows so, the log keeps them so, the loader hands them to ClickHouse so. */

const COLUMNS = {
  trace_id: 'String',
  span_id: 'String',
  parent_span_id: 'String',
  service: 'String',
  name: 'String',
  kind: 'String',
  /** Microseconds since 1970. */
  start: 'Int64',
  duration_us: 'UInt64',
  has_failed: 'UInt8',
  attributes: 'Map(String, String)',
  /** Milliseconds since 1970. */
  received_at: 'Int64',
} as const;

export interface SpanRow {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  service: string;
  name: string;
  kind: string;
  startUs: number;
  durationUs: number;
  hasFailed: boolean;
  attributes: Record<string, string>;
}

export const SPAN_COLUMN_NAMES = Object.keys(COLUMNS).join(', ');
/** What `file()` is told about the rows of the log. */
export const SPAN_STRUCTURE = Object.entries(COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');
/** The SELECT list that turns rows of the log into rows of `spans_log`. */
export const SPAN_SELECT = Object.keys(COLUMNS)
  .map((name) =>
    name === 'start'
      ? `fromUnixTimestamp64Micro(start, 'UTC')`
      : name === 'received_at'
        ? `fromUnixTimestamp64Milli(received_at, 'UTC')`
        : name,
  )
  .join(', ');

/** A row as one line of the log. */
export const spanLine = (row: SpanRow, receivedAtMs: number): string =>
  `${JSON.stringify([
    row.traceId,
    row.spanId,
    row.parentSpanId,
    row.service,
    row.name,
    row.kind,
    row.startUs,
    row.durationUs,
    Number(row.hasFailed),
    row.attributes,
    receivedAtMs,
  ])}\n`;
