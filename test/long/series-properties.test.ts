/** What must not matter: the week in which a series is watched, and the zone whose clock it follows. */
import { expect, test } from 'vitest';
import { judgePast } from '../../src/detect/series/history.ts';
import { slotsOf } from '../../src/detect/series/local-week.ts';
import { readModels } from '../../src/detect/series/model.ts';
import { train } from '../../src/detect/series/training.ts';
import { type Fault, series } from '../bench/detection/operations.ts';
import { insertSeries } from '../support/series.ts';
import { testServices } from '../support/store.ts';

const DAY = 1_440;
const TRAINED_DAYS = 14;
const DAYS = 16;
const HOUR_MS = 3_600_000;
/** A Monday, in weeks in which no clock changes. */
const MONDAY = Date.UTC(2026, 0, 5);
const FAULTS: Fault[] = [
  { kind: 'outage', at: TRAINED_DAYS * DAY + 600 },
  { kind: 'latency', at: TRAINED_DAYS * DAY + 900 },
  { kind: 'silence', at: (TRAINED_DAYS + 1) * DAY + 700 },
];
const MADE = [
  { dimension: 'region', value: 'busy', counts: series(11, DAYS, { peak: 30, night: 1 }, FAULTS) },
  { dimension: 'region', value: 'healthy', counts: series(12, DAYS, { peak: 6, night: 0.3 }) },
];

/** What is flagged of the same counts, when the first of them is of that moment and people live by that clock. */
async function flagged(startMs: number, timeZone: string) {
  const atMs = startMs + TRAINED_DAYS * DAY * 60_000;
  const first = startMs / 60_000;
  const services = await testServices({ now: () => startMs + DAYS * DAY * 60_000 });
  const { engine } = services.store;
  await insertSeries(engine, MADE, startMs, [0, DAYS * DAY], ['starts', 'failures', 'latency']);
  await train({ engine, atMs, timeZone, excluded: [] });
  const session = engine.session('detect');
  const models = await readModels(session, atMs);
  const slots = slotsOf(timeZone);
  const circumstances = (minute: number) => ({ slot: slots(minute), isMuted: false, isFeedSilent: false });
  const span = { fromMinute: first + TRAINED_DAYS * DAY, toMinute: first + DAYS * DAY };
  const flags: string[] = [];
  for await (const some of judgePast({ session, models, ...span, timeZone, circumstances }))
    for (const { minute, metric, value, detector, score } of some)
      flags.push(`${minute - first} ${metric} ${value} ${detector} ${score.toFixed(6)}`);
  await services.dispose();
  return flags.sort();
}

test('a series and itself a week later, or by the clock of another zone, are flagged alike', async () => {
  const flags = await flagged(MONDAY, 'UTC');
  expect(new Set(flags.map((flag) => flag.split(' ').slice(1, 4).join(' ')))).toEqual(
    new Set(['failures busy failures', 'latency busy latency', 'starts busy absence']),
  );
  expect(await flagged(MONDAY + 7 * 24 * HOUR_MS, 'UTC')).toEqual(flags);
  expect(await flagged(MONDAY - 9 * HOUR_MS, 'Asia/Tokyo')).toEqual(flags);
  expect(await flagged(MONDAY - 5.75 * HOUR_MS, 'Asia/Kathmandu')).toEqual(flags);
  expect(await flagged(MONDAY + 3.5 * HOUR_MS, 'America/St_Johns')).toEqual(flags);
});
