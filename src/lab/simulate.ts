/**
 * The simulator: a deterministic history of enrollments with known truth. It shares no code with the SLIs: what it says of its attempts
 * it knows because it made them.
 */

import { WINDOW_NAMES } from '../names.ts';
import { windowSeconds } from '../slo/arithmetic/windows.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../system/time.ts';
import { backOfficeEvents } from './back-office.ts';
import { type Conditions, FAULTS, type ScheduledFault } from './faults.ts';
import { attemptsPerMinute, somebody } from './population.ts';
import { type Random, seededRandom } from './random.ts';
import { iso, type Scenario, type SimulatedEvent, SOURCE } from './scenario.ts';

const TIME_LIMIT_MS = 600_000;
const FACTORS_REMOVED_PER_DAY = 12;
const RECOVERIES_PER_DAY = 24;
const TICKETS_PER_DAY = 4;
const BLOCKED_PER_DAY = 9;
const CALM: Conditions = {
  providerFails: 0.004,
  storageFails: 0.0015,
  slowness: 1,
  duplicates: 0,
  seedFails: 0,
  attestationFails: 0,
  isLimited: 0,
  staysPartial: 0,
  leaksSecret: 0,
};
/** A seed that nobody has: what a page must never send. */
const LEAKED = 'otpauth://totp/acme:somebody?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=acme';
const TRUTH_WINDOWS = [...WINDOW_NAMES, '30d'];

/** SLIs whose truth the simulator knows, by its own account of what befell whom. */
const TRUE_SLIS = ['M1', 'M1S', 'A1', 'M2', 'M5', 'M6', 'M7'] as const;
type TrueSli = (typeof TRUE_SLIS)[number];

/** What the simulator knows of one attempt or request: when it counts, and in which SLIs it was good or bad. */
interface Known {
  atMs: number;
  isGood: Partial<Record<TrueSli, boolean>>;
}

export interface Truth {
  seed: number;
  start: string;
  end: string;
  attempts: Record<string, number>;
  events: number;
  /** Good and total per SLI over the windows that end at `end`. Attempts that would still run at `end` are left out of the history. */
  windows: Record<string, Record<TrueSli, [good: number, total: number]>>;
  faults: { name: string; start: string; end: string }[];
  deploys: { deployment: string; time: string; rolledBack: string | null }[];
}

export interface SimulatedDay {
  /** Number of the day, from 0. */
  day: number;
  days: number;
  events: SimulatedEvent[];
}

interface Deploy {
  deployment: string;
  atMs: number;
  rolledBackMs: number | undefined;
}

/** A simulation of a scenario: its days, oldest first, and the truth once all days were taken. */
export function simulate(scenario: Scenario): { days: Generator<SimulatedDay>; truth: () => Truth } {
  const startMs = scenario.endMs - scenario.days * DAY_MS;
  const deploys = plannedDeploys(scenario, startMs);
  const known: Known[] = [];
  const attempts: Record<string, number> = {};
  let events = 0;

  function* days(): Generator<SimulatedDay> {
    for (let day = 0; day < scenario.days; day++) {
      const day0 = startMs + day * DAY_MS;
      const random = seededRandom(scenario.seed, day + 1);
      const made: SimulatedEvent[] = deployEvents(deploys, day0, random).concat(
        incidentEvents(scenario, day0, random),
        factorEvents(scenario, day0),
        recoveryEvents(scenario, day0),
        deskEvents(scenario, day0),
        backOfficeEvents(scenario, day0),
      );
      for (let minute = 0; minute < 1_440; minute++) {
        const at = day0 + minute * MINUTE_MS;
        const count = random.poisson(attemptsPerMinute(at, { startMs, endMs: scenario.endMs, perDay: scenario.perDay }));
        for (let i = 0; i < count; i++) {
          const attempt = oneAttempt(at + random.integer(MINUTE_MS), random, scenario, deploys);
          if (attempt.settledMs >= scenario.endMs) continue;
          made.push(...attempt.events);
          known.push(...attempt.known);
          attempts[attempt.result] = (attempts[attempt.result] ?? 0) + 1;
        }
      }
      made.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
      events += made.length;
      yield { day, days: scenario.days, events: made };
    }
  }

  const truth = (): Truth => ({
    seed: scenario.seed,
    start: iso(startMs),
    end: iso(scenario.endMs),
    attempts,
    events,
    windows: Object.fromEntries(
      TRUTH_WINDOWS.map((name) => {
        const within = known.filter(({ atMs }) => atMs >= scenario.endMs - windowSeconds(name) * 1_000 && atMs < scenario.endMs);
        const count = (sli: TrueSli): [number, number] => [
          within.filter(({ isGood }) => isGood[sli] === true).length,
          within.filter(({ isGood }) => isGood[sli] !== undefined).length,
        ];
        return [name, Object.fromEntries(TRUE_SLIS.map((sli) => [sli, count(sli)])) as Record<TrueSli, [number, number]>];
      }),
    ),
    faults: scenario.faults.map(({ fault, startMs: from, endMs: to }) => ({ name: fault.name, start: iso(from), end: iso(to) })),
    deploys: deploys.map(({ deployment, atMs, rolledBackMs }) => ({
      deployment,
      time: iso(atMs),
      rolledBack: rolledBackMs === undefined ? null : iso(rolledBackMs),
    })),
  });
  return { days: days(), truth };
}

