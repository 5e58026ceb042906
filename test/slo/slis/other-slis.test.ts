/** The SLIs beside M1, M2 and M6, each against the example of its docstring and the cases at the edge of its rule. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sloStatus } from '../../../src/slo/measure/status.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Each group has a month of its own. */
const month = (n: number) => Date.UTC(2024, n, 1, 9);

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
const statusAt = async (sli: string, atMs: number) => {
  const asked = services.slos.filter((slo) => slo.sli.id === sli);
  return (await sloStatus(services.store.engine, asked, atMs))[0];
};
/** Good and total of an SLI over its window that ends at a moment. */
const countsAt = async (sli: string, atMs: number) => {
  const status = await statusAt(sli, atMs);
  return [status?.good, status?.total];
};
const attempt = (atMs: number, end: string | undefined, fields: object = {}) => {
  const base = { attempt_id: `a${++n}`, ...fields };
  return [event('enrollment.started', atMs, base), ...(end ? [event(`enrollment.${end}`, atMs + 30_000, base)] : [])];
};
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

test('M1S: of ten, one cancelled and one refused by policy stay out; M1 counts them; bots are shown beside', async () => {
  const at = month(0);
  await takeIn(services, [
    ...times(7, () => attempt(at, 'completed')).flat(),
    ...attempt(at, 'cancelled'),
    ...attempt(at, 'failed', { error_class: 'policy' }),
    ...attempt(at, 'failed', { error_class: 'provider' }),
    ...times(5, () => attempt(at, 'failed', { traffic: 'bot' })).flat(),
  ]);
  expect(await countsAt('M1S', at + HOUR)).toEqual([7, 8]);
  expect(await countsAt('M1', at + HOUR)).toEqual([7, 10]);
  expect((await statusAt('M1', at + HOUR))?.beside.all).toEqual({ good: 7, total: 15 });
});

test('A1: 201 and 422 are served, 429 and 500 are not, one without a status does not count', async () => {
  const at = month(1);
  await takeIn(
    services,
    [201, 422, 429, 500, undefined].map((http_status) => JSON.parse(JSON.stringify(event('api.request', at, { http_status })))),
  );
  expect(await countsAt('A1', at + HOUR)).toEqual([2, 4]);
});

describe('M3', () => {
  const at = month(2);
  const ttl = (atMs: number) => ({ expires_at: new Date(atMs).toISOString() });

  test('two of 200 overdue are not below 1 %, one is; an end in time, or none before the TTL, is not overdue', async () => {
    await takeIn(services, [
      ...times(198, (i) => attempt(at + i * 1_000, 'completed', ttl(at + HOUR))).flat(),
      // Overdue from 10:00 until its end at 10:01:00, and from 10:00 on.
      ...[
        event('enrollment.started', at, { attempt_id: 'ends', ...ttl(at + HOUR) }),
        event('enrollment.expired', at + HOUR + MINUTE, { attempt_id: 'ends' }),
      ],
      ...[event('enrollment.started', at, { attempt_id: 'stays', ...ttl(at + HOUR) })],
    ]);
    const minuteOf = async (endMs: number) => {
      const before = await countsAt('M3', endMs - MINUTE);
      const after = await countsAt('M3', endMs);
      return [Number(after[0]) - Number(before[0]), Number(after[1]) - Number(before[1])];
    };
    expect(await minuteOf(at + HOUR - MINUTE)).toEqual([1, 1]);
    expect(await minuteOf(at + HOUR)).toEqual([0, 1]);
    expect(await minuteOf(at + HOUR + MINUTE)).toEqual([1, 1]);
    // 24 hours after the last start (09:03) no minute counts any more.
    expect(await minuteOf(at + DAY + 3 * MINUTE)).toEqual([0, 1]);
    expect(await minuteOf(at + DAY + 10 * MINUTE)).toEqual([0, 0]);
  });

  test('without a TTL an attempt is overdue a day after its start, and never longer than seven', async () => {
    const start = at + 15 * DAY;
    // One start a day keeps the minutes counted.
    await takeIn(services, [
      ...[event('enrollment.started', start, { attempt_id: 'silent' })],
      ...times(12, (day) => attempt(start + day * DAY + HOUR, 'completed')).flat(),
    ]);
    const badUntil = async (endMs: number) => {
      const [good, total] = await countsAt('M3', endMs);
      return Number(total) - Number(good);
    };
    const before = await badUntil(start + DAY - MINUTE);
    expect(await badUntil(start + DAY)).toBe(before + 1);
    expect(await badUntil(start + 7 * DAY)).toBe(before + 6 * 1_440);
    expect(await badUntil(start + 9 * DAY)).toBe(before + 6 * 1_440);
  });
});

