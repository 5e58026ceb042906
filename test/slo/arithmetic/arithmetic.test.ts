/** The arithmetic against figures worked out by hand, not against the code's own output. */
import { describe, expect, test } from 'vitest';
import { type AlertState, nextState } from '../../../src/slo/arithmetic/alert-state.ts';
import { burnRate, errorBudgetRemaining, hasEvidence, type WindowCounts, wilsonLowerBound } from '../../../src/slo/arithmetic/burn.ts';
import { type Pair, pairsFor } from '../../../src/slo/arithmetic/pairs.ts';
import { type History, walk } from '../../../src/slo/measure/history.ts';

const DAY = 86_400;
const both = ['page', 'ticket'] as const;

test('burn is the error ratio over what the objective allows, weighted by events', () => {
  // 2 of 100 bad at 98 %: exactly what is allowed. 1 in 1,000 at 99.9 %: the same.
  expect(burnRate({ good: 98, total: 100 }, 0.98)).toBeCloseTo(1, 12);
  expect(burnRate({ good: 999, total: 1_000 }, 0.999)).toBeCloseTo(1, 9);
  expect(burnRate({ good: 0, total: 50 }, 0.98)).toBeCloseTo(50, 9);
  expect(burnRate({ good: 50, total: 50 }, 0.98)).toBe(0);
});

test('no events are no data: not 0, not 100 %', () => {
  expect(burnRate({ good: 0, total: 0 }, 0.98)).toBeNull();
  expect(errorBudgetRemaining({ good: 0, total: 0 }, 0.98)).toBeNull();
});

test('the budget left falls below 0 once more is bad than allowed', () => {
  // 10,000 attempts at 98 % allow 200 bad ones: 50 leave three quarters, 200 nothing, 300 minus half.
  expect(errorBudgetRemaining({ good: 9_950, total: 10_000 }, 0.98)).toBeCloseTo(0.75, 9);
  expect(errorBudgetRemaining({ good: 9_800, total: 10_000 }, 0.98)).toBeCloseTo(0, 9);
  expect(errorBudgetRemaining({ good: 9_700, total: 10_000 }, 0.98)).toBeCloseTo(-0.5, 9);
});

describe('pairs', () => {
  test('30 days give the factors of the SRE Workbook, chapter 5: 14.4 and 6 page, 3 and 1 are tickets', () => {
    // 2 % × 720 h / 1 h, 5 % × 720 / 6, 10 % × 30 d / 1 d, 10 % × 30 / 3.
    expect(pairsFor(0.999, 30 * DAY, both).map(({ factor }) => Number(factor.toFixed(9)))).toEqual([14.4, 6, 3, 1]);
  });

  test('for 7 days the shares grow so that no page is below 6 and no ticket below 1', () => {
    // 2 % × 168 h = 3.36 → 6; 5 % × 28 = 1.4 → 6; 10 % × 7 = 0.7 → 1; 10 % × 7/3 = 0.23 → 1.
    const pairs = pairsFor(0.999, 7 * DAY, both);
    expect(pairs.map(({ factor }) => factor)).toEqual([6, 6, 1, 1]);
    // Six times the allowed rate for one of 168 hours is 3.57 % of the budget.
    expect(pairs[0]?.budgetShare).toBeCloseTo(6 / 168, 9);
  });

  test('a factor that no error ratio can reach is fitted to half of the reachable', () => {
    // At 90 % a total outage burns 10; 14.4 could never fire. 0.5 / 0.1 = 5.
    const [first, second, third] = pairsFor(0.9, 30 * DAY, both);
    expect(first).toMatchObject({ isFitted: true });
    expect(first?.fittedFactor).toBeCloseTo(5, 9);
    expect(second?.fittedFactor).toBeCloseTo(5, 9);
    expect(third).toMatchObject({ isFitted: false, fittedFactor: 3 });
    // Five times the allowed rate for one of 720 hours: 0.69 % of the budget.
    expect(first?.fittedBudgetShare).toBeCloseTo(5 / 720, 9);
  });

  test.each([0.5, 0.8, 0.9306, 0.98, 0.999, 0.99999])(
    'at %f a total outage fires every pair within half of its long window',
    (objective) => {
      for (const pair of pairsFor(objective, 30 * DAY, both)) {
        const longSeconds = { '1h': 3_600, '6h': 21_600, '1d': 86_400, '3d': 259_200 }[pair.long as '1h'];
        expect(pair.outageFiresAfterSeconds).toBeLessThanOrEqual(longSeconds / 2 + 1e-6);
      }
    },
  );

  test('a total outage at 98 % pages after 17 min 17 s: 14.4 × 2 % of an hour', () => {
    expect(pairsFor(0.98, 30 * DAY, both)[0]?.outageFiresAfterSeconds).toBeCloseTo(1_036.8, 6);
  });

  test('an SLO that only asks for tickets has no page', () => {
    expect(pairsFor(0.95, 30 * DAY, ['ticket']).map(({ name }) => name)).toEqual(['3', '4']);
  });
});