/** The faults of the demo, at busy hours: a provider down for four hours nine days ago, and a deploy that broke the database eighteen days ago. */
export function demoFaults(endMs: number): ScheduledFault[] {
  const [outage, migration] = FAULTS;
  if (!outage || !migration) throw new Error('the demo needs both faults');
  const today = Math.floor(endMs / DAY_MS) * DAY_MS;
  const outageMs = today - 9 * DAY_MS + 12 * HOUR_MS;
  const migrationMs = today - 18 * DAY_MS + 14 * HOUR_MS;
  return [
    { fault: migration, startMs: migrationMs, endMs: migrationMs + 55 * MINUTE_MS },
    { fault: outage, startMs: outageMs, endMs: outageMs + 4 * HOUR_MS },
  ];
}

/** A deploy every five days or so, and one for each fault that a deploy brings. */
function plannedDeploys(scenario: Scenario, startMs: number): Deploy[] {
  const random = seededRandom(scenario.seed, 0);
  const planned: Omit<Deploy, 'deployment'>[] = [{ atMs: startMs, rolledBackMs: undefined }];
  for (let day = 3; day < scenario.days; day += 4 + random.integer(3)) {
    planned.push({ atMs: startMs + day * DAY_MS + (9 + random.integer(7)) * HOUR_MS, rolledBackMs: undefined });
  }
  for (const { fault, startMs: from, endMs } of scenario.faults) {
    if (fault.isDeploy) planned.push({ atMs: from, rolledBackMs: endMs });
  }
  return planned.sort((a, b) => a.atMs - b.atMs).map((deploy, n) => ({ ...deploy, deployment: `24-${n + 1}` }));
}

function deploymentAt(deploys: readonly Deploy[], atMs: number): string {
  const standing = deploys.filter((deploy) => deploy.atMs <= atMs && (deploy.rolledBackMs === undefined || deploy.rolledBackMs > atMs));
  return standing.at(-1)?.deployment ?? '24-1';
}

function deployEvents(deploys: readonly Deploy[], day0: number, random: Random): SimulatedEvent[] {
  const isToday = (ms: number | undefined): ms is number => ms !== undefined && ms >= day0 && ms < day0 + DAY_MS;
  const event = (type: string, atMs: number, deployment: string, extra: object = {}): SimulatedEvent => ({
    id: random.uuid(atMs),
    type,
    time: iso(atMs),
    source: 'ci',
    deployment,
    ...extra,
  });
  return deploys.flatMap(({ deployment, atMs, rolledBackMs }) => [
    ...(isToday(atMs) ? [event('deploy.completed', atMs, deployment, { outcome: 'success' })] : []),
    ...(isToday(rolledBackMs) ? [event('deploy.rolled_back', rolledBackMs, deployment, { reason: 'error budget burn' })] : []),
  ]);
}

