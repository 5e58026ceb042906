/** The arithmetic against figures worked out by hand, not against the code's own output. */
import { describe, expect, test } from 'vitest';
import { burnRate, errorBudgetRemaining, hasEvidence, wilsonLowerBound } from '../../../src/slo/arithmetic/burn.ts';
import { pairsFor } from '../../../src/slo/arithmetic/pairs.ts';

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

  test('for 7 days the shares grow to 8 %, 21.4 %, 28.6 % and 42.9 % of the budget, so that nobody is called for what is usual', () => {
    // 2 % × 168 h = 3.36 → 13.44; 5 % × 28 = 1.4 → 6; 10 % × 7 = 0.7 → 2; 10 % × 7/3 = 0.23 → 1.
    const pairs = pairsFor(0.999, 7 * DAY, both);
    expect(pairs.map(({ factor }) => factor)).toEqual([13.44, 6, 2, 1]);
    expect(pairs.map(({ budgetShare }) => Number(budgetShare.toFixed(3)))).toEqual([0.08, 0.214, 0.286, 0.429]);
    // Two weeks: 2 % × 336 h = 6.72 is still below.
    expect(pairsFor(0.999, 14 * DAY, both).map(({ factor }) => factor)).toEqual([13.44, 6, 2, 1]);
  });

  test('a pair of one’s own is never below 6 for a page and 1 for a ticket when it is asked for by its share', () => {
    const own = (severity: 'page' | 'ticket') => ({ severity, budgetShare: 0.01, long: '1h', short: '5m' });
    expect(pairsFor(0.999, 7 * DAY, [], [own('page'), own('ticket')]).map(({ factor }) => factor)).toEqual([6, 1.68]);
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