describe('evidence', () => {
  test('the Wilson bound is that of the textbook', () => {
    // 5 of 10 at z = 1.96: (0.5 + 0.19208 − 1.96 × √(0.025 + 0.009604)) / 1.38416 = 0.2366 (Wilson's own example values).
    expect(wilsonLowerBound(5, 10, 1.96)).toBeCloseTo(0.2366, 4);
    // All of 1 at z = 2.33: 1 / (1 + 5.4289) = 0.1555, which is why the bound alone is not enough.
    expect(wilsonLowerBound(1, 1, 2.33)).toBeCloseTo(0.1555, 4);
    expect(wilsonLowerBound(0, 100, 2.33)).toBeCloseTo(0, 12);
    expect(wilsonLowerBound(0, 0, 2.33)).toBe(0);
  });

  test('five bad ones of three users are enough, four or two users are not', () => {
    const five = { good: 5, total: 10 };
    expect(hasEvidence({ ...five, usersBad: 3 }, 0.98)).toBe(true);
    expect(hasEvidence({ ...five, usersBad: 2 }, 0.98)).toBe(false);
    expect(hasEvidence({ good: 0, total: 4, usersBad: 4 }, 0.98)).toBe(false);
  });

  test('slices have no users: five bad of ten are enough, five of nine are not', () => {
    expect(hasEvidence({ good: 5, total: 10, usersBad: 0 }, 0.99, true)).toBe(true);
    expect(hasEvidence({ good: 4, total: 9, usersBad: 0 }, 0.99, true)).toBe(false);
  });

  test('many bad ones that could still be what the objective allows are not enough', () => {
    // 25 of 1,000 at 98 %: 2.5 % seen, but the lower bound is 1.6 %.
    expect(wilsonLowerBound(25, 1_000, 2.33)).toBeLessThan(0.02);
    expect(hasEvidence({ good: 975, total: 1_000, usersBad: 25 }, 0.98)).toBe(false);
    expect(hasEvidence({ good: 960, total: 1_000, usersBad: 25 }, 0.98)).toBe(true);
  });
});

describe('state of a pair', () => {
  const [pair] = pairsFor(0.98, 30 * DAY, both) as [Pair];
  const judged = { objective: 0.98, isSliced: false };
  const AT = Date.UTC(2026, 2, 1, 12);
  const counts = (good: number, total: number, usersBad = 3): WindowCounts => ({ good, total, usersBad });
  // 14.4 × 2 % = 28.8 %: 29 of 100 burn above it, 28 do not.
  const above = counts(71, 100);
  const below = counts(72, 100);
  const none = counts(0, 0, 0);
  const inputs = (long: WindowCounts, short: WindowCounts, more: { coverage?: number; isMaintenance?: boolean } = {}) => ({
    long,
    short,
    coverage: 1,
    isMaintenance: false,
    ...more,
  });
  const firing = { state: 'firing' as const, sinceMs: AT - 3_600_000, quietSinceMs: null };

  test.each([
    ['fires when both windows burn and the evidence holds', inputs(above, above), 'firing'],
    ['does not fire on the long window alone', inputs(above, below), 'inactive'],
    ['does not fire on the short window alone', inputs(below, above), 'inactive'],
    ['does not fire while the short window has no traffic', inputs(above, none), 'inactive'],
    ['says too few, rather than nothing, when the evidence is missing', inputs(counts(71, 100, 2), above), 'too_few'],
    ['says too few for three failures at night', inputs(counts(0, 3), counts(0, 1)), 'too_few'],
    ['says no traffic when there is none', inputs(none, none), 'no_traffic'],
    ['does not open while the collector saw too little', inputs(above, above, { coverage: 0.89 }), 'frozen'],
    ['does not open in maintenance', inputs(above, above, { isMaintenance: true }), 'maintenance'],
  ] as const)('%s', (_name, given, expected) => {
    expect(nextState(pair, undefined, given, judged, AT).state).toBe(expected);
  });

  test.each([
    ['resolves when the short window has traffic and burns below the factor', inputs(above, below), 'inactive'],
    ['goes on while the short window burns, though the long one no longer does', inputs(below, above), 'firing'],
    ['goes on though the evidence has left the window', inputs(counts(0, 2), counts(0, 1)), 'firing'],
    ['holds without traffic', inputs(none, none), 'firing'],
    ['holds while frozen, even if what was seen looks well', inputs(below, counts(100, 100), { coverage: 0.5 }), 'firing'],
    ['is muted by maintenance', inputs(above, above, { isMaintenance: true }), 'maintenance'],
  ] as const)('having fired, it %s', (_name, given, expected) => {
    const next = nextState(pair, firing, given, judged, AT);
    expect(next.state).toBe(expected);
    if (expected === 'firing') expect(next.sinceMs).toBe(firing.sinceMs);
  });

  test('holds for six hours without traffic, then says that there is none', () => {
    let memory = nextState(pair, firing, inputs(above, none), judged, AT);
    const states: AlertState[] = [];
    for (let minute = 1; minute <= 400; minute++) {
      // The long window of a ticket still holds the failures.
      memory = nextState(pair, memory, inputs(above, none), judged, AT + minute * 60_000);
      states.push(memory.state);
    }
    expect(states.lastIndexOf('firing')).toBe(358);
    expect(new Set(states.slice(359))).toEqual(new Set(['no_traffic']));
    expect(nextState(pair, memory, inputs(above, below), judged, AT + 401 * 60_000).state).toBe('inactive');
  });

  test('since when a pair fires is the first minute of the unbroken run', () => {
    // Ten attempts a minute; all fail from 11:30 on. 28.8 % of the last 600 are bad once 18 minutes (180 attempts) have failed,
    // and the five-minute window burned long before: it fires from 11:48 on.
    const length = 600;
    const history: History = {
      fromMs: AT - length * 60_000,
      good: new Float64Array(length),
      total: new Float64Array(length),
      users: new Map(),
    };
    for (let i = 0; i < length; i++) {
      const isBad = i >= length - 30;
      history.total[i] = 10;
      history.good[i] = isBad ? 0 : 10;
      if (isBad) history.users.set(i, { users: [i], anonymous: 9 });
    }
    const memory = walk(pair, judged, history, { fromMs: history.fromMs, uncovered: new Uint8Array(length), maintenance: [], slo: 'any' });
    expect(memory).toMatchObject({ state: 'firing', sinceMs: Date.UTC(2026, 2, 1, 11, 48) });
  });
});