function incidentEvents(scenario: Scenario, day0: number, random: Random): SimulatedEvent[] {
  const event = (type: string, atMs: number, n: number, reason: string): SimulatedEvent => ({
    id: random.uuid(atMs),
    type,
    time: iso(atMs),
    source: 'on-call',
    action: `INC-${211 + n}`,
    reason,
  });
  return scenario.faults.flatMap(({ fault, startMs, endMs }, n) =>
    [event('incident.opened', startMs + 6 * MINUTE_MS, n, fault.name), event('incident.resolved', endMs, n, fault.name)].filter(
      ({ time }) => Date.parse(time) >= day0 && Date.parse(time) < day0 + DAY_MS,
    ),
  );
}

/** A few factors a day are taken away: most by their owners, some by the help desk. */
function factorEvents(scenario: Scenario, day0: number): SimulatedEvent[] {
  const random = seededRandom(scenario.seed, day0 / DAY_MS, FACTORS_REMOVED_PER_DAY);
  return Array.from({ length: random.poisson(FACTORS_REMOVED_PER_DAY) }, () => {
    const atMs = day0 + random.integer(DAY_MS);
    const { user, region, tenant, factor_type } = somebody(random);
    const isHelpDesk = random.chance(0.3);
    return {
      id: random.uuid(atMs),
      type: isHelpDesk ? 'factor.reset' : 'factor.revoked',
      time: iso(atMs),
      source: SOURCE,
      user,
      region,
      tenant,
      factor_type,
      ...(isHelpDesk && { actor: `helpdesk-${1 + random.integer(4)}@example.org`, reason: 'device lost' }),
    };
  });
}

/** People who lost their device: most help themselves within the hour, some need a person, a few fail or give up. */
function recoveryEvents(scenario: Scenario, day0: number): SimulatedEvent[] {
  const random = seededRandom(scenario.seed, day0 / DAY_MS, RECOVERIES_PER_DAY);
  return Array.from({ length: random.poisson(RECOVERIES_PER_DAY) }, () => {
    const startMs = day0 + random.integer(DAY_MS);
    const { user, region, tenant } = somebody(random);
    const base = { recovery_id: random.uuid(startMs), user, region, tenant, channel: 'recovery', method: 'code' };
    const event = (type: string, atMs: number, extra: object = {}): SimulatedEvent => ({
      id: random.uuid(atMs),
      type,
      time: iso(atMs),
      source: SOURCE,
      ...base,
      ...extra,
    });
    const endMs = startMs + Math.round(random.logNormal(18 * MINUTE_MS, 1.1));
    const isAssisted = random.chance(0.02);
    const end = random.chance(0.015)
      ? [event('recovery.failed', endMs, { outcome: 'failure', error_class: 'client' })]
      : [event('recovery.completed', endMs, { outcome: 'success', ...(isAssisted && { assisted: true, method: 'admin' }) })];
    return [event('recovery.started', startMs), ...(random.chance(0.004) ? [] : end)];
  })
    .flat()
    .filter(({ time }) => Date.parse(time) < scenario.endMs);
}

/** What the help desk and the front door see: tickets, more of them while something is broken, and strangers turned away. */
function deskEvents(scenario: Scenario, day0: number): SimulatedEvent[] {
  const random = seededRandom(scenario.seed, day0 / DAY_MS, TICKETS_PER_DAY + BLOCKED_PER_DAY);
  const at = (fromMs: number, toMs: number) => fromMs + random.integer(Math.max(1, toMs - fromMs));
  const event = (type: string, source: string, atMs: number, extra: object = {}): SimulatedEvent => {
    const { user, region, tenant } = somebody(random);
    return { id: random.uuid(atMs), type, time: iso(atMs), source, user, region, tenant, ...extra };
  };
  const ofFaults = scenario.faults.flatMap(({ startMs, endMs }) => {
    const from = Math.max(startMs, day0);
    const to = Math.min(endMs + HOUR_MS, day0 + DAY_MS);
    return from < to ? Array.from({ length: random.poisson((to - from) / (10 * MINUTE_MS)) }, () => at(from, to)) : [];
  });
  const usual = Array.from({ length: random.poisson(TICKETS_PER_DAY * (scenario.perDay / 1_770)) }, () => at(day0, day0 + DAY_MS));
  return [
    ...[...usual, ...ofFaults].map((atMs) => event('ticket.opened', 'help-desk', atMs, { reason: 'cannot enroll' })),
    ...Array.from({ length: random.poisson(BLOCKED_PER_DAY) }, () =>
      event('access.blocked', SOURCE, at(day0, day0 + DAY_MS), { reason: 'ip_reputation', risk_score: 0.9 }),
    ),
  ].filter(({ time }) => Date.parse(time) < scenario.endMs);
}

