/** The arithmetic of the series detectors: gamma function, likelihoods, sums, slots of the local week. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextSum, scoreOf, thresholdFor } from '../../../src/detect/series/detector.ts';
import { lossEvidence, shareEvidence } from '../../../src/detect/series/evidence.ts';
import { failures } from '../../../src/detect/series/failures.ts';
import { lnGamma } from '../../../src/detect/series/ln-gamma.ts';
import { localMinuteSql, slotsOf } from '../../../src/detect/series/local-week.ts';
import { type TestServices, testServices } from '../../support/store.ts';

let services: TestServices;
beforeAll(async () => {
  services = await testServices();
});
afterAll(() => services.dispose());

test('the gamma function is that of ClickHouse, from thousandths to millions', async () => {
  const at = [0.001, 0.1, 0.5, 1, 1.5, 2, 3.25, 9.99, 10, 10.01, 57.3, 200, 1e4, 3e6];
  const [row] = await services.store.read.rows<{ all: number[] }>(`SELECT arrayMap(x -> lgamma(x), [${at.join(', ')}]) AS all`);
  for (const [i, x] of at.entries()) expect(lnGamma(x), String(x)).toBeCloseTo(row?.all[i] as number, 9 - Math.ceil(Math.log10(x + 1)));
});

describe('evidence of a share', () => {
  const usual = { mean: 0.02, correlation: 0.01 };
  const alternatives = { mild: () => ({ mean: 0.17, correlation: 0.02 }), total: { mean: 0.7, correlation: 0.15 } };
  const evidence = (trials: number, hits: number) => shareEvidence(trials, hits, usual, alternatives);

  test('is the ratio of two probabilities, each of which sums to 1 over what may happen', () => {
    const choose = (n: number, k: number) => Math.exp(lnGamma(n + 1) - lnGamma(k + 1) - lnGamma(n - k + 1));
    // The evidence of every outcome, weighed by its usual probability, gives the probabilities of the alternative: they sum to 1 as well.
    const strength = (1 - usual.correlation) / usual.correlation;
    const [a, b] = [usual.mean * strength, (1 - usual.mean) * strength];
    const beta = (x: number, y: number) => lnGamma(x) + lnGamma(y) - lnGamma(x + y);
    let [asUsual, asMild, asTotal] = [0, 0, 0];
    for (let f = 0; f <= 12; f++) {
      const probability = choose(12, f) * Math.exp(beta(a + f, b + 12 - f) - beta(a, b));
      const [mild, total] = evidence(12, f);
      asUsual += probability;
      asMild += probability * Math.exp(mild);
      asTotal += probability * Math.exp(total);
    }
    expect([asUsual, asMild, asTotal]).toEqual([expect.closeTo(1, 9), expect.closeTo(1, 9), expect.closeTo(1, 9)]);
  });

  test('grows with the hits, and there is none without trials or where there is no room for more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), (trials) => {
        const all = Array.from({ length: trials + 1 }, (_, hits) => evidence(trials, hits)[0]);
        for (let i = 1; i < all.length; i++) expect(all[i]).toBeGreaterThan(all[i - 1] as number);
        expect(all[0]).toBeLessThan(0);
      }),
      { numRuns: 20 },
    );
    expect(evidence(0, 0)).toEqual([0, 0]);
    expect(
      shareEvidence(20, 20, { mean: 0.2, correlation: 0.01 }, { ...alternatives, mild: () => ({ mean: 0.17, correlation: 0.02 }) }),
    ).toEqual([0, 0]);
  });
});

test('evidence of a loss: nothing at all speaks for it by nearly the expected rate, the usual number against it', () => {
  expect(lossEvidence(0, 5, 1e9, 0.02)).toBeCloseTo(5 * 0.98, 6);
  expect(lossEvidence(5, 5, 30, 0.02)).toBeLessThan(-10);
  // The less is known of a rate, the less its silence says.
  expect(lossEvidence(0, 5, 2, 0.02)).toBeLessThan(lossEvidence(0, 5, 30, 0.02));
});

test('a sum takes at most 12 of a minute, never falls below 0, and ends 10 above its threshold', () => {
  expect(nextSum(5, 100, 24)).toBe(17);
  expect(nextSum(5, -100, 24)).toBe(0);
  expect(nextSum(33, 5, 24)).toBe(34);
  expect(scoreOf(24, 24)).toBe(0.5);
});

test('more series need more evidence, fewer no less', () => {
  expect(thresholdFor(failures, 10)).toBe(21);
  expect(thresholdFor(failures, 300 * Math.E)).toBeCloseTo(22);
});

describe('the local week', () => {
  const minute = (text: string) => Date.parse(text) / 60_000;

  test('begins on Monday at midnight by the clock on the wall', () => {
    expect(slotsOf('UTC')(minute('2026-03-02T00:00:00Z'))).toEqual({ index: 0, hour: 0 });
    expect(slotsOf('Europe/Berlin')(minute('2026-03-01T23:04:00Z'))).toEqual({ index: 0, hour: 0 });
    expect(slotsOf('Asia/Kolkata')(minute('2026-03-01T18:35:00Z'))).toEqual({ index: 1, hour: 0 });
    expect(slotsOf('America/New_York')(minute('2026-03-02T04:59:00Z'))).toEqual({ index: 2_015, hour: 23 });
  });

  test('nine in the morning stays nine when the clock is put forward, and the hour that comes twice has its slots twice', () => {
    const slots = slotsOf('Europe/Berlin');
    const saturday = slots(minute('2026-03-28T08:00:00Z'));
    const sunday = slots(minute('2026-03-29T07:00:00Z'));
    expect([saturday.hour, sunday.hour]).toEqual([9, 9]);
    expect(sunday.index - saturday.index).toBe(288);
    expect(slots(minute('2026-10-25T00:30:00Z'))).toEqual(slots(minute('2026-10-25T01:30:00Z')));
  });

  test.each(['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Chatham'])(
    'in %s it is the same in ClickHouse',
    async (zone) => {
      const minutes = Array.from({ length: 400 }, (_, i) => minute('2026-01-01T00:00:00Z') + i * 1_311);
      const rows = await services.store.read.rows<{ index: number; hour: number }>(
        `WITH toDateTime(arrayJoin([${minutes.map((each) => each * 60).join(', ')}]), 'UTC') AS at, ${localMinuteSql('at', zone)} AS local
       SELECT toUInt32(intDiv(modulo(local, 10080), 5)) AS index, toUInt32(intDiv(modulo(local, 1440), 60)) AS hour`,
      );
      expect(rows).toEqual(minutes.map(slotsOf(zone)));
    },
  );
});
