/** What the rules do over time: the Workbook's detection times, false pages at low traffic, dead flows, holds. Seeded; decided by the same walk as a backtest. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../src/lab/random.ts';
import { leaderOf } from '../../../src/slo/arithmetic/episode.ts';
import type { Pair } from '../../../src/slo/arithmetic/pairs.ts';
import { type History, walk } from '../../../src/slo/measure/history.ts';
import { historyOf, workbookPairs } from '../../support/slo.ts';

const DAY_MINUTES = 1_440;
const FROM = Date.UTC(2026, 0, 1);

/** Times in which one of these pairs fires, as minutes since the history's start. */
function episodes(pairs: readonly Pair[], objective: number, history: History): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  const around = { fromMs: FROM, uncovered: new Uint8Array(history.total.length), maintenance: [], slo: 'any' };
  walk(pairs, { objective, isSliced: false }, history, around, (atMs, episode) => {
    const minute = (atMs - FROM) / 60_000;
    const last = found.at(-1);
    if (!leaderOf(pairs, episode)) return;
    if (last && last.end === minute - 1) last.end = minute;
    else found.push({ start: minute, end: minute });
  });
  return found;
}

/** Minutes after `from` until one of the pairs fires. */
function detection(objective: number, history: History, from: number, severity: 'page' | 'ticket'): number | undefined {
  const starts = episodes(workbookPairs(objective, [severity]), objective, history).map(({ start }) => start);
  const first = Math.min(...starts.filter((start) => start > from));
  return Number.isFinite(first) ? first - from : undefined;
}

describe('detection times of the SRE Workbook, chapter 5 (table 5-7), at 99.9 % with steady traffic', () => {
  // Time to fire = factor × (1 − objective) × long window / error ratio; an evaluation sees it at the next full minute.
  test.each([
    // 14.4 × 0.1 % × 60 min / 100 % = 0.86 min.
    [1, 'page', 1],
    // 14.4 × 0.1 % × 60 min / 10 % = 8.6 min.
    [0.1, 'page', 9],
    // 1 % burns 10: not above 14.4, but above 6: 6 × 0.1 % × 360 min / 1 % = 216 min.
    [0.01, 'page', 217],
    // 0.5 % burns 5: a ticket above 3 after 3 × 0.1 % × 1,440 min / 0.5 % = 864 min; no page.
    [0.005, 'page', undefined],
    [0.005, 'ticket', 865],
    // 0.1 % burns 1, exactly what is allowed: nobody is called.
    [0.001, 'page', undefined],
    [0.001, 'ticket', undefined],
  ] as const)('%d of requests fail: a %s after %s min', (ratio, severity, expected) => {
    const perMinute = 100_000;
    const from = 4 * DAY_MINUTES;
    const bad = Math.round(perMinute * ratio);
    const history = historyOf(from + 5 * DAY_MINUTES, FROM, (minute) =>
      minute < from ? { good: perMinute, bad: 0 } : { good: perMinute - bad, bad },
    );
    const found = detection(0.999, history, from, severity);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(Math.abs((found ?? Number.NaN) - expected)).toBeLessThanOrEqual(1);
  });
});

/** A month of attempts as they come (Poisson), of which a share fails, each of another user. */
function poisson(seed: number, minutes: number, perHour: number, failing: (minute: number) => number): History {
  const random = seededRandom(seed, Math.round(perHour * 10));
  return historyOf(minutes, FROM, (minute) => {
    const total = random.poisson(perHour / 60);
    let bad = 0;
    for (let i = 0; i < total; i++) if (random.chance(failing(minute))) bad += 1;
    return { good: total - bad, bad };
  });
}