/** The trace of an attempt and the n-th span in it, made of its id. */
const traceOf = (attemptId: string, n: number) => ({
  trace_id: attemptId.replaceAll('-', ''),
  span_id: `${n.toString(16).padStart(4, '0')}${attemptId.slice(-12)}`,
});

const AUTHENTICATORS = ['security-key-a', 'security-key-b', 'platform-phone', 'platform-laptop', 'password-manager'] as const;

/** An authenticator shows what it is; now and then the first one is refused, and another one taken. */
function attest(emit: (type: string, extra: object) => void, attemptId: string): void {
  // The id is as good as chance.
  const chance = Number.parseInt(attemptId.slice(-8), 16);
  const isRefused = chance % 25 === 0;
  const of = (n: number) => ({ attributes: { authenticator: AUTHENTICATORS[n % AUTHENTICATORS.length] as string } });
  if (isRefused)
    emit('attestation.rejected', { outcome: 'failure', error_class: 'attestation', error_code: 'authenticator_not_allowed', ...of(4) });
  emit('attestation.verified', { outcome: 'success', ...of(isRefused ? 0 : chance + 1) });
}

interface Ended {
  isGood: boolean;
  whose: 'user' | 'ours' | 'other';
  durationMs: number;
  hasProvider: boolean;
  isRescued: boolean;
}

/** In which SLIs an attempt counts, and whether as good. */
const truthOf = ({ isGood, whose, durationMs, hasProvider, isRescued }: Ended): Known['isGood'] => ({
  M1: isGood,
  ...(whose !== 'user' && { M1S: isGood }),
  ...(isGood && { M2: durationMs <= 60_000 }),
  M5: whose !== 'ours',
  ...(hasProvider && { M7: !isRescued }),
});

