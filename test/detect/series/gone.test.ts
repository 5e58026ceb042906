/** A value that has gone for good: a provider that is no longer used. */
import { expect, test } from 'vitest';
import { judgePast } from '../../../src/detect/series/history.ts';
import { slotsOf } from '../../../src/detect/series/local-week.ts';
import { readModels, type SeriesModel } from '../../../src/detect/series/model.ts';
import { train } from '../../../src/detect/series/training.ts';
import { volume } from '../../../src/detect/series/volume.ts';
import { type Flag, watchSeries } from '../../../src/detect/series/watched-series.ts';
import { series } from '../../bench/detection/operations.ts';
import { insertSeries } from '../../support/series.ts';
import { testServices } from '../../support/store.ts';

const START = Date.UTC(2026, 2, 2);
const DAY = 1_440;
const DAYS = 21;
const END = START + DAYS * 86_400_000;
const first = START / 60_000;
const ZONE = 'Europe/Berlin';

test('a value that has gone is missed for a day, and forgotten after four', async () => {
  const gone = { dimension: 'provider', value: 'gone', counts: series(9, DAYS, { peak: 6, night: 6 }) };
  const lastDay = 12 * DAY;
  const other = await testServices({ now: () => END });
  const { engine } = other.store;
  await insertSeries(engine, [gone], START, [0, lastDay], ['starts']);
  await train({ engine, atMs: START + lastDay * 60_000, timeZone: ZONE, excluded: [] });
  const known = await readModels(engine.session('detect'), END);
  const [model] = known.filter(({ value }) => value === 'gone');
  const fromMinute = first + lastDay;
  const slots = slotsOf(ZONE);
  const circumstances = (minute: number) => ({ slot: slots(minute), isMuted: false, isFeedSilent: false });
  const watched = watchSeries(volume, model as SeriesModel, { threshold: 21, fromMinute, circumstances });
  const { flags } = watched.advance(fromMinute + 3 * DAY);
  expect(flags[0]?.detector).toBe('absence');
  expect(flags.length).toBeGreaterThan(1_400);
  expect(Math.max(...flags.map(({ minute }) => minute))).toBeLessThan(fromMinute + 1_460);
  // Of the past, a time in which it never came is judged alike.
  const past: Flag[] = [];
  const session = engine.session('detect');
  const span = { fromMinute, toMinute: fromMinute + 3 * DAY };
  for await (const some of judgePast({ session, models: known, ...span, timeZone: ZONE, circumstances })) past.push(...some);
  expect(past).toEqual(flags);
  await train({ engine, atMs: START + (lastDay + 4 * DAY + 1) * 60_000, timeZone: ZONE, excluded: [] });
  expect(await readModels(engine.session('detect'), END)).toEqual([]);
  await other.dispose();
});
