/**
 * The contract's rules of attempts, recoveries and SLIs, on plain arrays, written from the contract alone: another pair of eyes
 * for the store. It sorts and filters lists where the store joins states, and shares no code with it.
 */

export interface Delivered {
  id: string;
  source: string;
  type: string;
  timeMs: number;
  attempt_id?: string;
  recovery_id?: string;
  outcome?: string;
  risk_score?: number;
  assisted?: boolean;
  expires_at?: string;
  user?: string;
  /** The pseudonym of `user`. */
  userRef?: string;
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
  providerRequested: boolean;
  providerFellBack: boolean;
  deniedAtRisk: boolean;
  /** Whom it concerns, as the store knows them; '' for nobody known. */
  userRef: string;
  /** When it waits past its TTL, half-open; null when it never does. */
  overdue: { fromMs: number; untilMs: number } | null;
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
    providerRequested: events.some(({ type }) => type === 'provider.request'),
    providerFellBack: events.some(({ type }) => type === 'provider.fallback'),
    deniedAtRisk: events.some(({ outcome, risk_score }) => outcome === 'denied' && (risk_score ?? 0) >= 0.8),
    userRef: firstUser(events),
    overdue: isEnrollment && startedMs !== null ? modelOverdue(events, startedMs) : null,
  };
}

const DAY_MS = 86_400_000;

