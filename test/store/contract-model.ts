/**
 * The contract's rules of attempts and of M1, M2 and M6, on plain arrays, written from the contract alone: another pair of eyes
 * for the store. It sorts and filters lists where the store joins states, and shares no code with it.
 */

export interface Delivered {
  id: string;
  source: string;
  type: string;
  timeMs: number;
  attempt_id?: string;
  user?: string;
  traffic?: string;
  region?: string;
  provider?: string;
  deployment?: string;
  error_class?: string;
  error_code?: string;
  operation?: string;
  http_status?: number;
  duration_ms?: number;
  /** Which of two contents of one identity wins: the greater. */
  contentHash: number;
}

export interface ModelAttempt {
  result: string;
  observed: string;
  startedMs: number | null;
  settledMs: number | null;
  durationMs: number | null;
  errorClass: string;
  fault: string;
  traffic: string;
  region: string;
  provider: string;
  providerFinal: string;
  deployment: string;
  ownError: boolean;
}

const isRefusal = (event: Delivered) =>
  event.type === 'api.request' &&
  event.operation === 'start' &&
  event.http_status !== undefined &&
  (event.http_status >= 500 || event.http_status === 429);

/** Attempts by `source/attempt_id` as known at `nowMs`. */
export function modelAttempts(delivered: readonly Delivered[], windowMs: number, nowMs: number): Map<string, ModelAttempt> {
  const groups = new Map<string, Delivered[]>();
  for (const event of delivered) {
    const attemptId = event.attempt_id ?? (isRefusal(event) ? `refused:${event.id}` : undefined);
    if (attemptId === undefined) continue;
    const key = `${event.source}/${attemptId}`;
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  const attempts = new Map<string, ModelAttempt>();
  for (const [key, events] of groups) {
    const attempt = modelAttempt(events, windowMs, nowMs);
    if (attempt) attempts.set(key, attempt);
  }
  return attempts;
}

const ENDS = ['enrollment.failed', 'enrollment.expired', 'enrollment.cancelled'];

function modelAttempt(events: readonly Delivered[], windowMs: number, nowMs: number): ModelAttempt | undefined {
  const isEnrollment = events.some(({ type }) => type.startsWith('enrollment.'));
  const refusals = events.filter(isRefusal).sort(byTimeThen(causeOf));
  const starts = events.filter(({ type }) => type === 'enrollment.started').map(({ timeMs }) => timeMs);
  if (!isEnrollment && refusals.length === 0) return undefined;
  const startedMs = isEnrollment ? (starts.length > 0 ? Math.min(...starts) : null) : (refusals[0]?.timeMs ?? null);
  const deadline = startedMs === null ? null : startedMs + windowMs;

  const completions = events.filter(({ type }) => type === 'enrollment.completed').sort(byTimeThen(causeOf));
  const failures = events
    .filter(({ type }) => ENDS.includes(type))
    .sort(byTimeThen((event) => [ENDS.indexOf(event.type), ...causeOf(event)]));
  let end: Delivered | undefined;
  if (!isEnrollment) end = refusals[0];
  else if (deadline !== null) {
    end = completions.find(({ timeMs }) => timeMs <= deadline) ?? failures.find(({ timeMs }) => timeMs <= deadline);
  } else {
    end = [...completions, ...failures].sort(
      (a, b) => a.timeMs - b.timeMs || Number(b.type === 'enrollment.completed') - Number(a.type === 'enrollment.completed'),
    )[0];
  }

  let result: string;
  let settledMs: number | null;
  if (end) {
    result = isEnrollment ? end.type.slice('enrollment.'.length) : 'failed';
    settledMs = end.timeMs;
  } else if (deadline !== null && deadline <= nowMs) {
    result = completions.length > 0 ? 'completed_late' : 'timed_out';
    settledMs = deadline;
  } else {
    result = 'pending';
    settledMs = null;
  }
  // A completion after the deadline: bad all the same, but it says so, whatever ended the attempt before.
  const cause = result;
  if (deadline !== null && result !== 'completed' && result !== 'pending' && completions.length > 0) result = 'completed_late';
  const errorClass = end?.error_class ?? '';
  const ownErrors = events.filter(
    (event) =>
      (event.type === 'api.request' && (event.http_status ?? 0) >= 500) ||
      event.error_class === 'internal' ||
      event.error_class === 'storage',
  );
  const ownErrorsUntil = Math.max(end ? end.timeMs : (deadline ?? 0), deadline ?? 0);
  return {
    result,
    observed: startedMs === null ? 'partial' : 'full',
    startedMs,
    settledMs,
    durationMs: end && startedMs !== null ? end.timeMs - startedMs : null,
    errorClass,
    fault:
      result === 'completed' || result === 'pending'
        ? ''
        : modelFault(errorClass, cause, refusals.length > 0, events, deadline ?? settledMs ?? 0),
    traffic:
      events
        .map(({ traffic }) => traffic ?? 'user')
        .filter((traffic) => traffic !== 'user')
        .sort()
        .at(-1) ?? 'user',
    region: firstLabel(events, 'region'),
    provider: firstLabel(events, 'provider'),
    providerFinal:
      events
        .filter(({ provider }) => provider)
        .sort(byTimeThen(({ provider }) => [provider ?? '']))
        .at(-1)?.provider ?? '',
    deployment: firstLabel(events, 'deployment'),
    ownError: ownErrors.some(({ timeMs }) => timeMs <= ownErrorsUntil),
  };
}

function modelFault(errorClass: string, result: string, wasRefused: boolean, events: readonly Delivered[], until: number): string {
  if (errorClass === 'provider') return 'provider';
  if (['internal', 'storage', 'rate_limit', 'duplicate', 'validation', 'attestation'].includes(errorClass) || wasRefused) return 'system';
  const left = events.some(({ type, timeMs }) => type === 'ux.abandoned' && timeMs <= until);
  if (errorClass === 'client' || errorClass === 'abandoned' || result === 'cancelled' || left) return 'user';
  return errorClass === 'policy' ? 'policy' : 'unknown';
}

const causeOf = (event: Delivered): (string | number)[] => [event.error_class ?? '', event.error_code ?? ''];

function byTimeThen(parts: (event: Delivered) => (string | number)[]) {
  return (a: Delivered, b: Delivered) => {
    const left = [a.timeMs, ...parts(a)];
    const right = [b.timeMs, ...parts(b)];
    const index = left.findIndex((part, i) => part !== right[i]);
    return index === -1 ? 0 : (left[index] as string | number) < (right[index] as string | number) ? -1 : 1;
  };
}

function firstLabel(events: readonly Delivered[], label: 'region' | 'provider' | 'deployment'): string {
  return events.filter((event) => event[label]).sort(byTimeThen((event) => [event[label] ?? '']))[0]?.[label] ?? '';
}

/** `sli|minute|dimension|value` → `good/total`, for the whole and for region, provider and deployment. */
export function modelMinutes(delivered: readonly Delivered[], windowMs: number, nowMs: number): Map<string, string> {
  const counts = new Map<string, [number, number]>();
  const count = (sli: string, atMs: number, labels: Record<string, string>, isGood: boolean) => {
    const minute = Math.floor(atMs / 60_000);
    for (const [dimension, value] of [['', ''], ...Object.entries(labels)]) {
      const key = `${sli}|${minute}|${dimension}|${value}`;
      const [good, total] = counts.get(key) ?? [0, 0];
      counts.set(key, [good + Number(isGood), total + 1]);
    }
  };
  for (const attempt of modelAttempts(delivered, windowMs, nowMs).values()) {
    if (attempt.settledMs === null || attempt.traffic !== 'user' || attempt.observed !== 'full') continue;
    const labels = { region: attempt.region, provider: attempt.provider, deployment: attempt.deployment };
    const isCompleted = attempt.result === 'completed';
    count('M1', attempt.settledMs, labels, isCompleted);
    if (isCompleted && (attempt.durationMs ?? -1) >= 0) count('M2', attempt.settledMs, labels, (attempt.durationMs ?? 0) <= 60_000);
  }
  const winners = new Map<string, Delivered>();
  for (const event of delivered) {
    const identity = JSON.stringify([event.source, event.id, event.timeMs, event.user ?? '']);
    const known = winners.get(identity);
    if (!known || event.contentHash > known.contentHash) winners.set(identity, event);
  }
  for (const event of winners.values()) {
    if (
      event.type !== 'api.request' ||
      (event.traffic ?? 'user') !== 'user' ||
      event.http_status === undefined ||
      event.duration_ms === undefined
    )
      continue;
    const labels = { region: event.region ?? '', provider: event.provider ?? '', deployment: event.deployment ?? '' };
    count('M6', event.timeMs, labels, event.http_status < 500 && event.duration_ms < 500);
  }
  return new Map([...counts].map(([key, [good, total]]) => [key, `${good}/${total}`]));
}
