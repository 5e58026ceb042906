/** The alerts beside the burn rates, each against a store that makes it fire, and against the nearest one that must not. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { correlate } from '../../../src/detect/incidents/correlate.ts';
import { type Incident, resolved } from '../../../src/detect/incidents/incident.ts';
import { writeIncidents } from '../../../src/detect/incidents/incident-table.ts';
import type { Signal } from '../../../src/detect/incidents/signal.ts';
import { ALERTS } from '../../../src/names.ts';
import { webhookSender } from '../../../src/publish/notify/webhook.ts';
import { BESIDE_ALERTS } from '../../../src/slo/evaluate/alerts/index.ts';
import { DEFAULT_THRESHOLDS, thresholdsIn } from '../../../src/slo/evaluate/alerts/thresholds.ts';
import { type ActiveAlert, createAlertWatch } from '../../../src/slo/evaluate/companion-watch.ts';
import { createEvaluator, type Evaluation } from '../../../src/slo/evaluate/evaluator.ts';
import { createNotifier } from '../../../src/slo/evaluate/notifications.ts';
import { findingsSince } from '../../../src/store/records/findings.ts';
import { receiver } from '../../support/servers.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
/** A Wednesday, 12:00. */
const NOON = Date.UTC(2026, 2, 4, 12);

let services: TestServices;
let n = 0;
beforeAll(async () => {
  services = await testServices();
});
afterAll(async () => {
  await services.dispose();
});

const event = (type: string, atMs: number, fields: object = {}) => ({
  id: `e${++n}`,
  type,
  time: new Date(atMs).toISOString(),
  source: 'hand',
  ...fields,
});
/** An attempt that ends 20 s after its start. */
const attempt = (atMs: number, isGood: boolean, fields: object = {}) => {
  const attempt_id = `a${++n}`;
  return [
    event('enrollment.started', atMs, { attempt_id, ...fields }),
    event(isGood ? 'enrollment.completed' : 'enrollment.failed', atMs + 20_000, {
      attempt_id,
      ...fields,
      ...(!isGood && { error_class: 'internal' }),
    }),
  ];
};
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const evaluateAt = (atMs: number): Promise<Evaluation> =>
  createEvaluator({
    engine: services.store.engine,
    slos: services.slos,
    now: () => atMs,
    onProblem: (message) => {
      throw new Error(message);
    },
  }).evaluate();

/** Conditions of one alert at a moment. */
async function conditions(detector: string, atMs: number) {
  const alert = BESIDE_ALERTS.find((each) => each.detector === detector);
  const evaluation = await evaluateAt(atMs);
  return alert?.check({
    engine: services.store.engine,
    slos: services.slos,
    atMs,
    evaluation,
    thresholdsOf: thresholdsIn(DEFAULT_THRESHOLDS),
  });
}

describe('provider outage', () => {
  const request = (atMs: number, outcome: string, fields: object) => event('provider.request', atMs, { outcome, ...fields });

  test('pages where half of ten requests fail and the provider carries a tenth of the attempts', async () => {
    const place = { provider: 'sms-a', region: 'eu' };
    await takeIn(services, [
      ...times(10, (i) => request(NOON - 4 * MINUTE + i * 1_000, i < 5 ? 'failure' : 'success', place)),
      ...times(10, (i) => attempt(NOON - 30 * MINUTE + i * 1_000, true, i < 1 ? place : { region: 'us' })).flat(),
    ]);
    expect(await conditions('provider_outage', NOON)).toMatchObject([
      { severity: 'page', provider: 'sms-a', region: 'eu', evidence: { requests: 10, failed: 5, attempts_share: 0.1 } },
    ]);
  });

  test('is a ticket where it carries less, nothing with nine requests or four failures in ten, and over once the window has passed', async () => {
    const at = NOON + 2 * HOUR;
    const all = (provider: string, requests: number, failed: number) =>
      times(requests, (i) => request(at - 4 * MINUTE + i * 1_000, i < failed ? 'timeout' : 'success', { provider, region: 'eu' }));
    await takeIn(services, [
      ...all('rare', 10, 10),
      ...all('few', 9, 9),
      ...all('well', 10, 4),
      ...times(20, (i) => attempt(at - 30 * MINUTE + i * 1_000, true, { provider: i < 1 ? 'rare' : 'other', region: 'eu' })).flat(),
    ]);
    expect(await conditions('provider_outage', at)).toMatchObject([{ severity: 'ticket', provider: 'rare' }]);
    expect(await conditions('provider_outage', at + 6 * MINUTE)).toEqual([]);
  });

  test('counts a circuit that has been open for two minutes, and not one that closed again', async () => {
    const at = NOON + 4 * HOUR;
    await takeIn(services, [
      event('provider.circuit_opened', at - 2 * MINUTE, { provider: 'open', region: 'eu' }),
      event('provider.circuit_opened', at - MINUTE, { provider: 'just-now', region: 'eu' }),
      event('provider.circuit_opened', at - 9 * MINUTE, { provider: 'closed', region: 'eu' }),
      event('provider.circuit_closed', at - 3 * MINUTE, { provider: 'closed', region: 'eu' }),
    ]);
    expect(await conditions('provider_outage', at)).toMatchObject([{ provider: 'open', evidence: { circuit_open_minutes: 2 } }]);
  });
});

