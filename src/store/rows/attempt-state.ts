/**
 * The state of an attempt or a recovery: nothing but minima and maxima over its events, so that order, repetition and batching cannot
 * matter. `join` of any two parts of the deliveries is the state of both; `settle` reads the contract's rules off it.
 */
import { DAY_MS } from '../../system/time.ts';
import {
  type AttemptName,
  FLAGS,
  type FlagName,
  isRefusedStart,
  isToJoin,
  LABELS,
  type Label,
  type Lifecycle,
  MARKS,
  type MarkName,
} from './attempt-facts.ts';
import { COLUMN, type EventRow } from './event-row.ts';

/** A moment and what stood there: compared by time (milliseconds since 1970), then part by part. */
export type Mark = readonly [time: number, ...parts: (string | number)[]];

type Earliest = MarkName | Label;
const MARK_NAMES = Object.keys(MARKS) as MarkName[];
/** The earliest mark of each kind is kept. */
export const EARLIEST: readonly Earliest[] = [...MARK_NAMES, ...LABELS];
type EarliestMarks = { [K in Earliest]: Mark | undefined };
const NOTHING = Object.fromEntries(EARLIEST.map((name) => [name, undefined])) as EarliestMarks;
type Flags = { [K in FlagName]: boolean };
const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];
const UNSET = Object.fromEntries(FLAG_NAMES.map((name) => [name, false])) as Flags;

/** Marks of which there is none yet; all of one shape, as there are very many. */
export const noMarks = (): EarliestMarks => ({ ...NOTHING });
/** Flags of which none is set. */
export const noFlags = (): Flags => ({ ...UNSET });

export interface AttemptState {
  source: string;
  attemptId: string;
  /** Time of the earliest event. */
  first: number;
  earliest: EarliestMarks;
  flags: Flags;
  /** The latest provider, then the greater. */
  providerFinal?: Mark;
  /** The greatest value other than `user`, or ''. */
  traffic: string;
}

/** Of several ends at one instant, failed comes before expired before cancelled. */
const ATTEMPT_FAILURES: Readonly<Record<string, number>> = { 'enrollment.failed': 0, 'enrollment.expired': 1, 'enrollment.cancelled': 2 };
const FAILURE_RESULT = ['failed', 'expired', 'cancelled'] as const;

/** An attempt: `(source, attempt_id)`. */
export const ATTEMPT: Lifecycle = {
  started: 'enrollment.started',
  completed: 'enrollment.completed',
  failures: ATTEMPT_FAILURES,
  isStep: (type) => type.startsWith('enrollment.'),
  nameOf: attemptOf,
  hasRefusals: true,
};

/** A recovery: `(source, recovery_id)`. */
export const RECOVERY: Lifecycle = {
  started: 'recovery.started',
  completed: 'recovery.completed',
  failures: { 'recovery.failed': 0 },
  isStep: (type) => type === 'recovery.started' || type === 'recovery.completed' || type === 'recovery.failed',
  nameOf: (row) => {
    const recoveryId = row[COLUMN.recovery_id] as string;
    return recoveryId === '' ? undefined : { source: row[COLUMN.source] as string, attemptId: recoveryId };
  },
  hasRefusals: false,
};