function modelOverdue(events: readonly Delivered[], startedMs: number): ModelAttempt['overdue'] {
  const [first] = events
    .flatMap(({ timeMs, expires_at }) => (expires_at === undefined ? [] : [{ timeMs, ttl: Date.parse(expires_at) }]))
    .sort((a, b) => a.timeMs - b.timeMs || a.ttl - b.ttl);
  const fromMs = Math.max(startedMs, Math.min(first ? first.ttl : startedMs + DAY_MS, startedMs + 7 * DAY_MS));
  const ends = events.filter(({ type }) => type === 'enrollment.completed' || ENDS.includes(type)).map(({ timeMs }) => timeMs);
  const untilMs = Math.min(...ends, startedMs + 7 * DAY_MS);
  return fromMs < untilMs ? { fromMs, untilMs } : null;
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

/** The user of the first event that has one, by time, then the smaller reference. */
const firstUser = (events: readonly Delivered[]): string =>
  events.filter(({ userRef }) => userRef).sort(byTimeThen(({ userRef }) => [userRef ?? '']))[0]?.userRef ?? '';

function firstLabel(events: readonly Delivered[], label: 'region' | 'provider' | 'deployment'): string {
  return events.filter((event) => event[label]).sort(byTimeThen((event) => [event[label] ?? '']))[0]?.[label] ?? '';
}

type Labels = Record<'region' | 'provider' | 'deployment', string>;
const labelsOf = (of: Labels): Labels => ({ region: of.region, provider: of.provider, deployment: of.deployment });
const isOfUser = (event: Delivered) => (event.traffic ?? 'user') === 'user';

interface ModelRecovery extends Labels {
  userRef: string;
  settledMs: number;
  isGood: boolean;
  traffic: string;
}

const RECOVERY_MS = 72 * 3_600_000;

/** Recoveries that have settled at `nowMs`. */
function modelRecoveries(delivered: readonly Delivered[], nowMs: number): ModelRecovery[] {
  const groups = Map.groupBy(
    delivered.filter(({ recovery_id }) => recovery_id !== undefined),
    ({ source, recovery_id }) => `${source}/${recovery_id}`,
  );
  return [...groups.values()].flatMap((events) => {
    const times = (type: string) =>
      events
        .filter((event) => event.type === type)
        .map(({ timeMs }) => timeMs)
        .sort((a, b) => a - b);
    const [started] = times('recovery.started');
    const until = started === undefined ? Infinity : started + RECOVERY_MS;
    const [completed] = times('recovery.completed').filter((timeMs) => timeMs <= until);
    const [failed] = times('recovery.failed').filter((timeMs) => timeMs <= until);
    const isCompleted = completed !== undefined && (started !== undefined || failed === undefined || completed <= failed);
    const settledMs = isCompleted ? completed : (failed ?? (started === undefined ? undefined : until <= nowMs ? until : undefined));
    if (settledMs === undefined) return [];
    return [
      {
        settledMs,
        userRef: firstUser(events),
        isGood: isCompleted && !events.some(({ assisted }) => assisted),
        traffic: events.map(({ traffic }) => traffic ?? 'user').filter((traffic) => traffic !== 'user')[0] ?? 'user',
        region: firstLabel(events, 'region'),
        provider: firstLabel(events, 'provider'),
        deployment: firstLabel(events, 'deployment'),
      },
    ];
  });
}

export interface ModelFigures {
  /** `sli|minute|dimension|value` → `good/total`, for the whole and for region, provider and deployment. */
  minutes: Map<string, string>;
  /** `sli|minute` → different users among the bad, each bad one without a user counting as one. */
  users: Map<string, string>;
}

export function modelFigures(delivered: readonly Delivered[], windowMs: number, nowMs: number): ModelFigures {
  const hit = new Map<string, { known: Set<string>; anonymous: number }>();
  const counts = new Map<string, [number, number]>();
  const add = (sli: string, minute: number, dimension: string, value: string, isGood: boolean) => {
    const key = `${sli}|${minute}|${dimension}|${value}`;
    const [good, total] = counts.get(key) ?? [0, 0];
    counts.set(key, [good + Number(isGood), total + 1]);
  };
  const count = (sli: string, atMs: number, labels: Labels, isGood: boolean, userRef: string) => {
    if (!isGood) {
      const key = `${sli}|${Math.floor(atMs / 60_000)}`;
      const users = hit.get(key) ?? { known: new Set(), anonymous: 0 };
      if (userRef === '') users.anonymous += 1;
      else users.known.add(userRef);
      hit.set(key, users);
    }
    for (const [dimension, value] of [['', ''], ...Object.entries(labels)] as [string, string][])
      add(sli, Math.floor(atMs / 60_000), dimension, value, isGood);
  };
  const attempts = [...modelAttempts(delivered, windowMs, nowMs).values()].filter(({ traffic }) => traffic === 'user');
  for (const attempt of attempts) {
    if (attempt.settledMs === null) continue;
    const labels = labelsOf(attempt);
    const isCompleted = attempt.result === 'completed';
    const at = attempt.settledMs;
    count('M5', at, labels, !attempt.ownError, attempt.userRef);
    if (attempt.providerRequested) count('M7', at, labels, !attempt.providerFellBack, attempt.userRef);
    if (attempt.deniedAtRisk) count('M9', at, labels, false, attempt.userRef);
    if (attempt.observed !== 'full') continue;
    count('M1', at, labels, isCompleted, attempt.userRef);
    if (attempt.fault !== 'user' && attempt.fault !== 'policy') count('M1S', at, labels, isCompleted, attempt.userRef);
    if (isCompleted && (attempt.durationMs ?? -1) >= 0) count('M2', at, labels, (attempt.durationMs ?? 0) <= 60_000, attempt.userRef);
  }
  for (const recovery of modelRecoveries(delivered, nowMs)) {
    if (recovery.traffic === 'user') count('M4', recovery.settledMs, labelsOf(recovery), recovery.isGood, recovery.userRef);
  }
  const winners = new Map<string, Delivered>();
  for (const event of delivered) {
    const identity = JSON.stringify([event.source, event.id, event.timeMs, event.user ?? '']);
    const known = winners.get(identity);
    if (!known || event.contentHash > known.contentHash) winners.set(identity, event);
  }
  const events = [...winners.values()].filter(isOfUser);
  const eventLabels = (event: Delivered): Labels => ({
    region: event.region ?? '',
    provider: event.provider ?? '',
    deployment: event.deployment ?? '',
  });
  for (const event of events) {
    const labels = eventLabels(event);
    if (event.type === 'access.blocked') count('M9', event.timeMs, labels, false, event.userRef ?? '');
    if (event.type === 'deploy.rolled_back') count('M10', event.timeMs, labels, false, event.userRef ?? '');
    if (event.type !== 'api.request' || event.http_status === undefined) continue;
    count('A1', event.timeMs, labels, event.http_status < 500 && event.http_status !== 429, event.userRef ?? '');
    if (event.duration_ms !== undefined)
      count('M6', event.timeMs, labels, event.http_status < 500 && event.duration_ms < 500, event.userRef ?? '');
  }

  const splits = (labels: Labels) => [['', ''], ...Object.entries(labels)] as [string, string][];
  const groups = <T>(items: readonly T[], labels: (item: T) => Labels) =>
    [
      ...Map.groupBy(
        items.flatMap((item) => splits(labels(item)).map((split) => ({ item, split }))),
        ({ split }) => split.join('|'),
      ),
    ].map(([key, of]) => ({ split: key.split('|') as [string, string], items: of.map(({ item }) => item) }));
  const started = attempts.filter(({ observed }) => observed === 'full');
  for (const attempt of started) {
    for (const split of splits(labelsOf(attempt))) add('M3:starts', Math.floor((attempt.startedMs ?? 0) / 60_000), ...split, false);
  }
  for (const { split, items } of groups(started, labelsOf)) {
    const starts = items.map(({ startedMs }) => startedMs ?? 0);
    for (let minute = Math.floor(Math.min(...starts) / 60_000); (minute + 1) * 60_000 <= nowMs; minute++) {
      const end = (minute + 1) * 60_000;
      const recent = starts.filter((start) => start < end && start >= end - DAY_MS).length;
      const overdue = items.filter((attempt) => attempt.overdue && attempt.overdue.fromMs <= end && end < attempt.overdue.untilMs).length;
      if (recent > 0) add('M3', minute, ...split, overdue / recent < 0.01);
    }
  }
  const completed = attempts.filter(({ result, settledMs }) => result === 'completed' && settledMs !== null);
  const tickets = events.filter(({ type }) => type === 'ticket.opened');
  const ticketGroups = groups(tickets, eventLabels);
  for (const { split, items } of groups(completed, labelsOf)) {
    const ends = items.map(({ settledMs }) => settledMs ?? 0);
    const opened = ticketGroups.find((group) => group.split.join('|') === split.join('|'))?.items ?? [];
    for (let hour = Math.floor(Math.min(...ends) / 3_600_000); (hour + 1) * 3_600_000 <= nowMs; hour++) {
      const end = (hour + 1) * 3_600_000;
      const isInWeek = (timeMs: number) => timeMs < end && timeMs >= end - 7 * DAY_MS;
      const done = ends.filter(isInWeek).length;
      const rate = (opened.filter(({ timeMs }) => isInWeek(timeMs)).length / done) * 1_000;
      if (done > 0) add('M8', hour * 60 + 59, ...split, rate < 5);
    }
  }
  return {
    minutes: new Map([...counts].map(([key, [good, total]]) => [key, `${good}/${total}`])),
    users: new Map([...hit].map(([key, { known, anonymous }]) => [key, String(known.size + anonymous)])),
  };
}
