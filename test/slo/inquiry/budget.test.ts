/** Forecast and gate: pure parts, against figures worked out by hand. */
import { describe, expect, test } from 'vitest';
import { differenceZ } from '../../../src/slo/evaluate/alerts/rollback-advised.ts';
import { loadThresholds } from '../../../src/slo/evaluate/alerts/thresholds.ts';
import { settledSince } from '../../../src/slo/evaluate/evaluator.ts';
import { forecast } from '../../../src/slo/inquiry/forecast.ts';
import { gateOf } from '../../../src/slo/inquiry/gate.ts';
import type { SloStatus } from '../../../src/slo/measure/status.ts';
import { healthyStatus } from '../../support/slo.ts';

const AT = Date.UTC(2026, 2, 1);
const inDays = (days: number) => new Date(AT + days * 86_400_000).toISOString();

describe('forecast', () => {
  test('100 failures left at 50 a day are gone in two days; the interval is that of a count of 50', () => {
    const { emptyAt, earliest, latest } = forecast({ left: 100, windowMs: 86_400_000, bad: 50, allowed: 20, atMs: AT, endMs: null });
    expect(emptyAt).toBe(inDays(2));
    // Score interval of 50: (50 + 1.92) ± 1.96 √(50 + 0.96) = 37.9 to 65.9 a day, so 1.52 to 2.64 days.
    expect((Date.parse(String(earliest)) - AT) / 86_400_000).toBeCloseTo(100 / 65.91, 2);
    expect((Date.parse(String(latest)) - AT) / 86_400_000).toBeCloseTo(100 / 37.93, 2);
  });

  test('what fails no faster than allowed lasts, though at the worst it may not', () => {
    const { emptyAt, earliest } = forecast({ left: 100, windowMs: 86_400_000, bad: 20, allowed: 20, atMs: AT, endMs: null });
    expect(emptyAt).toBeNull();
    expect(earliest).not.toBeNull();
  });

  test('a period of the calendar ends before the budget does', () => {
    expect(forecast({ left: 100, windowMs: 86_400_000, bad: 5, allowed: 1, atMs: AT, endMs: AT + 10 * 86_400_000 }).emptyAt).toBeNull();
    expect(forecast({ left: 100, windowMs: 86_400_000, bad: 20, allowed: 1, atMs: AT, endMs: AT + 10 * 86_400_000 }).emptyAt).toBe(
      inDays(5),
    );
  });

  test('what is spent is empty now; without failures it lasts', () => {
    expect(forecast({ left: -3, windowMs: 86_400_000, bad: 0, allowed: 1, atMs: AT, endMs: null }).emptyAt).toBe(inDays(0));
    expect(forecast({ left: 3, windowMs: 86_400_000, bad: 0, allowed: 0, atMs: AT, endMs: null })).toMatchObject({
      emptyAt: null,
      latest: null,
    });
  });
});

describe('gate', () => {
  const alert = {
    pair: '1',
    longWindow: '1h',
    shortWindow: '5m',
    since: '2026-03-01T00:00:00.000Z',
    firedAt: '2026-03-01T00:17:00.000Z',
    ends: null,
  };

  test.each([
    ['open while budget is left', {}, true, /50 % of the error budget is left/],
    ['closed without budget', { errorBudgetRemaining: 0 }, false, /no error budget is left over 30d/],
    [
      'closed while it pages',
      { alerts: [{ ...alert, severity: 'page', state: 'firing' }] },
      false,
      /pages \(pair 1\): burns since 00:00 UTC on 2026-03-01, fired at 00:17/,
    ],
    ['open while only a ticket is there', { alerts: [{ ...alert, severity: 'ticket', state: 'firing' }] }, true, /a ticket is open/],
    [
      'open on too few events to judge by',
      { good: 2, total: 3, errorBudgetRemaining: 1 - 1 / 3 / 0.02 },
      true,
      /too few events to judge the error budget over 30d by: 1 bad of 3/,
    ],
    ['closed once five have failed', { good: 5, total: 10, errorBudgetRemaining: -24 }, false, /no error budget is left/],
    ['closed while frozen', { alerts: [{ ...alert, severity: 'page', state: 'frozen' }] }, false, /saw too little/],
    ['open for what is only counted', { objective: null }, true, /only counted/],
    ['open where nothing was counted', { errorBudgetRemaining: null }, true, /nothing was counted/],
  ] as const)('is %s', (_name, change, isOpen, reason) => {
    const verdict = gateOf({ ...healthyStatus, ...change } as SloStatus);
    expect(verdict.isOpen).toBe(isOpen);
    expect(verdict.reason).toMatch(reason);
  });
});

test('monotone counters count a settled one once, whatever it turns into later', () => {
  const counts = (good: number, total: number) => new Map([['M1', { good, total }]]);
  expect(settledSince(undefined, counts(5, 9)).get('M1')).toEqual({ good: 0, bad: 0 });
  expect(settledSince(counts(5, 9), counts(8, 13)).get('M1')).toEqual({ good: 3, bad: 1 });
  // A late completion turned a bad one good.
  expect(settledSince(counts(5, 9), counts(6, 9)).get('M1')).toEqual({ good: 0, bad: 0 });
  expect(settledSince(counts(5, 9), counts(4, 8)).get('M1')).toEqual({ good: 0, bad: 0 });
});

test('two deployments are compared by the two-proportion z-test', () => {
  // 30 of 100 against 10 of 100: pooled 20 %, standard error √(0.2 × 0.8 × 0.02) = 0.0566; 0.2 / 0.0566 = 3.54.
  expect(differenceZ({ good: 70, total: 100 }, { good: 90, total: 100 })).toBeCloseTo(3.536, 3);
  expect(differenceZ({ good: 0, total: 0 }, { good: 90, total: 100 })).toBeNull();
  expect(differenceZ({ good: 10, total: 10 }, { good: 90, total: 90 })).toBe(0);
});

test('thresholds come from a file, every one with its default; what is wrong is named', async () => {
  const { mkdtemp, rm, writeFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const { tmpdir } = await import('node:os');
  const folder = await mkdtemp(join(tmpdir(), 'muster-thresholds-'));
  try {
    const path = join(folder, 'alerts.yaml');
    await writeFile(path, 'provider_outage:\n  requests: 50\n');
    const thresholds = await loadThresholds(path);
    expect(thresholds.provider_outage).toEqual({ minutes: 5, requests: 50, failed_share: 0.5, circuit_open_minutes: 2, page_share: 0.1 });
    expect(thresholds.mass_lockout).toEqual({ minutes: 15, users: 10, times_usual: 5, days: 7 });
    await writeFile(path, 'provider_outage:\n  request: 50\n');
    await expect(loadThresholds(path)).rejects.toThrow(/alerts\.yaml: provider_outage: .*request/);
    await writeFile(path, 'traffic_stopped:\n  minutes: 0\n');
    await expect(loadThresholds(path)).rejects.toThrow(/traffic_stopped\.minutes/);
    await expect(loadThresholds(join(folder, 'none.yaml'))).rejects.toMatchObject({ code: 'MUSTER_BAD_ARGUMENT' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
