/** Rows of `attempt_states`: an attempt's state and result as columns, and back. */
import { hash } from 'node:crypto';
import { FLAGS, type FlagName, LABELS, type Label, MARKS, type MarkName } from './attempt-facts.ts';
import { type AttemptState, type EARLIEST, type Mark, noFlags, noMarks, type Settlement } from './attempt-state.ts';

type Earliest = (typeof EARLIEST)[number];
const MARK_NAMES = Object.keys(MARKS) as MarkName[];
const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];

/** Rows of the first version have so many marks and labels; a table in ClickHouse keeps the order of its columns, so later ones stand behind. */
const FIRST_MARKS = 7;
const FIRST_LABELS = 11;

/** Grows with each fact: a store that was rolled with less is rolled again, whole. */
export const LAYOUT = MARK_NAMES.length + LABELS.length + FLAG_NAMES.length - 21;

/** The tables that have them. */
export const FACT_TABLES = ['attempt_states', 'recovery_states'] as const;

/** Columns of facts that a table of an older version may lack. */
export const FACT_COLUMNS: Readonly<Record<string, string>> = Object.fromEntries([
  ...LABELS.map((name) => [name, 'LowCardinality(String)']),
  ...FLAG_NAMES.map((name) => [name, 'UInt8']),
]);

/** What each element of `times` is the moment of. */
const TIMES: readonly (Earliest | 'provider_final')[] = [
  ...MARK_NAMES.slice(0, FIRST_MARKS),
  ...LABELS.slice(0, FIRST_LABELS),
  'provider_final',
  ...MARK_NAMES.slice(FIRST_MARKS),
  ...LABELS.slice(FIRST_LABELS),
];

const TIME_INDEX = new Map(TIMES.map((name, index) => [name, index]));

interface Column {
  type: string;
  of: (row: RowParts) => unknown;
  /** Whether it is read back: to rebuild a state, or to know which minutes it counted in. */
  isState?: true;
}

interface RowParts {
  k: string;
  state: AttemptState;
  result: Settlement;
  roll: number;
  /** Where it must no longer be found. */
  deadAt: number | undefined;
}

const relative = ({ first }: AttemptState, mark: Mark | undefined) => (mark ? mark[0] - first + 1 : 0);

/** The columns of `attempt_states` and `recovery_states`. */
const COLUMNS: Readonly<Record<string, Column>> = {
  k: { type: 'UInt64', of: ({ k }) => k, isState: true },
  home: { type: 'UInt32', of: ({ deadAt, result }) => deadAt ?? result.home, isState: true },
  roll: { type: 'UInt64', of: ({ roll }) => roll },
  dead: { type: 'UInt8', of: ({ deadAt }) => (deadAt === undefined ? 0 : 1) },
  source: { type: 'String', of: ({ state }) => state.source, isState: true },
  attempt_id: { type: 'String', of: ({ state }) => state.attemptId, isState: true },
  first: { type: 'UInt64', of: ({ state }) => state.first, isState: true },
  times: {
    type: 'Array(UInt64)',
    of: ({ state }) => TIMES.map((name) => relative(state, name === 'provider_final' ? state.providerFinal : state.earliest[name])),
    isState: true,
  },
  details: { type: 'Array(String)', of: ({ state }) => MARK_NAMES.flatMap((name) => detailsOf(name, state.earliest[name])), isState: true },
  ...Object.fromEntries(
    FLAG_NAMES.map((name): [string, Column] => [name, { type: 'UInt8', of: ({ state }) => Number(state.flags[name]), isState: true }]),
  ),
  traffic: { type: 'String', of: ({ state }) => state.traffic, isState: true },
  ...Object.fromEntries(
    LABELS.map((name): [string, Column] => [name, { type: 'String', of: ({ state }) => state.earliest[name]?.[1] ?? '', isState: true }]),
  ),
  provider_final: { type: 'String', of: ({ state }) => state.providerFinal?.[1] ?? '', isState: true },
  observed: { type: 'String', of: ({ result }) => result.observed },
  started_at: { type: 'UInt64', of: ({ result }) => result.startedAt, isState: true },
  deadline: { type: 'UInt64', of: ({ result }) => result.deadline },
  settled_at: { type: 'UInt64', of: ({ result }) => result.settledAt, isState: true },
  by_clock: { type: 'UInt8', of: ({ result }) => Number(result.byClock), isState: true },
  result: { type: 'String', of: ({ result }) => result.result },
  error_class: { type: 'String', of: ({ result }) => result.errorClass },
  error_code: { type: 'String', of: ({ result }) => result.errorCode },
  fault: { type: 'String', of: ({ result }) => result.fault },
  duration_ms: { type: 'Nullable(Int64)', of: ({ result }) => result.durationMs },
  own_error: { type: 'UInt8', of: ({ result }) => Number(result.ownError) },
  overdue_from: { type: 'UInt32', of: ({ result }) => result.overdueFrom, isState: true },
  overdue_until: { type: 'UInt32', of: ({ result }) => result.overdueUntil, isState: true },
};

