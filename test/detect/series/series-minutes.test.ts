/** What the metrics count: by value, once per device, the same however often and in whatever order events come. */
import { afterEach, expect, test } from 'vitest';
import { openCounts } from '../../../src/detect/series/recount.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 2, 4, 12);
const NOON_MINUTE = NOON / MINUTE;
let services: TestServices;
afterEach(() => services.dispose());

const event = (id: string, type: string, atMs: number, fields: object = {}) => ({
  id,
  type,
  time: new Date(atMs).toISOString(),
  source: 'app',
  ...fields,
});
const attempt = (id: string, atMs: number, end: 'completed' | 'failed' | undefined, seconds: number, fields: object = {}) => [
  event(`${id}-s`, 'enrollment.started', atMs, { attempt_id: id, ...fields }),
  ...(end ? [event(`${id}-e`, `enrollment.${end}`, atMs + seconds * 1_000, { attempt_id: id })] : []),
];

async function counted(events: readonly unknown[][], nowMs = NOON + 60 * MINUTE) {
  services = await testServices({ now: () => nowMs });
  for (const some of events) {
    await takeIn(services, some);
    await openCounts(services.store.engine, `${services.dataDir}/state.json`).recount(NOON_MINUTE + 60, nowMs);
  }
  return allCounts();
}
const allCounts = () =>
  services.store.read.rows<Record<string, unknown>>(
    `SELECT metric, dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) - ${NOON_MINUTE} AS at, trials, hits
     FROM series_minutes FINAL WHERE trials > 0 ORDER BY ALL`,
  );
const of = (rows: Record<string, unknown>[], metric: string, dimension = '', value = '') =>
  rows
    .filter((row) => row.metric === metric && row.dimension === dimension && row.value === value)
    .map(({ at, trials, hits }) => [at, trials, hits]);

test('each metric counts its own: starts, failures by their end, slow completions, what is in flight for too long', async () => {
  const rows = await counted([
    [
      ...attempt('quick', NOON, 'completed', 20, { region: 'eu', provider: 'sms-a' }),
      ...attempt('slow', NOON + 5_000, 'completed', 90, { region: 'eu', provider: 'sms-a' }),
      ...attempt('bad', NOON + 10_000, 'failed', 130, { region: 'us', tenant: 'north' }),
      ...attempt('silent', NOON + 15_000, undefined, 0, { region: 'us' }),
    ],
  ]);
  expect(of(rows, 'starts')).toEqual([[0, 4, 0]]);
  expect(of(rows, 'failures')).toEqual([
    [0, 1, 0],
    [1, 1, 0],
    [2, 1, 1],
    [10, 1, 1],
  ]);
  // As long as nothing is learned, longer than a minute is slow.
  expect(of(rows, 'latency')).toEqual([
    [0, 1, 0],
    [1, 1, 1],
  ]);
  expect(of(rows, 'in_flight')).toEqual([[0, 4, 3]]);
  expect(of(rows, 'starts', 'region', 'eu')).toEqual([[0, 2, 0]]);
  expect(of(rows, 'failures', 'tenant', 'north')).toEqual([[2, 1, 1]]);
  expect(of(rows, 'starts', 'source', 'app')).toEqual([[0, 4, 0]]);
});

test('a device that fails eight times in ten minutes counts once, and so does a person of whom no device is known', async () => {
  const failing = (prefix: string, fields: object) =>
    Array.from({ length: 8 }, (_, i) => attempt(`${prefix}${i}`, NOON + i * 40_000, 'failed', 10, fields)).flat();
  const rows = await counted([
    [
      ...failing('d', { device: 'phone-1' }),
      ...failing('p', { user: 'ada@example.org' }),
      ...failing('n', {}),
      ...attempt('later', NOON + 11 * MINUTE, 'failed', 10, { device: 'phone-1' }),
    ],
  ]);
  const failures = of(rows, 'failures') as number[][];
  const before = failures.filter(([at]) => (at as number) < 10);
  expect(before.reduce((sum, [, , hits]) => sum + (hits as number), 0)).toBe(1 + 1 + 8);
  expect(before.reduce((sum, [, trials]) => sum + (trials as number), 0)).toBe(1 + 1 + 8);
  expect(failures.filter(([at]) => (at as number) >= 10)).toEqual([[11, 1, 1]]);
  expect((of(rows, 'starts') as number[][]).reduce((sum, [, trials]) => sum + (trials as number), 0)).toBe(25);
});

test('late, repeated and shuffled events, in one batch or in many, give the same counts', async () => {
  const all = Array.from({ length: 40 }, (_, i) =>
    attempt(`a${i}`, NOON + i * 31_000, i % 5 === 0 ? 'failed' : i % 7 === 0 ? undefined : 'completed', 5 + i * 4, {
      device: `d${i % 6}`,
      region: i % 2 ? 'eu' : 'us',
    }),
  ).flat();
  const whole = await counted([all]);
  await services.dispose();
  const shuffled = all
    .map((each, i) => ({ each, key: (i * 7_919) % 101 }))
    .sort((a, b) => a.key - b.key)
    .map(({ each }) => each);
  const batches = [0, 1, 2, 3].map((n) => [...shuffled.filter((_, i) => i % 4 === n), ...shuffled.slice(0, 5)]);
  expect(await counted(batches)).toEqual(whole);
});

test('what stays as it is is not written again, and what is gone becomes nothing', async () => {
  await counted([attempt('a', NOON, 'failed', 30, { region: 'eu' })]);
  const { engine } = services.store;
  const written = async () => (await services.store.read.rows<{ n: number }>('SELECT toUInt32(count()) AS n FROM series_minutes'))[0]?.n;
  const before = await written();
  const path = `${services.dataDir}/state.json`;
  await openCounts(engine, `${services.dataDir}/other.json`).recount(NOON_MINUTE + 60, NOON + 60 * MINUTE);
  expect(await written()).toBe(before);
  // An earlier completion takes the failure back.
  await takeIn(services, [event('a-c', 'enrollment.completed', NOON + 20_000, { attempt_id: 'a' })]);
  await openCounts(engine, path).recount(NOON_MINUTE + 60, NOON + 60 * MINUTE);
  expect(of(await allCounts(), 'failures')).toEqual([[0, 1, 0]]);
  expect(of(await allCounts(), 'latency')).toEqual([[0, 1, 0]]);
});

test('minutes that the log has not passed are not counted yet', async () => {
  services = await testServices({ now: () => NOON + 60 * MINUTE });
  await takeIn(services, [...attempt('a', NOON, 'completed', 20), ...attempt('b', NOON + MINUTE, 'completed', 20)]);
  const path = `${services.dataDir}/state.json`;
  await openCounts(services.store.engine, path).recount(NOON_MINUTE + 1, NOON + 2 * MINUTE);
  expect(of(await allCounts(), 'starts')).toEqual([[0, 1, 0]]);
  await openCounts(services.store.engine, path).recount(NOON_MINUTE + 2, NOON + 3 * MINUTE);
  expect(of(await allCounts(), 'starts')).toEqual([
    [0, 1, 0],
    [1, 1, 0],
  ]);
});
