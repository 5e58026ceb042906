/**
 * The state of an attempt: nothing but minima and maxima over its events, so that order, repetition and batching cannot matter.
 * `join` of any two parts of the deliveries is the state of both; `settle` reads the contract's rules off it.
 */
import { COLUMN, type EventRow } from './event-row.ts';

/** Labels of an attempt: the value of the first event that carries one. */
export const LABELS = [
  'factor_type',
  'provider',
  'region',
  'deployment',
  'client_version',
  'channel',
  'user_tier',
  'segment',
  'tenant',
  'environment',
  'user_ref',
] as const;

/** A moment and what stood there: compared by time (milliseconds since 1970), then part by part. */
export type Mark = readonly [time: number, ...parts: (string | number)[]];

/** The earliest mark of each kind is kept. `failed` carries rank, class and code; `completed` and `refused` class and code. */
export const EARLIEST = ['started', 'completed', 'failed', 'refused', 'own_error', 'ux_abandoned', 'expires', ...LABELS] as const;
type Earliest = (typeof EARLIEST)[number];

export interface AttemptState {
  source: string;
  attemptId: string;
  /** Time of the earliest event. */
  first: number;
  earliest: { [K in Earliest]?: Mark };
  /** The latest provider, then the greater. */
  providerFinal?: Mark;
  /** Whether there is any `enrollment.*` event. */
  enrolled: boolean;
  providerRequested: boolean;
  providerFellBack: boolean;
  /** The greatest value other than `user`, or ''. */
  traffic: string;
}

/** Of several ends at one instant, failed comes before expired before cancelled. */
const FAILURE_RANK: Readonly<Record<string, number>> = { 'enrollment.failed': 0, 'enrollment.expired': 1, 'enrollment.cancelled': 2 };
const FAILURE_RESULT = ['failed', 'expired', 'cancelled'] as const;

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
export function absorb(state: AttemptState | undefined, row: EventRow, name: AttemptName): AttemptState {
  const text = (index: number) => row[index] as string;
  const type = text(COLUMN.type);
  const time = row[COLUMN.time] as number;
  const into: AttemptState = state ?? {
    ...name,
    first: time,
    earliest: {},
    enrolled: false,
    providerRequested: false,
    providerFellBack: false,
    traffic: '',
  };
  const { earliest } = into;
  const keep = (key: Earliest, ...parts: (string | number)[]) => {
    const known = earliest[key];
    if (known && time > known[0]) return;
    const mark: Mark = [time, ...parts];
    if (!known || compare(mark, known) < 0) earliest[key] = mark;
  };
  if (time < into.first) into.first = time;

  const status = row[COLUMN.http_status] as number | null;
  const errorClass = text(COLUMN.error_class);
  const errorCode = text(COLUMN.error_code);
  if (type === 'enrollment.started') keep('started');
  else if (type === 'enrollment.completed') keep('completed', errorClass, errorCode);
  else if (type === 'ux.abandoned') keep('ux_abandoned');
  const rank = FAILURE_RANK[type];
  if (rank !== undefined) keep('failed', rank, errorClass, errorCode);
  if (isRefusedStart(row)) keep('refused', errorClass, errorCode);
  const isServerError = type === 'api.request' && status !== null && status >= 500;
  if (isServerError || errorClass === 'internal' || errorClass === 'storage') keep('own_error');
  const expiresAt = row[COLUMN.expires_at] as number | null;
  if (expiresAt !== null) keep('expires', expiresAt);
  for (const label of LABELS) {
    const value = text(COLUMN[label]);
    if (value !== '') keep(label, value);
  }

  const provider = text(COLUMN.provider);
  if (provider !== '') into.providerFinal = later(into.providerFinal, [time, provider]);
  into.enrolled ||= type.startsWith('enrollment.');
  into.providerRequested ||= type === 'provider.request';
  into.providerFellBack ||= type === 'provider.fallback';
  const traffic = text(COLUMN.traffic);
  if (traffic !== 'user' && traffic > into.traffic) into.traffic = traffic;
  return into;
}

export interface AttemptName {
  source: string;
  attemptId: string;
}

/** The attempt that an event concerns: its own, the one that a refused start makes, or none. */
export function attemptOf(row: EventRow): AttemptName | undefined {
  const source = row[COLUMN.source] as string;
  const attemptId = row[COLUMN.attempt_id] as string;
  if (attemptId !== '') return { source, attemptId };
  return isRefusedStart(row) ? { source, attemptId: `refused:${row[COLUMN.id] as string}` } : undefined;
}

/** A start that the API refused or failed: 5xx or 429 (contract, "Attempts"). */
function isRefusedStart(row: EventRow): boolean {
  const status = row[COLUMN.http_status] as number | null;
  return row[COLUMN.type] === 'api.request' && row[COLUMN.operation] === 'start' && status !== null && (status >= 500 || status === 429);
}

const later = (a: Mark | undefined, b: Mark): Mark => (a && compare(a, b) >= 0 ? a : b);

/** The state of everything that is in either: commutative, associative, idempotent. */
export function join(a: AttemptState, b: AttemptState): AttemptState {
  const earliest = { ...a.earliest };
  for (const key of Object.keys(b.earliest) as Earliest[]) {
    const mine = earliest[key];
    const theirs = b.earliest[key] as Mark;
    if (!mine || compare(theirs, mine) < 0) earliest[key] = theirs;
  }
  const providerFinal = b.providerFinal ? later(a.providerFinal, b.providerFinal) : a.providerFinal;
  return {
    source: a.source,
    attemptId: a.attemptId,
    first: Math.min(a.first, b.first),
    earliest,
    ...(providerFinal && { providerFinal }),
    enrolled: a.enrolled || b.enrolled,
    providerRequested: a.providerRequested || b.providerRequested,
    providerFellBack: a.providerFellBack || b.providerFellBack,
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
  /** Minute (since 1970) of the start or the settlement, whichever is first: where the attempt's row lies. */
  home: number;
}

const SYSTEM_CLASSES = new Set(['internal', 'storage', 'rate_limit', 'duplicate', 'validation', 'attestation']);

/** Applies the contract's rules of start, deadline, settlement and fault. Pure; needs no clock. */
export function settle(state: AttemptState, windowMs: number): Settlement {
  const { earliest } = state;
  const isRefusal = !state.enrolled && earliest.refused !== undefined;
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
  const result = isLate ? 'completed_late' : (end?.result ?? (startedAt !== 0 ? 'timed_out' : state.enrolled ? 'pending' : ''));
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
    home: Math.floor((settledAt && startedAt ? Math.min(startedAt, settledAt) : startedAt || settledAt || state.first) / 60_000),
  };
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
