/**
 * Attempts of sources whose records share no id: what one person did, near in time, is put together by factor and device.
 * A function of the set of records, so that neither their order nor their repetition matters.
 */
import { type CompletionWindows, windowOf } from './attempt-state.ts';
import { COLUMN, type EventRow } from './event-row.ts';

/** Of records at one instant, in the order in which one brings about the other. */
const TURNS: readonly string[] = ['started', 'challenge_issued', 'verification_failed', 'failed', 'expired', 'cancelled', 'completed'].map(
  (name) => `enrollment.${name}`,
);
const FAILURES: ReadonlySet<string> = new Set(['enrollment.failed', 'enrollment.expired', 'enrollment.cancelled']);
/** Records that say two of one of these are of two attempts; those that do not say are of either. */
const KEYS = ['factor_type', 'device_ref', 'factor_id'] as const;
/** Of a person at once: more than anybody has. */
const MAX_OPEN = 32;
type Keys = Record<(typeof KEYS)[number], string>;

interface Attempt extends Keys {
  rows: EventRow[];
  startedMs: number;
  isStarted: boolean;
  end: '' | 'failed' | 'completed';
}

const timeOf = (row: EventRow): number => row[COLUMN.time] as number;
const typeOf = (row: EventRow): string => row[COLUMN.type] as string;
const orderOf = (row: EventRow): string => `${row[COLUMN.id]}\0${row[COLUMN.attempt_id]}`;

function compareRecords(a: EventRow, b: EventRow): number {
  const turn = (row: EventRow) => TURNS.indexOf(typeOf(row));
  return timeOf(a) - timeOf(b) || turn(a) - turn(b) || (orderOf(a) < orderOf(b) ? -1 : 1);
}

/**
 * The attempts that these records of one person and source make, each with its records; it is named after the first of them.
 * A start opens an attempt unless one is open, which then was begun again. An end belongs to the latest attempt that is within its window
 * and that no known factor, device or factor record tells apart. A completion after a failure makes good an attempt whose start was seen; a
 * second completion is the same registration, told twice.
 */
export function joinedAttempts(rows: readonly EventRow[], windows: CompletionWindows): EventRow[][] {
  const attempts: Attempt[] = [];
  for (const row of rows.toSorted(compareRecords)) {
    const open = attempts.slice(-MAX_OPEN).filter((attempt) => reaches(attempt, row, windows) && takes(attempt, row));
    const exact = open.filter(({ factor_type }) => factor_type !== '' && factor_type === row[COLUMN.factor_type]);
    const chosen = exact.at(-1) ?? open.at(-1);
    if (chosen === undefined) attempts.push(begun(row));
    else add(chosen, row);
  }
  return attempts.map((attempt) => attempt.rows);
}

const begun = (row: EventRow): Attempt => {
  const attempt: Attempt = { rows: [], startedMs: timeOf(row), isStarted: false, end: '', factor_type: '', device_ref: '', factor_id: '' };
  add(attempt, row);
  return attempt;
};

function add(attempt: Attempt, row: EventRow): void {
  const type = typeOf(row);
  attempt.rows.push(row);
  if (type === 'enrollment.started') attempt.isStarted = true;
  if (type === 'enrollment.completed') attempt.end = 'completed';
  else if (FAILURES.has(type) && attempt.end === '') attempt.end = 'failed';
  for (const key of KEYS) attempt[key] ||= row[COLUMN[key]] as string;
}

const reaches = (attempt: Attempt, row: EventRow, windows: CompletionWindows): boolean =>
  timeOf(row) - attempt.startedMs <= windowOf(windows, attempt.factor_type || (row[COLUMN.factor_type] as string));

function takes(attempt: Attempt, row: EventRow): boolean {
  if (KEYS.some((key) => attempt[key] !== '' && row[COLUMN[key]] !== '' && attempt[key] !== row[COLUMN[key]])) return false;
  const type = typeOf(row);
  if (type === 'enrollment.started') return attempt.end === '';
  if (type === 'enrollment.completed') return attempt.end !== 'failed' || attempt.isStarted;
  return attempt.end === '' || (attempt.end === 'failed' && attempt.isStarted);
}