describe('simulated at 98 %', () => {
  const PAGES = workbookPairs(0.98, ['page']);

  test('at 3 attempts an hour of which 2 % fail, there are at most 0.2 false pages in 30 days', () => {
    const months = 60;
    let pages = 0;
    for (let seed = 1; seed <= months; seed++) {
      const history = poisson(seed, 30 * DAY_MINUTES, 3, () => 0.02);
      pages += episodes(PAGES, 0.98, history).length;
    }
    console.info(`false pages at 3/h: ${pages} in ${months} months (${(pages / months).toFixed(2)} per 30 days)`);
    expect(pages / months).toBeLessThanOrEqual(0.2);
  });

  test.each([
    [30, 20],
    [100, 20],
    [1_000, 20],
  ])('at %i attempts an hour a total outage pages within %i min (median)', (perHour, limit) => {
    const from = DAY_MINUTES;
    const times = Array.from({ length: 41 }, (_, seed) => {
      const history = poisson(seed + 1, from + 300, perHour, (minute) => (minute < from ? 0.005 : 1));
      return detection(0.98, history, from, 'page') ?? Infinity;
    }).sort((a, b) => a - b);
    console.info(`outage at ${perHour}/h: median ${times[20]} min, worst of 41 ${times[40]} min`);
    expect(times[20]).toBeLessThanOrEqual(limit);
  });

  test.each([
    ['3 attempts an hour alone', 3, 150],
    ['a probe that enrolls every five minutes, whose flow covers a thin one', 12, 90],
  ])('%s: a total outage pages', (name, perHour, limit) => {
    const from = DAY_MINUTES;
    const times = Array.from({ length: 41 }, (_, seed) => {
      const history = poisson(seed + 1, from + 600, perHour, (minute) => (minute < from ? 0.005 : 1));
      return detection(0.98, history, from, 'page') ?? Infinity;
    }).sort((a, b) => a - b);
    console.info(`outage, ${name}: median ${times[20]} min`);
    expect(times[20]).toBeLessThanOrEqual(limit);
  });

  test('an outage at 3 attempts an hour is one episode, not five', () => {
    const from = DAY_MINUTES;
    for (let seed = 1; seed <= 20; seed++) {
      const history = poisson(seed, from + 12 * 60, 3, (minute) => (minute < from ? 0 : 1));
      expect(episodes(PAGES, 0.98, history).length).toBeLessThanOrEqual(1);
    }
  });

  test('30 failures of 50 page; 3 failures of one user at night do not', () => {
    const [pair] = PAGES as [Pair];
    const outage = historyOf(120, FROM, (minute) => (minute >= 110 ? { good: 2, bad: 3 } : { good: 0, bad: 0 }));
    expect(episodes([pair], 0.98, outage)).toHaveLength(1);
    const night = historyOf(120, FROM, (minute) => (minute === 110 ? { good: 0, bad: 3 } : { good: 0, bad: 0 }));
    for (const each of night.users.values()) Object.assign(each, { users: [1], anonymous: 0 });
    expect(episodes([pair], 0.98, night)).toEqual([]);
    const states = new Set<string>();
    const around = { fromMs: FROM, uncovered: new Uint8Array(120), maintenance: [], slo: 'any' };
    walk([pair], { objective: 0.98, isSliced: false }, night, around, (_at, { pairs }) => states.add(pairs.get(pair.name)?.state ?? ''));
    expect(states).toContain('too_few');
  });
});

test('a gap in coverage opens nothing and resolves nothing', () => {
  const [pair] = workbookPairs(0.98, ['page']) as [Pair];
  // It fires from minute 120 on; from 150 to 170 nothing is seen, then it works again.
  const history = historyOf(300, FROM, (minute) => {
    if (minute >= 150 && minute < 170) return { good: 0, bad: 0 };
    return minute >= 100 && minute < 170 ? { good: 0, bad: 10 } : { good: 10, bad: 0 };
  });
  const uncovered = new Uint8Array(300).fill(1, 150, 170);
  const firing: number[] = [];
  const states: string[] = [];
  walk(
    [pair],
    { objective: 0.98, isSliced: false },
    history,
    { fromMs: FROM, uncovered, maintenance: [], slo: 'any' },
    (atMs, { pairs }) => {
      const state = pairs.get(pair.name)?.state ?? '';
      states[(atMs - FROM) / 60_000] = state;
      if (state === 'firing') firing.push((atMs - FROM) / 60_000);
    },
  );
  // One run without a break, which lasts until the gap has left the long window far enough (6 of 60 minutes).
  expect(firing.length).toBe((firing.at(-1) ?? 0) - (firing[0] ?? 0) + 1);
  expect(firing[0]).toBeGreaterThan(100);
  expect(firing.at(-1)).toBeGreaterThan(170);
  expect(states.at(-1)).toBe('inactive');
});
