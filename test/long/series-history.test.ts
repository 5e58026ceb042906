/** Models and flags of the past: what is learned is what was made, and SQL and the state machine say the same of every minute. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MOST_OF_A_MINUTE, thresholdFor } from '../../src/detect/series/detector.ts';
import { shareEvidence } from '../../src/detect/series/evidence.ts';
import { failures } from '../../src/detect/series/failures.ts';
import { judgePast, sumsSql } from '../../src/detect/series/history.ts';
import { latency } from '../../src/detect/series/latency.ts';
import { slotsOf } from '../../src/detect/series/local-week.ts';
import { readModels, type SeriesModel, usualShare } from '../../src/detect/series/model.ts';
import { train } from '../../src/detect/series/training.ts';
import { volume } from '../../src/detect/series/volume.ts';
import { type Flag, watchSeries } from '../../src/detect/series/watched-series.ts';
import { emptyTable } from '../../src/store/engine/ddl.ts';
import type { Range } from '../../src/store/rows/ranges.ts';
import { type Counts, type Fault, series } from '../bench/detection/operations.ts';
import { insertSeries } from '../support/series.ts';
import { type TestServices, testServices } from '../support/store.ts';

const START = Date.UTC(2026, 2, 2);
const DAY = 1_440;
const DAYS = 21;
const END = START + DAYS * 86_400_000;
const first = START / 60_000;
const ZONE = 'Europe/Berlin';
const FAULTS: Fault[] = [
  { kind: 'outage', at: 16 * DAY + 600 },
  { kind: 'silence', at: 17 * DAY + 700 },
  { kind: 'latency', at: 18 * DAY + 800 },
  { kind: 'flapping', at: 19 * DAY + 600 },
];
const made = new Map<string, Counts>([
  ['busy', series(1, DAYS, { peak: 40, night: 1 }, FAULTS)],
  ['calm', series(2, DAYS, { peak: 4, night: 0.2 })],
  ['sparse', series(3, DAYS, { peak: 0.4, night: 0.05 }, FAULTS)],
  ["it's \\ odd\t", series(4, DAYS, { peak: 10, night: 0.5 }, FAULTS)],
]);
let services: TestServices;
let models: SeriesModel[];
const modelOf = (metric: string, value: string) => models.find((model) => model.metric === metric && model.value === value);
const learn = async (excluded: readonly Range[] = [], of = { dimension: '', value: '' }) => {
  for (const table of ['series_models', 'series_left_out'] as const) await emptyTable(services.store.engine.session('tidy'), table);
  const out = excluded.map((minutes) => ({ ...of, minutes }));
  await train({ engine: services.store.engine, atMs: END, timeZone: ZONE, excluded: out });
  models = await readModels(services.store.engine.session('detect'), END);
};

beforeAll(async () => {
  services = await testServices({ now: () => END });
  const named = [...made].map(([value, counts]) => ({ dimension: 'region', value, counts }));
  await insertSeries(services.store.engine, named, START, [0, DAYS * DAY], ['starts', 'failures', 'latency']);
  await learn(FAULTS.map(({ at }) => [first + at, first + at + 59]));
});
afterAll(() => services.dispose());

describe('what is learned', () => {
  test('are the rates of the local week', () => {
    const rates = modelOf('starts', 'busy')?.rates as Float32Array;
    const counts = made.get('busy')?.attempts as Uint16Array;
    // Monday to Sunday at 11:30 in Berlin, 10:30 in UTC: the mean over the weeks.
    for (let day = 0; day < 7; day++) {
      const near = [0, 1, 2].flatMap((week) =>
        Array.from({ length: 41 }, (_, k) => counts[(week * 7 + day) * DAY + 630 - 20 + k] as number),
      );
      const mean = near.reduce((sum, n) => sum + n, 0) / near.length;
      const learned = rates[day * 288 + 11.5 * 12] as number;
      expect(learned / mean, `day ${day}`).toBeGreaterThan(0.75);
      expect(learned / mean, `day ${day}`).toBeLessThan(1.3);
    }
    expect(rates.length).toBe(2_016);
  });

  test('are the shares by the hour, and how much further than chance they scatter', () => {
    const { shares, correlation } = modelOf('failures', 'busy') as SeriesModel;
    const counts = made.get('busy') as Counts;
    const isFaulty = (i: number) => FAULTS.some(({ at }) => i >= at && i < at + 60);
    let [n, f] = [0, 0];
    for (const [i, attempts] of counts.attempts.entries()) if (!isFaulty(i)) [n, f] = [n + attempts, f + (counts.failures[i] as number)];
    expect(shares.length).toBe(24);
    for (const share of shares) expect(Math.abs(share / (f / n) - 1)).toBeLessThan(0.5);
    expect(correlation).toBeGreaterThanOrEqual(0.002);
    expect(correlation).toBeLessThan(0.05);
    expect(modelOf('starts', 'busy')?.dispersion).toBeGreaterThan(8);
    expect(modelOf('starts', 'busy')?.dispersion).toBeLessThan(200);
  });

  test('leaves out what was excluded: with the faults in it, failing is held to be more usual', async () => {
    const without = modelOf('failures', 'busy') as SeriesModel;
    await learn();
    const withFaults = modelOf('failures', 'busy') as SeriesModel;
    expect(withFaults.correlation).toBeGreaterThan(without.correlation);
    expect(Math.max(...withFaults.shares)).toBeGreaterThan(Math.max(...without.shares));
    await learn(FAULTS.map(({ at }) => [first + at, first + at + 59]));
    expect(modelOf('failures', 'busy')).toEqual({ ...without, correlation: expect.closeTo(without.correlation, 9) });
  });

  test('leaves out what was excluded of a value of it alone', async () => {
    const before = models;
    const outage = FAULTS.slice(0, 1).map(({ at }): Range => [first + at, first + at + 59]);
    await learn([]);
    const plain = models;
    await learn(outage, { dimension: 'region', value: 'busy' });
    for (const { metric, value } of plain) {
      const [with_, without] = [modelOf(metric, value), plain.find((each) => each.metric === metric && each.value === value)];
      if (value === 'busy' && metric !== 'starts') expect(with_, metric).not.toEqual(without);
      else if (value !== 'busy')
        expect(with_, `${metric} ${value}`).toEqual({
          ...without,
          correlation: expect.closeTo(without?.correlation ?? 0, 9),
          dispersion: expect.closeTo(without?.dispersion ?? 0, 6),
        });
    }
    // A silence that is left out of its own value is no habit of it.
    const silence: Range = [first + 17 * DAY + 700, first + 17 * DAY + 759];
    await learn([silence], { dimension: 'region', value: 'busy' });
    const own = modelOf('starts', 'busy') as SeriesModel;
    await learn([silence]);
    const all = modelOf('starts', 'busy') as SeriesModel;
    expect(own.rates).toEqual(all.rates);
    expect(own.dispersion).toBeCloseTo(all.dispersion, 6);
    models = before;
    await learn(FAULTS.map(({ at }) => [first + at, first + at + 59]));
  });

  test('nothing, of less than two days', async () => {
    expect(await train({ engine: services.store.engine, atMs: START + 1.9 * 86_400_000, timeZone: ZONE, excluded: [] })).toBe(0);
  });
});

describe('SQL and state machine', () => {
  test.each([
    ['failures', failures],
    ['latency', latency],
  ] as const)('of %s have the same sums at every minute', async (metric, detector) => {
    const past = { models, fromMinute: first, toMinute: first + DAYS * DAY, timeZone: ZONE };
    const rows = await services.store.read.rows<{ value: string; m: number; n: number; f: number; s1: number; s2: number }>(
      `SELECT value, m, n, f, s1, s2 FROM (${sumsSql(past, detector, metric)}) ORDER BY value, m`,
    );
    const slots = slotsOf(ZONE);
    let [value, c1, c2] = ['', 0, 0];
    let worst = 0;
    for (const row of rows) {
      if (row.value !== value) [value, c1, c2] = [row.value, 0, 0];
      const usual = usualShare(modelOf(metric, value) as SeriesModel, slots(row.m));
      const mild = (share: { mean: number; correlation: number }) => ({
        mean: Math.min(0.9, Math.max(share.mean + 0.15, 3 * share.mean)),
        correlation: Math.max(share.correlation, 0.02),
      });
      const total = { mean: detector.total.share, correlation: detector.total.correlation };
      const [d1, d2] = shareEvidence(row.n, row.f, usual as never, { mild, total });
      c1 = Math.max(0, c1 + Math.min(MOST_OF_A_MINUTE, d1));
      c2 = Math.max(0, c2 + Math.min(MOST_OF_A_MINUTE, d2));
      worst = Math.max(worst, Math.abs(c1 - row.s1), Math.abs(c2 - row.s2));
    }
    expect(rows.length).toBeGreaterThan(20_000);
    expect(new Set(rows.map((row) => row.value)).size).toBe(made.size);
    expect(worst).toBeLessThan(1e-6);
  });

  test('flag the same minutes, and all faults of a busy series and none of a healthy one', async () => {
    const slots = slotsOf(ZONE);
    const circumstances = (minute: number) => ({ slot: slots(minute), isMuted: minute % 1_000 === 0, isFeedSilent: false });
    const [fromMinute, toMinute] = [first, first + DAYS * DAY];
    const past: Flag[] = [];
    const session = services.store.engine.session('detect');
    for await (const some of judgePast({ session, models, fromMinute, toMinute, timeZone: ZONE, circumstances })) past.push(...some);

    const live: Flag[] = [];
    for (const [metric, detector] of [
      ['starts', volume],
      ['failures', failures],
      ['latency', latency],
    ] as const)
      for (const [value, counts] of made) {
        const model = modelOf(metric, value);
        if (!model) continue;
        const watched = watchSeries(detector, model, { threshold: thresholdFor(detector, 4), fromMinute, circumstances });
        for (let i = 0; i < DAYS * DAY; i++) {
          const trials = metric === 'latency' ? counts.successes[i] : counts.attempts[i];
          const hits = metric === 'latency' ? counts.slow[i] : metric === 'failures' ? counts.failures[i] : 0;
          watched.note(first + i, trials as number, hits as number);
          live.push(...watched.advance(first + i + 1).flags);
        }
      }
    const inOrder = (flags: readonly Flag[]) =>
      flags.map((flag) => ({ ...flag, score: flag.score.toFixed(9) })).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    expect(inOrder(past)).toEqual(inOrder(live));
    const at = (value: string, { at: from }: Fault) =>
      past.filter((flag) => flag.value === value && flag.minute >= first + from && flag.minute < first + from + 60);
    for (const fault of FAULTS) expect(at('busy', fault).length, fault.kind).toBeGreaterThan(10);
    expect(past.filter(({ value }) => value === 'calm')).toEqual([]);
    expect(past.filter(({ minute }) => !FAULTS.some(({ at: from }) => minute >= first + from && minute < first + from + 65))).toEqual([]);
  });
});