const ENTRIES = Object.entries(COLUMNS);
export const ROW_COLUMN_NAMES = Object.keys(COLUMNS).join(', ');
/** Names and types, as `file()` takes them. */
export const ROW_STRUCTURE = ENTRIES.map(([name, { type }]) => `${name} ${type}`).join(', ');
/** Columns that are read back. */
export const STATE_COLUMNS = ENTRIES.flatMap(([name, { isState }]) => (isState ? [name] : [])).join(', ');

export type StateRow = Record<'k' | 'source' | 'attempt_id' | 'traffic' | 'provider_final' | 'by_clock' | FlagName | Label, string> & {
  times: number[];
  details: string[];
  home: number;
  first: number;
  settled_at: number;
  started_at: number;
  overdue_from: number;
  overdue_until: number;
};

/** The key of an attempt: 64 bits of SHA-256 of source and id, as a decimal string. */
export function attemptKey(source: string, attemptId: string): string {
  return BigInt(`0x${hash('sha256', `${source}\0${attemptId}`).slice(0, 16)}`).toString();
}

const detailsOf = (name: MarkName, mark: Mark | undefined): string[] => MARKS[name].parts.map((_, i) => (mark ? String(mark[i + 1]) : ''));

/** One line of `attempt_states` for bulk insert. */
export function toRow(k: string, state: AttemptState, result: Settlement, roll: number, options?: { deadAt?: number }): string {
  const parts = { k, state, result, roll, deadAt: options?.deadAt };
  return JSON.stringify(ENTRIES.map(([, { of }]) => of(parts)));
}

/** The state that a stored row holds. */
export function fromRow(row: StateRow): AttemptState {
  const first = Number(row.first);
  const earliest = noMarks();
  const momentOf = (name: (typeof TIMES)[number]) => Number(row.times[TIME_INDEX.get(name) ?? -1] ?? 0);
  const at = (time: number) => first + time - 1;
  let detail = 0;
  for (const name of MARK_NAMES) {
    const { parts } = MARKS[name];
    const texts = row.details.slice(detail, detail + parts.length);
    detail += parts.length;
    const time = momentOf(name);
    if (time !== 0) earliest[name] = [at(time), ...parts.map((part, i) => (part === 'number' ? Number(texts[i]) : (texts[i] ?? '')))];
  }
  for (const name of LABELS) {
    const time = momentOf(name);
    if (time !== 0) earliest[name] = [at(time), row[name]];
  }
  const flags = noFlags();
  for (const name of FLAG_NAMES) flags[name] = Number(row[name]) === 1;
  const finalTime = momentOf('provider_final');
  return {
    source: row.source,
    attemptId: row.attempt_id,
    first,
    earliest,
    flags,
    ...(finalTime !== 0 && { providerFinal: [at(finalTime), row.provider_final] as const }),
    traffic: row.traffic,
  };
}