describe('mass lockout', () => {
  const at = NOON + DAY;
  const lockedOut = (atMs: number, users: number, type = 'recovery.failed') =>
    times(users, (i) => event(type, atMs + i * 1_000, { recovery_id: `r${++n}`, user: `user-${i}@example.org` }));

  test('pages for ten people in 15 minutes who usually get in', async () => {
    await takeIn(services, lockedOut(at - 10 * MINUTE, 10));
    expect(await conditions('mass_lockout', at)).toMatchObject([{ severity: 'page', evidence: { users: 10, usual: 0 } }]);
  });

  test('does not for nine, or for one person ten times', async () => {
    await takeIn(services, [
      ...lockedOut(at + 2 * HOUR - 10 * MINUTE, 9),
      ...times(10, (i) => event('recovery.failed', at + 4 * HOUR - 10 * MINUTE + i, { recovery_id: `r${++n}`, user: 'one@example.org' })),
    ]);
    expect(await conditions('mass_lockout', at + 2 * HOUR)).toEqual([]);
    expect(await conditions('mass_lockout', at + 4 * HOUR)).toEqual([]);
  });

  test('counts denied challenges only of people who enrolled within the day', async () => {
    const late = at + 6 * HOUR;
    const denied = (prefix: string) =>
      times(10, (i) => event('challenge.denied', late - 5 * MINUTE + i, { user: `${prefix}-${i}@example.org` }));
    await takeIn(services, denied('old'));
    expect(await conditions('mass_lockout', late)).toEqual([]);
    await takeIn(services, [
      ...times(10, (i) => attempt(late - 20 * HOUR, true, { user: `new-${i}@example.org` })).flat(),
      ...denied('new'),
    ]);
    expect(await conditions('mass_lockout', late)).toMatchObject([{ evidence: { users: 10 } }]);
  });

  test('does not where as many are usual at that hour', async () => {
    const busy = at + 40 * DAY;
    await takeIn(services, [
      ...times(7, (day) => lockedOut(busy - (day + 1) * DAY + 20 * MINUTE, 12)).flat(),
      ...lockedOut(busy + 20 * MINUTE, 12),
    ]);
    // Seven days of 12 people in one of four quarters: 3 usual per quarter, and 12 is less than five times that.
    expect(await conditions('mass_lockout', busy + 30 * MINUTE)).toEqual([]);
  });
});

describe('traffic stopped', () => {
  const at = NOON + 100 * DAY;

  test('pages where nobody starts and at least 20 did in the same half hour of past weeks', async () => {
    await takeIn(
      services,
      [1, 2].flatMap((week) => times(week === 1 ? 22 : 18, (i) => attempt(at - week * WEEK - 25 * MINUTE + i * 1_000, true)).flat()),
    );
    expect(await conditions('traffic_stopped', at)).toMatchObject([{ severity: 'page', evidence: { starts: 0, expected: 20, weeks: 2 } }]);
  });

  test('does not where one starts, where fewer are usual, or where there is no past', async () => {
    expect(await conditions('traffic_stopped', at + 3 * HOUR)).toEqual([]);
    expect(await conditions('traffic_stopped', NOON - 300 * DAY)).toEqual([]);
    await takeIn(services, attempt(at - 10 * MINUTE, true));
    expect(await conditions('traffic_stopped', at)).toEqual([]);
  });
});