/** One person's way through the enrollment, as events, and what the simulator knows of it. */
function oneAttempt(startMs: number, random: Random, scenario: Scenario, deploys: readonly Deploy[]) {
  const person = somebody(random);
  const { provider, ...labels } = person;
  const conditions = scenario.faults
    .filter((each) => startMs >= each.startMs && startMs < each.endMs)
    .reduce((current, { fault }) => fault.affect(person, current), CALM);
  const base = {
    attempt_id: random.uuid(startMs),
    ...labels,
    ...(provider !== undefined && { provider }),
    deployment: deploymentAt(deploys, startMs),
    channel: 'self_service',
  };
  const events: SimulatedEvent[] = [];
  const known: Known[] = [];
  let nowMs = startMs;
  const emit = (type: string, extra: object = {}) => {
    events.push({ id: random.uuid(nowMs), type, time: iso(nowMs), source: SOURCE, ...base, ...extra });
  };
  const request = (operation: string, status: number) => {
    const durationMs = Math.round(random.logNormal(92, 0.62) * conditions.slowness);
    emit('api.request', {
      operation,
      http_status: status,
      duration_ms: durationMs,
      cold_start: random.chance(0.01),
      ...traceOf(base.attempt_id, events.length + 1),
    });
    known.push({ atMs: nowMs, isGood: { A1: status < 500 && status !== 429, M6: status < 500 && durationMs < 500 } });
  };
  let isRescued = false;
  const endAttempt = (result: string, whose: Ended['whose'] = 'other') => {
    const isGood = result === 'completed';
    const settledMs = result === 'timed_out' ? startMs + TIME_LIMIT_MS : nowMs;
    // The clean-up ends what was left open, a little after its time.
    const sweptMs = startMs + TIME_LIMIT_MS + 5_000 + random.integer(55_000);
    if (result === 'timed_out' && sweptMs < scenario.endMs) {
      nowMs = sweptMs;
      emit('enrollment.expired');
    }
    const hasProvider = events.some(({ type }) => type === 'provider.request');
    known.push({ atMs: settledMs, isGood: truthOf({ isGood, whose, durationMs: nowMs - startMs, hasProvider, isRescued }) });
    return { events, known, result, settledMs };
  };

  /** Draws only where there is something to draw for, so that a fault changes nothing but what it meets. */
  const happens = (chance: number): boolean => chance > 0 && random.chance(chance);
  const fails = (errorClass: string, errorCode: string, whose: Ended['whose'] = 'other') => {
    emit('enrollment.failed', { outcome: 'failure', error_class: errorClass, error_code: errorCode });
    return endAttempt('failed', whose);
  };

  if (happens(conditions.isLimited)) {
    request('start', 429);
    emit('enrollment.started', { expires_at: iso(startMs + TIME_LIMIT_MS) });
    return fails('rate_limit', 'too_many_requests', 'ours');
  }
  if (random.chance(conditions.storageFails)) {
    request('start', 500);
    emit('enrollment.started', { expires_at: iso(startMs + TIME_LIMIT_MS) });
    return fails('storage', 'db_write_failed', 'ours');
  }
  request('start', 201);
  emit('enrollment.started', { expires_at: iso(startMs + TIME_LIMIT_MS) });
  if (provider !== undefined) {
    nowMs += 20 + random.integer(300);
    const isLost = random.chance(conditions.providerFails);
    const cost = person.factor_type === 'sms' ? { cost: 0.042, cost_currency: 'EUR' } : {};
    emit('provider.request', { outcome: isLost ? 'failure' : 'success', duration_ms: nowMs - startMs, ...cost });
    // The standby carries what fails now and then; in an outage its quota is gone at once.
    isRescued = isLost && conditions.providerFails < 0.5 && random.chance(0.4);
    if (isRescued) {
      nowMs += 5_000;
      emit('provider.fallback', { reason: 'delivery failed' });
      emit('provider.request', { outcome: 'success', duration_ms: 240, provider: `${person.factor_type}-standby` });
    } else if (isLost && random.chance(0.6)) {
      nowMs += 30_000;
      return fails('provider', 'undelivered');
    }
    if (isLost && !isRescued) return endAttempt('timed_out');
  }
  emit('enrollment.challenge_issued');
  nowMs += Math.round(Math.min(random.logNormal(21_000, 0.55), 420_000));
  if (random.chance(0.0045)) {
    emit('ux.abandoned', { action: 'enter_code' });
    return endAttempt('timed_out', 'user');
  }
  if (random.chance(0.003)) {
    emit('enrollment.cancelled', { reason: 'chose another factor' });
    return endAttempt('cancelled', 'user');
  }
  if (happens(conditions.leaksSecret)) emit('ux.error', { error_class: 'client', reason: `cannot draw ${LEAKED}` });
  const neverMatches = happens(conditions.seedFails);
  while (neverMatches || random.chance(0.06)) {
    request('verify', 422);
    emit('enrollment.verification_failed', { error_class: 'client', error_code: 'wrong_code' });
    nowMs += Math.round(random.logNormal(9_000, 0.4));
    if (events.length > 14) {
      return fails('client', 'too_many_wrong_codes', 'user');
    }
  }
  if (happens(conditions.attestationFails)) {
    emit('attestation.rejected', { outcome: 'failure', error_class: 'attestation', error_code: 'chain_expired' });
    return fails('attestation', 'chain_expired', 'ours');
  }
  request('verify', 200);
  if (happens(conditions.staysPartial)) return endAttempt('timed_out');
  if (happens(conditions.duplicates)) {
    emit('factor.duplicate_detected', { factor_id: random.uuid(nowMs), reason: 'repeated without an idempotency key' });
    return fails('duplicate', 'factor_exists', 'ours');
  }
  if (person.factor_type === 'webauthn') attest(emit, base.attempt_id);
  emit('enrollment.completed', { outcome: 'success', duration_ms: nowMs - startMs, factor_id: random.uuid(nowMs) });
  return endAttempt('completed');
}
