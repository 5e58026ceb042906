/** Limits of durations: learned by value, and everything is counted by the same ones, whatever happens in between. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readDelays } from '../../../src/detect/series/durations.ts';
import { openCounts } from '../../../src/detect/series/recount.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const NOON = Date.UTC(2026, 2, 4, 12);
const span = { fromMs: NOON - 3 * DAY, toMs: NOON };
let services: TestServices;
let n = 0;
const attempts = (count: number, seconds: (i: number) => number, fields: object) =>
  Array.from({ length: count }, (_, i) => {
    const atMs = span.fromMs + DAY + i * 4 * MINUTE;
    const attempt_id = `a${++n}`;
    const event = (suffix: string, type: string, ms: number) => ({
      id: `${attempt_id}${suffix}`,
      type,
      time: new Date(ms).toISOString(),
      source: 'app',
      attempt_id,
      ...fields,
    });
    return [event('s', 'enrollment.started', atMs), event('e', 'enrollment.completed', atMs + seconds(i) * 1_000)];
  }).flat();

const counts = () => openCounts(services.store.engine, `${services.dataDir}/state.json`);
const slowOf = async (metric: string, value: string): Promise<number> => {
  const [row] = await services.store.read.rows<{ share: number }>(
    `SELECT sum(hits) / sum(trials) AS share FROM series_minutes FINAL
     WHERE metric = {metric: String} AND value = {value: String} AND trials > 0`,
    { metric, value },
  );
  return row?.share ?? Number.NaN;
};
const state = async () => JSON.parse(await readFile(`${services.dataDir}/state.json`, 'utf8')) as Record<string, unknown>;

beforeAll(async () => {
  services = await testServices({ now: () => NOON });
  await takeIn(services, [
    // Codes by post, so to say.
    ...attempts(400, (i) => 100 + (i % 50), { region: 'eu' }),
    ...attempts(250, (i) => 5 + (i % 100) / 10, { region: 'us' }),
    ...attempts(20, () => 5, { region: 'few' }),
  ]);
  await counts().recount(NOON / MINUTE, NOON);
});
afterAll(() => services.dispose());

test('before anything is learned, longer than a minute is slow', async () => {
  expect(await slowOf('latency', 'eu')).toBe(1);
  expect(await slowOf('latency', 'us')).toBe(0);
  expect((await readDelays(services.store.read))({ metric: 'in_flight', dimension: '', value: '' })).toBe(1);
});

test('what is usual is learned, and the whole past is counted by it at once', async () => {
  await counts().learnDurations(span, NOON);
  expect(await slowOf('latency', 'eu')).toBeGreaterThan(0);
  expect(await slowOf('latency', 'eu')).toBeLessThan(0.2);
  expect(await slowOf('in_flight', 'eu')).toBeLessThan(0.2);
  // Far from the whole, it has a limit of its own.
  expect(await slowOf('latency', 'us')).toBeGreaterThan(0);
  expect(await slowOf('latency', 'us')).toBeLessThan(0.2);
  // Of a few nobody can say.
  expect(await slowOf('latency', 'few')).toBe(0);
  const delayOf = await readDelays(services.store.read);
  expect(delayOf({ metric: 'in_flight', dimension: 'region', value: 'us' })).toBe(1);
  expect(delayOf({ metric: 'in_flight', dimension: 'region', value: 'few' })).toBe(3);
  expect(delayOf({ metric: 'starts', dimension: 'region', value: 'eu' })).toBe(0);
});

test('a limit stays as long as what is usual does not move far', async () => {
  const before = await services.store.read.rows('SELECT * FROM series_durations FINAL ORDER BY ALL');
  await takeIn(
    services,
    attempts(300, () => 170, { region: 'eu' }),
  );
  await counts().recount(NOON / MINUTE, NOON);
  await counts().learnDurations({ ...span, toMs: NOON + MINUTE }, NOON);
  expect(await services.store.read.rows('SELECT * FROM series_durations FINAL ORDER BY ALL')).toEqual(before);
});

test('after a crash between the two, everything is counted anew', async () => {
  const counted = () => services.store.read.rows('SELECT * EXCEPT version FROM series_minutes FINAL WHERE trials > 0 ORDER BY ALL');
  const before = await counted();
  await services.store.engine.session('tidy').run('TRUNCATE TABLE series_minutes');
  await writeFile(`${services.dataDir}/state.json`, JSON.stringify({ ...(await state()), isMixed: true }));
  await counts().recount(NOON / MINUTE, NOON);
  expect(await counted()).toEqual(before);
  expect(await state()).toMatchObject({ isMixed: false });
});

test('one late event is no history that comes in; a clock that was ahead has counted nothing that came later', async () => {
  await counts().learned();
  await takeIn(
    services,
    attempts(1, () => 5, { region: 'late' }),
  );
  expect(await counts().recount(NOON / MINUTE, NOON)).toMatchObject({ restatedMinutes: 10, isRestated: false });
  await counts().recount(NOON / MINUTE + 5_000, NOON);
  await counts().learned();
  expect(await counts().recount(NOON / MINUTE + 3, NOON)).toEqual({ version: undefined, restatedMinutes: 0, isRestated: false });
  expect(await counts().recount(NOON / MINUTE + 5, NOON)).toEqual({
    version: expect.any(Number),
    restatedMinutes: 0,
    isRestated: false,
  });
});
