/** How fast series are learned, judged over four weeks, and judged live; each beside a plain sum by series of the same rows, which ClickHouse does in the same run. */
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { judgePast } from '../../../src/detect/series/history.ts';
import { openLiveSeries } from '../../../src/detect/series/live-series.ts';
import { slotsOf } from '../../../src/detect/series/local-week.ts';
import { readModels } from '../../../src/detect/series/model.ts';
import { train } from '../../../src/detect/series/training.ts';
import type { Session } from '../../../src/store/engine/engine.ts';
import { insertSeries } from '../../support/series.ts';
import { testServices } from '../../support/store.ts';
import { series } from './operations.ts';

const DAY = 1_440;
const DAYS = 28;
const LIVE_MINUTES = 5;
const START_MS = Date.UTC(2026, 1, 2);
const METRICS = ['starts', 'failures', 'latency'] as const;

const timed = async <T>(work: () => Promise<T>): Promise<[seconds: number, result: T]> => {
  const startMs = performance.now();
  const result = await work();
  return [(performance.now() - startMs) / 1_000, result];
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes that JavaScript holds on to. */
async function held(): Promise<number> {
  // Buffers of ClickHouse's answers are given back some turns after the objects that had them.
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await setTimeout(20);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Measures so many series of each of three metrics, and says what came out. */
export async function speed(size: number, seed: number): Promise<void> {
  const endMs = START_MS + DAYS * DAY * 60_000;
  const services = await testServices({ now: () => endMs });
  const { engine } = services.store;
  const session = engine.session('detect');
  for (let i = 0; i < size; i++)
    await insertSeries(
      engine,
      [{ dimension: 'slice', value: `s${i}`, counts: series(seed * 7 + i, DAYS + 1) }],
      START_MS,
      [0, DAYS * DAY],
      [...METRICS],
    );
  const [scan] = await timed(() =>
    session.rows('SELECT metric, dimension, value, sum(trials), sum(hits) FROM series_minutes FINAL GROUP BY ALL'),
  );
  const [learned] = await timed(() => train({ engine, atMs: endMs, timeZone: 'Europe/Berlin', excluded: [] }));
  const slots = slotsOf('Europe/Berlin');
  const toMinute = endMs / 60_000;
  const before = await held();
  const { size: watched, flags, seconds: judged } = await judgedPast(session, slots, endMs);
  const [opened, live] = await timed(async () => {
    const all = await openLiveSeries(engine, slots, toMinute);
    await all.judge(undefined, toMinute);
    return all;
  });
  const memory = ((await held()) - before) / 2 ** 20;
  let slowest = 0;
  for (let m = 1; m <= LIVE_MINUTES; m++) {
    await session.run(`INSERT INTO series_minutes SELECT metric, dimension, value, toDateTime(${(toMinute + m - 1) * 60}, 'UTC'), trials, hits, ${1_000 + m}
      FROM series_minutes FINAL WHERE minute = toDateTime(${(toMinute - 60) * 60}, 'UTC')`);
    const [seconds] = await timed(() => live.judge(1_000 + m, toMinute + m));
    slowest = Math.max(slowest, seconds);
  }
  await services.dispose();
  const beside = (seconds: number) => `${seconds.toFixed(1)} s, ${(seconds / scan).toFixed(1)} times the plain sum`;
  console.log(`\n${watched} series of four weeks (a plain sum by series takes ${scan.toFixed(2)} s)`);
  console.log(`  learned in ${beside(learned)}; judged in ${beside(judged)} (${flags} minutes flagged)`);
  console.log(
    `  live: opened in ${opened.toFixed(1)} s with ${memory.toFixed(0)} MB more; a minute in at most ${(slowest * 1_000).toFixed(0)} ms`,
  );
}

async function judgedPast(session: Session, slots: ReturnType<typeof slotsOf>, endMs: number) {
  const models = await readModels(session, endMs);
  const [fromMinute, toMinute] = [START_MS / 60_000, endMs / 60_000];
  const circumstances = (minute: number) => ({ slot: slots(minute), isMuted: false, isFeedSilent: false });
  let flags = 0;
  const [seconds] = await timed(async () => {
    for await (const some of judgePast({ session, models, fromMinute, toMinute, timeZone: 'Europe/Berlin', circumstances }))
      flags += some.length;
  });
  return { size: models.length, flags, seconds };
}
