/** Each SLI against a small store worked out by hand: the example of its docstring, and the cases at the edge of its rule. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sloStatus } from '../../../src/slo/measure/status.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const START = Date.UTC(2026, 2, 1, 9, 0);
const at = (seconds: number) => new Date(START + seconds * 1_000).toISOString();
let services: TestServices;
let n = 0;

const event = (type: string, seconds: number, fields: object = {}) => ({
  id: `e${++n}`,
  type,
  time: at(seconds),
  source: 'hand',
  ...fields,
});
const attempt = (id: string, fields: object = {}) => ({
  starts: (seconds: number) => event('enrollment.started', seconds, { attempt_id: id, ...fields }),
  ends: (type: 'completed' | 'failed' | 'cancelled' | 'expired', seconds: number) =>
    event(`enrollment.${type}`, seconds, { attempt_id: id, ...fields }),
});
const request = (http_status: number | undefined, duration_ms: number | undefined, fields: object = {}) =>
  event('api.request', 30, { http_status, duration_ms, ...fields });

beforeAll(async () => {
  services = await testServices();
  const a = Object.fromEntries([...'abcdefghijk'].map((id) => [id, attempt(id)])) as Record<string, ReturnType<typeof attempt>>;
  const bot = attempt('bot', { traffic: 'bot' });
  const {
    a: quick,
    b: edge,
    c: failed,
    d: silent,
    e: late,
    f: slow,
    g: before,
    h: partial,
    i: both,
    j: minute,
  } = a as Record<'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'g' | 'h' | 'i' | 'j', ReturnType<typeof attempt>>;
  await takeIn(
    services,
    JSON.parse(
      JSON.stringify([
        quick.starts(0),
        quick.ends('completed', 20),
        edge.starts(0),
        edge.ends('completed', 600),
        failed.starts(0),
        failed.ends('failed', 50),
        silent.starts(0),
        late.starts(0),
        late.ends('completed', 601),
        slow.starts(0),
        slow.ends('completed', 61),
        minute.starts(0),
        minute.ends('completed', 60),
        before.starts(60),
        before.ends('completed', 58),
        partial.ends('completed', 40),
        both.starts(0),
        both.ends('failed', 30),
        both.ends('completed', 45),
        bot.starts(0),
        bot.ends('failed', 5),
        request(201, 84),
        request(201, 500),
        request(503, 3),
        request(429, 2),
        request(undefined, 3),
        request(200, undefined),
        request(200, 10, { traffic: 'synthetic' }),
      ]),
    ),
  );
});
afterAll(async () => {
  await services.dispose();
});

/** The other SLIs have a file of their own, and each takes a while. */
const asked = () => services.slos.filter(({ sli }) => ['M1', 'M2', 'M6'].includes(sli.id));
const statusAt = async (seconds: number) =>
  Object.fromEntries((await sloStatus(services.store.engine, asked(), START + seconds * 1_000)).map((status) => [status.sli, status]));

test('M1: completed by the deadline over all that settled; partial ones and bots stay out', async () => {
  // Good: quick, edge, slow, minute, before, both. Bad: failed, silent, late.
  expect((await statusAt(3_600)).M1).toMatchObject({ good: 6, total: 9, sliValue: 6 / 9 });
});

test('M2: of the completed with a start, those that took at most 60 s; a negative duration is left out', async () => {
  // quick 20 s, minute 60 s, both 45 s are good; edge 600 s and slow 61 s are not; before took −2 s.
  expect((await statusAt(3_600)).M2).toMatchObject({ good: 3, total: 5, sliValue: 0.6 });
});

test('M6: requests below 500 ms and without a server error, of those with status and duration', async () => {
  expect((await statusAt(3_600)).M6).toMatchObject({ good: 2, total: 4, sliValue: 0.5 });
});

test('an attempt counts in the minute in which it settles, and silence settles by the clock', async () => {
  // Up to 09:02 exclusive: quick, failed (50 s), slow (61 s), minute (60 s), before (58 s), both (45 s).
  expect((await statusAt(120)).M1).toMatchObject({ good: 5, total: 6 });
  // Up to 09:10 nothing more; the edge, the late and the silent settle in the minute of their deadline.
  expect((await statusAt(600)).M1).toMatchObject({ good: 5, total: 6 });
  expect((await statusAt(660)).M1).toMatchObject({ good: 6, total: 9 });
});

test('windows are half-open and cut to the minute', async () => {
  expect(await statusAt(119)).toEqual(await statusAt(60));
  const { M1 } = await statusAt(600 + 3_600);
  // The hour before 10:10 begins at 09:10: only the three deadlines lie in it, one of them good.
  expect(M1?.burnRates['1h']).toBeCloseTo(2 / 3 / 0.02, 9);
  expect(M1?.burnRates['5m']).toBeNull();
});

test('without events there is no data, and the state says so', async () => {
  const { M1 } = await statusAt(-3_600);
  expect(M1).toMatchObject({ good: 0, total: 0, sliValue: null, errorBudgetRemaining: null, burnRates: { '5m': null, '3d': null } });
  expect(new Set(M1?.alerts.map(({ state }) => state))).toEqual(new Set(['no_traffic']));
});

test('five failures of three people page; the same of two people are too few', async () => {
  const day = 10 * 86_400;
  const outage = (prefix: string, seconds: number, people: number) =>
    Array.from({ length: 6 }, (_, i) => attempt(`${prefix}${i}`, { user: `user-${i % people}@example.org` })).flatMap((each) => [
      each.starts(seconds),
      each.ends('failed', seconds + 5),
    ]);
  await takeIn(services, [...outage('few', day, 2), ...outage('enough', 2 * day, 3)]);
  const states = async (seconds: number) =>
    (await statusAt(seconds)).M1?.alerts
      .filter(({ severity }) => severity === 'page')
      .map(({ pair, state, since }) => [pair, state, since]);
  expect(await states(day + 60)).toEqual([
    ['1', 'too_few', at(day + 60)],
    ['2', 'too_few', at(day + 60)],
  ]);
  expect(await states(2 * day + 60)).toEqual([
    // It burns since the minute in which they failed.
    ['1', 'firing', at(2 * day)],
    ['2', 'joined', at(2 * day)],
  ]);
});