test('M4: completed within 72 hours without help; with help, failed, and silent ones are bad; without a start it settles at its end', async () => {
  const at = month(4);
  const recovery = (recovery_id: string, started: boolean, end: string | undefined, afterMs = HOUR, fields: object = {}) => [
    ...(started ? [event('recovery.started', at, { recovery_id, user: `${recovery_id}@example.org` })] : []),
    ...(end ? [event(`recovery.${end}`, at + afterMs, { recovery_id, ...fields })] : []),
  ];
  await takeIn(services, [
    ...recovery('well', true, 'completed'),
    ...recovery('helped', true, 'completed', HOUR, { assisted: true }),
    ...recovery('failed', true, 'failed'),
    ...recovery('silent', true, undefined),
    ...recovery('edge', true, 'completed', 72 * HOUR),
    ...recovery('late', true, 'completed', 72 * HOUR + 1),
    ...recovery('no-start', false, 'completed'),
    event('recovery.codes_issued', at, { recovery_id: 'codes-alone' }),
  ]);
  expect(await countsAt('M4', at + 2 * HOUR)).toEqual([2, 4]);
  expect(await countsAt('M4', at + 72 * HOUR)).toEqual([2, 4]);
  // At the end of the 72 hours the edge is good, the silent and the late one are not.
  expect(await countsAt('M4', at + 72 * HOUR + MINUTE)).toEqual([3, 7]);
});

test('M5: hit by a 5xx or by internal and storage; provider errors stand beside; partial attempts count', async () => {
  const at = month(5);
  const hit = attempt(at, 'completed');
  const attempt_id = (hit[0] as unknown as { attempt_id: string }).attempt_id;
  await takeIn(services, [
    ...times(7, () => attempt(at, 'completed')).flat(),
    ...hit,
    event('api.request', at + 5_000, { attempt_id, operation: 'verify', http_status: 503 }),
    ...attempt(at, 'failed', { error_class: 'storage' }),
    ...attempt(at, 'failed', { error_class: 'provider' }),
    event('enrollment.completed', at, { attempt_id: 'partial' }),
  ]);
  expect(await countsAt('M5', at + HOUR)).toEqual([9, 11]);
  expect((await statusAt('M5', at + HOUR))?.beside.provider?.total).toBe(1);
});

test('M7: of the attempts that asked a provider, those that did not fall back; on the device there is none to ask', async () => {
  const at = month(6);
  const asked = (falls: boolean) => {
    const [start, end] = attempt(at, 'completed') as [{ attempt_id: string }, object];
    const { attempt_id } = start as unknown as { attempt_id: string };
    return [
      start,
      end,
      event('provider.request', at + 1, { attempt_id, provider: 'p' }),
      ...(falls ? [event('provider.fallback', at + 2, { attempt_id })] : []),
    ];
  };
  await takeIn(services, [
    ...asked(false),
    ...asked(false),
    ...asked(false),
    ...asked(true),
    ...attempt(at, 'completed'),
    ...attempt(at, 'completed'),
  ]);
  expect(await countsAt('M7', at + HOUR)).toEqual([3, 4]);
});

test('M8: 4.5 tickets per 1,000 are below 5, 5.0 are not; an hour counts once it is over', async () => {
  const at = Date.UTC(2024, 7, 20, 9);
  await takeIn(services, times(2_000, (i) => attempt(at + (i % 50) * MINUTE, 'completed')).flat());
  await takeIn(services, [
    ...times(9, (i) => event('ticket.opened', at + i * MINUTE)),
    event('ticket.opened', at + 3 * HOUR + 30 * MINUTE),
  ]);
  expect(await countsAt('M8', at + 59 * MINUTE)).toEqual([0, 0]);
  expect(await countsAt('M8', at + HOUR)).toEqual([1, 1]);
  expect(await countsAt('M8', at + 3 * HOUR)).toEqual([3, 3]);
  expect(await countsAt('M8', at + 4 * HOUR)).toEqual([3, 4]);
  // Seven days later the hours have nothing completed behind them and do not count.
  expect(await countsAt('M8', at + 8 * DAY)).toEqual([3, 7 * 24]);
  expect((await statusAt('M8', at + 4 * HOUR))?.burnRates).toMatchObject({ '5m': null, '30m': null });
});

test('M9 and M10: blocked requests and risky denials; rollbacks of the calendar quarter, and per deploy', async () => {
  const at = Date.UTC(2024, 9, 9, 9);
  await takeIn(services, [
    ...times(3, () => event('access.blocked', at)),
    ...attempt(at, 'failed', { outcome: 'denied', risk_score: 0.9, error_class: 'policy' }),
    ...attempt(at, 'failed', { outcome: 'denied', risk_score: 0.5, error_class: 'policy' }),
    event('deploy.rolled_back', Date.UTC(2024, 8, 30), { deployment: 'v0' }),
    ...times(12, (i) => event('deploy.completed', at - i * HOUR, { deployment: `v${i}` })),
    event('deploy.rolled_back', at, { deployment: 'v3' }),
  ]);
  expect(await statusAt('M9', at + HOUR)).toMatchObject({
    kind: 'count',
    objective: null,
    good: null,
    total: 4,
    sliValue: 4,
    errorBudgetRemaining: null,
    alerts: [],
  });
  expect(await statusAt('M10', at + HOUR)).toMatchObject({ total: 1, window: '1Q', beside: { deploys: { total: 12 } } });
  expect((await statusAt('M10', Date.UTC(2024, 8, 30, 1)))?.total).toBe(1);
});