describe('rollback advised', () => {
  const deployed = NOON + 200 * DAY;
  /** An hour of attempts before the deploy, and half an hour after it, in which a share fails. */
  const history = (from: number, failing: (deployment: string, i: number) => boolean) => [
    event('deploy.completed', from, { deployment: 'v2' }),
    ...times(120, (i) => attempt(from - 2 * HOUR + i * MINUTE, !failing('v1', i), { deployment: 'v1', user: `u${i}@example.org` })).flat(),
    ...times(90, (i) =>
      attempt(from + 2 * MINUTE + i * 20_000, !failing(i % 3 === 0 ? 'v1' : 'v2', i), {
        deployment: i % 3 === 0 ? 'v1' : 'v2',
        user: `w${i}@example.org`,
      }),
    ).flat(),
  ];

  test('names the deployment that fails since shortly after its deploy', async () => {
    await takeIn(
      services,
      history(deployed, (deployment, i) => deployment === 'v2' && i % 2 === 0),
    );
    const [found] = (await conditions('rollback_advised', deployed + 31 * MINUTE)) ?? [];
    expect(found).toMatchObject({ severity: 'page', deployment: 'v2' });
    expect(Number(found?.evidence.new_bad)).toBeGreaterThan(20);
    expect(found?.evidence.old_bad).toBe(0);
  });

  test('does not when old and new fail alike, or when it burned before the deploy', async () => {
    const alike = deployed + 10 * DAY;
    await takeIn(
      services,
      history(alike, (_deployment, i) => i % 2 === 0 && i > 0),
    );
    expect(await conditions('rollback_advised', alike + 31 * MINUTE)).toEqual([]);
  });
});

test('telemetry stale pages after ten minutes of low coverage, not after three', async () => {
  const at = NOON + 300 * DAY;
  const missing = (minutes: number, endMs: number) =>
    services.store.engine
      .session('evaluate')
      .run(
        `INSERT INTO coverage (minute, covered, lag_seconds) SELECT toDateTime(${endMs / 1_000} - 60 * (number + 1), 'UTC'), 0, 75 FROM numbers(${minutes})`,
      );
  await missing(3, at);
  expect(await conditions('telemetry_stale', at)).toEqual([]);
  await missing(10, at + 2 * HOUR);
  expect(await conditions('telemetry_stale', at + 2 * HOUR)).toMatchObject([{ severity: 'page', evidence: { worst_lag_seconds: 75 } }]);
  // Meanwhile nothing else opens: the windows are frozen.
  const { statuses } = await evaluateAt(at + 2 * HOUR);
  const m1 = statuses.find(({ sli }) => sli === 'M1');
  expect(m1?.alerts.map(({ pair, state }) => [pair, state])).toEqual([
    ['1', 'frozen'],
    ['2', 'frozen'],
    ['3', 'no_traffic'],
    ['4', 'no_traffic'],
  ]);
});

test('a finding opens once, lives through a restart, and resolves when the condition has been gone for five minutes', async () => {
  const at = NOON - 400 * DAY;
  const { engine } = services.store;
  const watch = () =>
    createAlertWatch({
      engine,
      slos: services.slos,
      alerts: BESIDE_ALERTS,
      thresholds: DEFAULT_THRESHOLDS,
      now: () => Date.now(),
      onProblem: (message) => {
        throw new Error(message);
      },
    });
  await takeIn(
    services,
    times(12, (i) => event('provider.request', at - 2 * MINUTE + i, { outcome: 'failure', provider: 'p', region: 'eu' })),
  );
  const findings = async () =>
    (await findingsSince(engine, at - DAY)).filter(({ detector, startMs }) => detector === 'provider_outage' && startMs >= at);
  const first = watch();
  expect(await first.look(await evaluateAt(at))).toMatchObject([{ alert: 'EnrollmentProviderOutage', sinceMs: at }]);
  await first.look(await evaluateAt(at + MINUTE));
  expect(await findings()).toMatchObject([{ status: 'open', startMs: at, endMs: null, dimensions: { provider: 'p', region: 'eu' } }]);

  const second = watch();
  expect(await second.look(await evaluateAt(at + 2 * MINUTE))).toMatchObject([{ sinceMs: at }]);
  // The last failure leaves the five minutes at :03; the finding stays for five more.
  await second.look(await evaluateAt(at + 4 * MINUTE));
  expect(await findings()).toMatchObject([{ status: 'open' }]);
  expect(await second.look(await evaluateAt(at + 9 * MINUTE))).toEqual([]);
  expect(await findings()).toMatchObject([{ status: 'resolved', endMs: at + 2 * MINUTE }]);
});

