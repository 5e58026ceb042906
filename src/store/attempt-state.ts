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
export type Label = (typeof LABELS)[number];

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

/** The state that one event alone gives, or undefined when it concerns no attempt. */
export function stateOf(row: EventRow): AttemptState | undefined {
  const text = (index: number) => row[index] as string;
  const type = text(COLUMN.type);
  const time = row[COLUMN.time] as number;
  const isApiRequest = type === 'api.request';
  const status = row[COLUMN.http_status] as number | null;
  const isRefusedStart = isApiRequest && text(COLUMN.operation) === 'start' && status !== null && (status >= 500 || status === 429);
  const attemptId = text(COLUMN.attempt_id) || (isRefusedStart ? `refused:${text(COLUMN.id)}` : '');
  if (attemptId === '') return undefined;

  const errorClass = text(COLUMN.error_class);
  const cause: Mark = [time, errorClass, text(COLUMN.error_code)];
  const earliest: AttemptState['earliest'] = {};
  if (type === 'enrollment.started') earliest.started = [time];
  if (type === 'enrollment.completed') earliest.completed = cause;
  const rank = FAILURE_RANK[type];
  if (rank !== undefined) earliest.failed = [time, rank, errorClass, text(COLUMN.error_code)];
  if (isRefusedStart) earliest.refused = cause;
  if ((isApiRequest && status !== null && status >= 500) || errorClass === 'internal' || errorClass === 'storage') {
    earliest.own_error = [time];
  }
  if (type === 'ux.abandoned') earliest.ux_abandoned = [time];
  const expiresAt = row[COLUMN.expires_at] as number | null;
  if (expiresAt !== null) earliest.expires = [time, expiresAt];
  for (const label of LABELS) {
    const value = text(COLUMN[label]);
    if (value !== '') earliest[label] = [time, value];
  }
  const provider = text(COLUMN.provider);
  const traffic = text(COLUMN.traffic);
  return {
    source: text(COLUMN.source),
    attemptId,
    first: time,
    earliest,
    ...(provider !== '' && { providerFinal: [time, provider] }),
    enrolled: type.startsWith('enrollment.'),
    providerRequested: type === 'provider.request',
    providerFellBack: type === 'provider.fallback',
    traffic: traffic === 'user' ? '' : traffic,
  };
}

/** The state of everything that is in either: commutative, associative, idempotent. */
export function join(a: AttemptState, b: AttemptState): AttemptState {
  const earliest = { ...a.earliest };
  for (const key of Object.keys(b.earliest) as Earliest[]) {
    const mine = earliest[key];
    const theirs = b.earliest[key] as Mark;
    if (!mine || compare(theirs, mine) < 0) earliest[key] = theirs;
  }
  const providerFinal =
    a.providerFinal && b.providerFinal
      ? compare(a.providerFinal, b.providerFinal) >= 0
        ? a.providerFinal
        : b.providerFinal
      : (a.providerFinal ?? b.providerFinal);
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
  const result = end
    ? end.result
    : startedAt === 0
      ? state.enrolled
        ? 'pending'
        : ''
      : earliest.completed
        ? 'completed_late'
        : 'timed_out';
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
    fault: isBad ? faultOf(end?.errorClass ?? '', result, earliest, deadline || settledAt) : '',
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

function faultOf(errorClass: string, result: string, earliest: AttemptState['earliest'], endsBy: number): Settlement['fault'] {
  if (errorClass === 'provider') return 'provider';
  if (SYSTEM_CLASSES.has(errorClass) || earliest.refused) return 'system';
  const hasLeft = earliest.ux_abandoned !== undefined && earliest.ux_abandoned[0] <= endsBy;
  if (errorClass === 'client' || errorClass === 'abandoned' || result === 'cancelled' || hasLeft) return 'user';
  return errorClass === 'policy' ? 'policy' : 'unknown';
}
