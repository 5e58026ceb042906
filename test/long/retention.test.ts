/** Retention: months go, figures stay; what comes late for them is kept and counts nowhere. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { sloReport } from '../../src/slo/measure/report.ts';
import { type TestServices, takeIn, testServices } from '../support/store.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 20, 12);
const OLD = Date.UTC(2026, 2, 10, 12);
let open: TestServices | undefined;
afterEach(async () => {
  await open?.dispose();
  open = undefined;
});

const settings = (archive: string) => ({ MUSTER_RETENTION: 'events=60d,spans=60d', MUSTER_ARCHIVE: archive });
let n = 0;
const attempt = (atMs: number, isGood: boolean) => {
  n += 1;
  const event = (type: string, ms: number, more: object = {}) => ({
    id: `${type}-${n}`,
    type,
    time: new Date(ms).toISOString(),
    source: 'app',
    attempt_id: `a${n}`,
    user: `user-${n}`,
    ...more,
  });
  return [
    event('enrollment.started', atMs),
    event('api.request', atMs + 500, { http_status: isGood ? 200 : 503, duration_ms: 40, operation: 'start' }),
    event(isGood ? 'enrollment.completed' : 'enrollment.failed', atMs + 1_000, isGood ? {} : { error_class: 'internal' }),
  ];
};
/** All figures at three moments: when the old events were new, a little later, and now. */
const figures = async ({ store, slos }: TestServices) =>
  JSON.stringify(await Promise.all([OLD + DAY, OLD + 20 * DAY, NOW].map((atMs) => sloReport(store.engine, slos, atMs))));
const months = async ({ store }: TestServices) =>
  (await store.read.rows<{ month: number }>('SELECT DISTINCT toUInt32(toYYYYMM(time)) AS month FROM events ORDER BY month')).map(
    ({ month }) => month,
  );

test('months that are no longer kept go to the archive; their figures stay through late events, other definitions and restarts', async () => {
  const archive = await mkdtemp(join(tmpdir(), 'muster-archive-'));
  const environment = settings(archive);
  open = await testServices({ now: () => NOW, environment });
  const old = Array.from({ length: 20 }, (_, i) => attempt(OLD + i * 3_600_000, i % 5 !== 0)).flat();
  await takeIn(open, [...old, ...attempt(Date.UTC(2026, 3, 5), false), ...attempt(NOW - DAY, true)]);
  const before = await figures(open);
  expect(await months(open)).toEqual([202603, 202604, 202606]);

  await open.store.loader.retain();
  // The sixtieth day back is in April: it is kept whole.
  expect(await months(open)).toEqual([202604, 202606]);
  expect(await figures(open)).toBe(before);
  expect(open.problems).toEqual(['events of 2026-03 were dropped: they are kept for 60 days']);
  const archived = join(archive, 'events-202603.parquet');
  expect((await stat(archived)).size).toBeGreaterThan(1_000);
  expect(
    await open.store.read.rows(
      `SELECT toUInt32(count()) AS n, toUInt32(uniqExact(attempt_id)) AS attempts FROM file('${archived}', 'Parquet')`,
    ),
  ).toEqual([{ n: 60, attempts: 20 }]);

  // Late: one that was there, one that is new, and one of an attempt that is kept.
  const late = await takeIn(open, [...old.slice(0, 3), ...attempt(OLD + 60_000, false)]);
  expect(late).toMatchObject({ rejected: [] });
  expect(open.store.loader.stats().lateEvents).toBe(6);
  expect(await figures(open)).toBe(before);
  expect(await months(open)).toEqual([202603, 202604, 202606]);

  // Other definitions of SLIs make all minutes anew that are not closed.
  const { dataDir } = open;
  await open.close();
  const path = join(dataDir, 'loader-state.json');
  const state = JSON.parse(await readFile(path, 'utf8')) as { closedMinute: number };
  expect(state.closedMinute).toBe(Date.UTC(2026, 3, 1) / 60_000);
  await writeFile(path, JSON.stringify({ ...state, definitions: 'others' }));
  open = await testServices({ now: () => NOW, environment, dataDir });
  expect(await figures(open)).toBe(before);
  await takeIn(open, attempt(NOW - 3_600_000, false));
  expect(await figures(open)).not.toBe(before);

  // What came late goes with the next look, into a file of its own.
  await open.store.loader.retain();
  expect(await months(open)).toEqual([202604, 202606]);
  const more = join(archive, 'events-202603-2.parquet');
  expect(await open.store.read.rows(`SELECT toUInt32(count()) AS n FROM file('${more}', 'Parquet')`)).toEqual([{ n: 6 }]);
  await rm(archive, { recursive: true, force: true });
});

test.each([
  ['events=10d', 'at least 35 days'],
  ['minutes=400d', 'alert_states'],
  ['events=400', 'expected such as'],
])('MUSTER_RETENTION=%s is refused', async (text, why) => {
  await expect(testServices({ environment: { MUSTER_RETENTION: text } })).rejects.toThrow(why);
});