function compare(a: Mark, b: Mark): number {
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as string | number;
    const y = b[i] as string | number;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

/**
 * Takes an event into the state of its attempt, which is changed in place, or begins one.
 * The same as joining the event's own state, without making it: most events say nothing new.
 */
export function absorb(state: AttemptState | undefined, row: EventRow, name: AttemptName, lifecycle: Lifecycle): AttemptState {
  const time = row[COLUMN.time] as number;
  const into: AttemptState = state ?? { ...name, first: time, earliest: noMarks(), flags: noFlags(), traffic: '' };
  const { earliest, flags } = into;
  if (time < into.first) into.first = time;
  // Most say nothing new, and a mark is only made where it may.
  const keep = (key: Earliest, parts: readonly (string | number)[]) => {
    const known = earliest[key];
    if (known !== undefined && time > known[0]) return;
    const mark: Mark = [time, ...parts];
    if (known === undefined || compare(mark, known) < 0) earliest[key] = mark;
  };
  for (const key of MARK_NAMES) {
    const parts = MARKS[key].of(row, lifecycle);
    if (parts !== undefined) keep(key, parts);
  }
  for (const label of LABELS) {
    const value = row[COLUMN[label]] as string;
    if (value !== '') keep(label, [value]);
  }
  for (const flag of FLAG_NAMES) flags[flag] ||= FLAGS[flag](row, lifecycle);

  const provider = row[COLUMN.provider] as string;
  const final = into.providerFinal;
  if (provider !== '' && (final === undefined || time >= final[0])) into.providerFinal = later(final, [time, provider]);
  const traffic = row[COLUMN.traffic] as string;
  if (traffic !== 'user' && traffic > into.traffic) into.traffic = traffic;
  return into;
}

/** The attempt that an event concerns: its own, the one that a refused start makes, or none, as when it has to be joined with others. */
function attemptOf(row: EventRow): AttemptName | undefined {
  if (isToJoin(row)) return undefined;
  const source = row[COLUMN.source] as string;
  const attemptId = row[COLUMN.attempt_id] as string;
  if (attemptId !== '') return { source, attemptId };
  return isRefusedStart(row) ? { source, attemptId: `refused:${row[COLUMN.id] as string}` } : undefined;
}

const later = (a: Mark | undefined, b: Mark): Mark => (a && compare(a, b) >= 0 ? a : b);

/** The state of everything that is in either: commutative, associative, idempotent. */
export function join(a: AttemptState, b: AttemptState): AttemptState {
  const earliest = { ...a.earliest };
  for (const key of EARLIEST) {
    const mine = earliest[key];
    const theirs = b.earliest[key];
    if (theirs && (!mine || compare(theirs, mine) < 0)) earliest[key] = theirs;
  }
  const providerFinal = b.providerFinal ? later(a.providerFinal, b.providerFinal) : a.providerFinal;
  return {
    source: a.source,
    attemptId: a.attemptId,
    first: Math.min(a.first, b.first),
    earliest,
    flags: Object.fromEntries(FLAG_NAMES.map((name) => [name, a.flags[name] || b.flags[name]])) as Flags,
    ...(providerFinal && { providerFinal }),
    traffic: a.traffic > b.traffic ? a.traffic : b.traffic,
  };
}

export interface Settlement {
  /** '' when the events make no attempt (a provider request alone, say). */
  result: '' | 'completed' | 'completed_late' | 'failed' | 'expired' | 'cancelled' | 'timed_out' | 'pending';
  observed: 'full' | 'partial';
  /** Milliseconds since 1970; 0 for none. */
  startedAt: number;
  deadline: number;
  settledAt: number;
  /** Settled by the clock: counts only once `settledAt` has passed. */
  byClock: boolean;
  errorClass: string;
  errorCode: string;
  fault: '' | 'provider' | 'system' | 'user' | 'policy' | 'unknown';
  durationMs: number | null;
  /** Hit by an error of our own up to the later of settling and deadline (SLI M5). */
  ownError: boolean;
  /**
   * Minutes (since 1970) at whose end it waits past its TTL: from the first up to, not including, the second; both 0 when it never does.
   * An attempt that is still open is overdue until seven days after its start, unless an end comes in.
   */
  overdueFrom: number;
  overdueUntil: number;
  /** Minute (since 1970) of the start or the settlement, whichever is first: where the attempt's row lies. */
  home: number;
}

/** An attempt that names no TTL is overdue a day after its start (contract, SLI M3). */
const DEFAULT_TTL_MS = DAY_MS;
/** No TTL is longer, and nothing is overdue beyond it. */
const MAX_TTL_MS = 7 * DAY_MS;

const SYSTEM_CLASSES = new Set(['internal', 'storage', 'rate_limit', 'duplicate', 'validation', 'attestation']);

/** How long an attempt may take to its completion, in milliseconds. */
export interface CompletionWindows {
  readonly otherwise: number;
  /** By type of factor. */
  readonly byFactor: Readonly<Record<string, number>>;
}

/** The longest of them, in milliseconds. */
export const longestOf = ({ otherwise, byFactor }: CompletionWindows): number => Math.max(otherwise, ...Object.values(byFactor));

/** How long an attempt of this factor may take, in milliseconds. */
export const windowOf = ({ otherwise, byFactor }: CompletionWindows, factor: string): number => byFactor[factor] ?? otherwise;

/** Applies the contract's rules of start, deadline, settlement and fault. Pure; needs no clock. */
export function settle(state: AttemptState, windows: CompletionWindows): Settlement {
  const { earliest } = state;
  const windowMs = windowOf(windows, String(earliest.factor_type?.[1] ?? ''));
  const isRefusal = !state.flags.enrolled && earliest.refused !== undefined;
  const startedAt = (isRefusal ? earliest.refused : earliest.started)?.[0] ?? 0;
  const end = isRefusal
    ? endedBy('failed', earliest.refused as Mark)
    : startedAt === 0
      ? firstEnd(earliest.completed, earliest.failed)
      : endBy(startedAt + windowMs, earliest.completed, earliest.failed);
  const deadline = startedAt === 0 ? 0 : startedAt + windowMs;
  const settledAt = end ? end.at : deadline;
  // A completion that is not the end came past the deadline: the attempt stays bad, and says that it got there after all.
  const isLate = startedAt !== 0 && earliest.completed !== undefined && end?.result !== 'completed';
  const result = isLate ? 'completed_late' : (end?.result ?? (startedAt !== 0 ? 'timed_out' : state.flags.enrolled ? 'pending' : ''));
  const isBad = result !== 'completed' && result !== 'pending' && result !== '';
  return {
    result,
    observed: startedAt === 0 ? 'partial' : 'full',
    startedAt,
    deadline,
    settledAt,
    byClock: !end && startedAt !== 0,
    errorClass: end?.errorClass ?? '',
    errorCode: end?.errorCode ?? '',
    fault: isBad ? faultOf(end, earliest, deadline || settledAt) : '',
    durationMs: end && startedAt !== 0 ? end.at - startedAt : null,
    ownError: earliest.own_error !== undefined && earliest.own_error[0] <= Math.max(settledAt, deadline),
    ...overdue(startedAt, isRefusal, earliest),
    home: Math.floor((settledAt && startedAt ? Math.min(startedAt, settledAt) : startedAt || settledAt || state.first) / 60_000),
  };
}

/** When an attempt waits past its TTL (contract, SLI M3): from the TTL until its first end, or seven days after its start. */
function overdue(
  startedAt: number,
  isRefusal: boolean,
  earliest: AttemptState['earliest'],
): Pick<Settlement, 'overdueFrom' | 'overdueUntil'> {
  const never = { overdueFrom: 0, overdueUntil: 0 };
  if (startedAt === 0 || isRefusal) return never;
  const ttl = earliest.expires === undefined ? startedAt + DEFAULT_TTL_MS : Number(earliest.expires[1]);
  const from = Math.max(startedAt, Math.min(ttl, startedAt + MAX_TTL_MS));
  const until = Math.min(earliest.completed?.[0] ?? Infinity, earliest.failed?.[0] ?? Infinity, startedAt + MAX_TTL_MS);
  const minuteEndingAt = (ms: number) => Math.ceil(ms / 60_000) - 1;
  const [first, end] = [minuteEndingAt(from), minuteEndingAt(until)];
  return first < end ? { overdueFrom: first, overdueUntil: end } : never;
}

interface End {
  at: number;
  result: Settlement['result'];
  errorClass: string;
  errorCode: string;
}

const endedBy = (result: End['result'], mark: Mark, skip = 0): End => ({
  at: mark[0],
  result,
  errorClass: String(mark[1 + skip]),
  errorCode: String(mark[2 + skip]),
});
const failedBy = (mark: Mark): End => endedBy(FAILURE_RESULT[Number(mark[1])] ?? 'failed', mark, 1);

/** Completed by the deadline wins, then the earliest other end by the deadline. */
function endBy(deadline: number, completed: Mark | undefined, failed: Mark | undefined): End | undefined {
  if (completed && completed[0] <= deadline) return endedBy('completed', completed);
  return failed && failed[0] <= deadline ? failedBy(failed) : undefined;
}

/** Without a start the first end counts, whenever it was. */
function firstEnd(completed: Mark | undefined, failed: Mark | undefined): End | undefined {
  if (completed && (!failed || completed[0] <= failed[0])) return endedBy('completed', completed);
  return failed && failedBy(failed);
}

function faultOf(end: End | undefined, earliest: AttemptState['earliest'], endsBy: number): Settlement['fault'] {
  const errorClass = end?.errorClass ?? '';
  if (errorClass === 'provider') return 'provider';
  if (SYSTEM_CLASSES.has(errorClass) || earliest.refused) return 'system';
  const hasLeft = earliest.ux_abandoned !== undefined && earliest.ux_abandoned[0] <= endsBy;
  if (errorClass === 'client' || errorClass === 'abandoned' || end?.result === 'cancelled' || hasLeft) return 'user';
  return errorClass === 'policy' ? 'policy' : 'unknown';
}
