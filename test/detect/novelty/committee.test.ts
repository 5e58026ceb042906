/** The committee of novelties: what it flags, what it does not, and that neither unit nor what comes later matters. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCommittee } from '../../../src/detect/novelty/committee.ts';
import { MEMBERS } from '../../../src/detect/novelty/distances.ts';
import { createHistory, MAX_POINTS } from '../../../src/detect/novelty/history.ts';
import { seededRandom } from '../../../src/lab/random.ts';

const STEP_MS = 300_000;
const DAY = 288;
const START = Date.UTC(2026, 2, 1);

const scored = (values: readonly number[], stepMs = STEP_MS) => {
  const committee = createCommittee();
  return values.map((value, i) => committee.push(START + i * stepMs, value));
};
const flagsOf = (values: readonly number[], stepMs?: number) =>
  scored(values, stepMs).flatMap(({ isFlagged }, i) => (isFlagged ? [i] : []));

/** Days of the same shape, with noise. */
function days(count: number, seed = 1): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count * DAY }, (_, i) => {
    const hour = (i % DAY) / 12;
    return (hour >= 9 && hour < 18 ? 80 : 20) + 4 * random.next();
  });
}

describe('what is flagged', () => {
  test('a value that was never near', () => {
    const values = days(14);
    values[10 * DAY + 30] = 400;
    const flags = flagsOf(values).filter((i) => i >= 3 * DAY);
    expect(flags[0]).toBe(10 * DAY + 30);
  });

  test('a rise that is missing: every value is one of every day', () => {
    const values = days(14);
    const at = 10 * DAY + 9 * 12;
    for (let i = at; i < at + 9 * 12; i++) values[i] = 20 + (values[i] as number) - 80;
    const flags = flagsOf(values).filter((i) => i >= 3 * DAY);
    expect(flags[0]).toBeGreaterThanOrEqual(at);
    expect(flags[0]).toBeLessThan(at + 18);
  });

  test('a step of a series that was flat until then', () => {
    const values = [...Array<number>(300).fill(7), ...Array<number>(100).fill(8)];
    expect(flagsOf(values)[0]).toBe(300);
  });
});

test.each([
  ['zeros', Array<number>(500).fill(0)],
  ['one value', Array<number>(500).fill(-3.75)],
  ['a square wave without noise', Array.from({ length: 2_000 }, (_, i) => (i % 48 < 24 ? 1 : 2))],
  ['a single point', [5]],
])('nothing is flagged in %s', (_, values) => {
  const all = scored(values);
  expect(all.filter(({ isFlagged }) => isFlagged)).toEqual([]);
  for (const { anomalyScore } of all) expect(anomalyScore).toBeLessThan(0.05);
});

test('after a flag comes rest: a tenth of these points is strange, and few are flagged', () => {
  const values = days(14);
  for (let i = 5 * DAY; i < values.length; i += 10) values[i] = 1_000 + i;
  expect(flagsOf(values).filter((i) => i >= 5 * DAY).length).toBeLessThan(20);
});

describe('laws', () => {
  const series = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 60, maxLength: 200 });

  test('scores are from 0 to 1, half or more exactly where there is a flag, and what comes later changes none', () => {
    fc.assert(
      fc.property(series, fc.nat(59), (values, cut) => {
        const all = scored(values);
        for (const { anomalyScore, isFlagged } of all) {
          expect(anomalyScore).toBeGreaterThanOrEqual(0);
          expect(anomalyScore).toBeLessThanOrEqual(1);
          expect(anomalyScore >= 0.5).toBe(isFlagged);
        }
        expect(all.slice(0, cut)).toEqual(scored(values.slice(0, cut)));
      }),
      { numRuns: 50 },
    );
  });

  test('the unit does not matter', () => {
    const values = days(6);
    values[1_500] = 300;
    for (const unit of [2 ** -40, 2 ** 20, 2 ** 200])
      expect(scored(values.map((value) => value * unit)), String(unit)).toEqual(scored(values));
  });

  test('times that stand still, go back or leap are taken as they come', () => {
    const committee = createCommittee();
    for (const [i, minute] of [0, 5, 5, 5, 4, 0, 10, 45 * 60, 45 * 60 + 5, 1e7, 10].entries())
      expect(committee.push(START + minute * 60_000, i).anomalyScore).toBe(0);
  });
});

test('distances are those that comparing everything with everything gives', () => {
  const random = seededRandom(7);
  const history = createHistory();
  const measures = MEMBERS.map((member) => ({ name: member.name, now: member.measure(history) }));
  const [values, times]: [number[], number[]] = [[], []];
  for (let i = 0; i < 900; i++) {
    // Few values, so that some are equal, and steps that are not.
    values.push(Math.round(10 * random.next()) + (i > 700 ? 100 * random.next() : 0));
    times.push((times.at(-1) ?? START) + (i % 3 === 0 ? 420_000 : 300_000));
    history.push(times[i] as number, values[i] as number);
    const found = Object.fromEntries(measures.map(({ name, now }) => [name, now(history.first, history.last)]));
    const windowsOf = (from: readonly number[] | Float64Array, width: number, j: number) =>
      Array.from({ length: width }, (_, q) => from[j - q] as number);
    const nearest = (
      from: readonly number[] | Float64Array,
      width: number,
      by: (differences: number[]) => number,
      fits = (_: number) => true,
    ) => {
      const all: number[] = [];
      for (let j = width - 1; j <= i - width; j++)
        if (fits(j)) all.push(by(windowsOf(from, width, j).map((value, q) => Math.abs(value - (from[i - q] as number)))));
      return all.length === 0 ? undefined : Math.min(...all);
    };
    const sum = (all: number[]) => all.reduce((total, each) => total + each, 0);
    const sameTime = (j: number) => {
      const apart = (times[i] as number) - (times[j] as number);
      const off = apart % 86_400_000;
      return apart >= 86_400_000 - 1_800_000 && (off <= 1_800_000 || off >= 86_400_000 - 1_800_000);
    };
    expect(found.shape).toBe(nearest(values, 4, (all) => Math.max(...all)));
    expect(found.value).toBe(nearest(values, 1, sum));
    expect(found['time of day'] ?? -1).toBeCloseTo(nearest(values, 4, sum, sameTime) ?? -1, 9);
    expect(found['compressed shape'] ?? -1).toBeCloseTo(nearest(history.compressed, 16, sum) ?? -1, 9);
  }
});

test('memory is bounded: what lies too far back is new again', () => {
  const history = createHistory();
  const [, , , compressedShape] = MEMBERS.map((member) => member.measure(history));
  history.push(START, 1_000);
  for (let i = 1; i <= 2 * MAX_POINTS + 10; i++) {
    history.push(START + i * STEP_MS, i % 7);
    if (i % 4_096 === 0 || i > 2 * MAX_POINTS) compressedShape?.(history.first, history.last);
  }
  expect(history.last).toBeLessThan(2 * MAX_POINTS);
  expect(history.times[history.last]).toBe(START + (2 * MAX_POINTS + 10) * STEP_MS);
  history.push(START + 1e12, 1_000);
  expect(history.nearestValue).toBe(994);
});