test('what cannot be written down is told all the same, and written down once it can be', async () => {
  const at = NOON - 500 * DAY;
  const { engine } = services.store;
  await takeIn(
    services,
    times(12, (i) => event('provider.request', at - 2 * MINUTE + i, { outcome: 'failure', provider: 'q', region: 'eu' })),
  );
  const problems: string[] = [];
  let isFull = true;
  // The real engine, whose disk is full for a while.
  const filling = new Proxy(engine, {
    get: (target, name, receiver) =>
      name === 'insert' && isFull ? () => Promise.reject(new Error('no space left')) : Reflect.get(target, name, receiver),
  });
  const watch = createAlertWatch({
    engine: filling,
    slos: services.slos,
    alerts: BESIDE_ALERTS,
    thresholds: DEFAULT_THRESHOLDS,
    now: () => Date.now(),
    onProblem: (message) => problems.push(message),
  });
  const stored = async () => (await findingsSince(engine, at - DAY)).filter(({ dimensions }) => dimensions.provider === 'q');
  expect(await watch.look(await evaluateAt(at))).toMatchObject([{ alert: 'EnrollmentProviderOutage', provider: 'q' }]);
  expect(problems).toEqual(['findings cannot be written: no space left']);
  expect(await stored()).toEqual([]);
  isFull = false;
  await watch.look(await evaluateAt(at + MINUTE));
  expect(await stored()).toMatchObject([{ status: 'open', startMs: at }]);
});

describe('anomaly', () => {
  const at = NOON - 600 * DAY;
  const sign: Signal = {
    source: 'flag',
    name: 'failures',
    of: 'failures',
    dimension: 'region',
    value: 'eu',
    fromMs: at - 10 * MINUTE,
    knownMs: at - 8 * MINUTE,
    toMs: at,
    isPage: true,
  };
  const whole = { ...sign, dimension: '', value: '', isPage: false };
  const burns: Signal = { ...whole, source: 'alert', name: 'enrollment-success', of: 'page', isPage: true };
  const watch = () =>
    createAlertWatch({
      engine: services.store.engine,
      slos: services.slos,
      alerts: BESIDE_ALERTS,
      thresholds: DEFAULT_THRESHOLDS,
      now: () => at,
      onProblem: (message) => {
        throw new Error(message);
      },
    });
  const ofIt = (active: readonly ActiveAlert[]) => active.filter(({ alert }) => alert === ALERTS.anomaly);

  test('is one alert for an incident, where its first flag was; a page of its budget inhibits it, and is told alone', async () => {
    const { engine } = services.store;
    const [incident] = correlate([], [whole, sign, burns], 71, at);
    await writeIncidents(engine, [incident as Incident], at);
    const hook = await receiver();
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const notifier = createNotifier({
      slos: services.slos,
      senders: [webhookSender({ url: hook.url, secret, statePath: join(services.dataDir, 'told.json'), now: () => at })],
      baseUrl: 'http://localhost:8686',
      now: () => at,
      onProblem: (message) => {
        throw new Error(message);
      },
    });
    await takeIn(services, times(120, (i) => attempt(at - 50 * MINUTE + i * 20_000, false, { user: `u${i}`, region: 'eu' })).flat());
    const first = watch();
    const burning = await evaluateAt(at);
    const inhibited = ofIt(await first.look(burning));
    expect(inhibited).toMatchObject([
      { severity: 'page', metric: 'failures', dimension: 'region', value: 'eu', incident: 'INC-71', isInhibited: true },
    ]);
    await notifier.tell(burning, inhibited, new Map());
    expect(hook.received.map(({ body }) => body).join()).toContain(ALERTS.errorBudgetBurn);
    expect(hook.received.map(({ body }) => body).join()).not.toContain(ALERTS.anomaly);
    expect(notifier.told()).toContainEqual({ slo: 'enrollment-success', finding: '', incident: '', atMs: at });

    // Long after, when the budget no longer burns, and the flags go on; another process, with more known of where.
    const later = at + 8 * DAY;
    const [eu] = correlate([], [{ ...sign, knownMs: sign.knownMs - MINUTE, dimension: 'provider', value: 'sms' }], 1, at);
    await writeIncidents(engine, [{ ...(incident as Incident), signals: [...(incident?.signals ?? []), ...(eu?.signals ?? [])] }], later);
    const calm = await evaluateAt(later);
    const active = ofIt(await watch().look(calm));
    expect(active).toMatchObject([{ dimension: 'region', value: 'eu', incident: 'INC-71', isInhibited: false, sinceMs: at }]);
    await notifier.tell(calm, active, new Map());
    expect(hook.received.filter(({ body }) => body.includes(ALERTS.anomaly))).toHaveLength(1);
    await writeIncidents(engine, [resolved(incident as Incident, later)], later + 1);
    expect(ofIt(await first.look(calm))).toEqual([]);
    hook.close();
  });
});
