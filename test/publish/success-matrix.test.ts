/** The matrix of success is red where failures prove that the objective is missed, as an alert asks for it, and empty where nothing is proven. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expandMacros } from '../../src/publish/grafana/macros.ts';
import { successByProviderRegion } from '../../src/publish/panels/success-by-provider-region.ts';
import { MIN_BAD, WILSON_Z, wilsonLowerBound } from '../../src/slo/arithmetic/burn.ts';
import { type TestServices, takeIn, testServices } from '../support/store.ts';

const MINUTE_MS = 60_000;
const NOW = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
/** Attempts by region: failed of all. */
const CELLS: Record<string, readonly [failed: number, attempts: number]> = {
  'all-failed': [8, 8],
  'four-failed': [4, 4],
  'one-of-eight': [1, 8],
  'three-of-thirty': [3, 30],
  'eight-of-fifty': [8, 50],
  'few-and-well': [0, 29],
  'many-and-well': [0, 40],
};

let services: TestServices;
beforeAll(async () => {
  services = await testServices();
  const events = Object.entries(CELLS).flatMap(([region, [failed, attempts]]) =>
    Array.from({ length: attempts }, (_, n) => {
      const of = { source: 'app', attempt_id: `${region}-${n}`, user: `${region}-${n}`, factor_type: 'sms', provider: 'twilio', region };
      const end = n < failed ? { type: 'enrollment.failed', error_class: 'provider' } : { type: 'enrollment.completed' };
      return [
        { ...of, id: `${region}-${n}-s`, type: 'enrollment.started', time: new Date(NOW - 5 * MINUTE_MS).toISOString() },
        { ...of, id: `${region}-${n}-e`, ...end, time: new Date(NOW - 4 * MINUTE_MS).toISOString() },
      ];
    }).flat(),
  );
  expect((await takeIn(services, events)).rejected).toEqual([]);
});
afterAll(() => services.dispose());

test.each([undefined, 0.9])('with an objective of %s', async (objective) => {
  const slos = objective === undefined ? [] : services.slos.map((slo) => ({ ...slo, ...(slo.sli.id === 'M1' && { objective }) }));
  const sql = expandMacros(successByProviderRegion(slos).sql, { fromMs: NOW - 60 * MINUTE_MS, toMs: NOW, intervalMs: MINUTE_MS });
  const rows = await services.store.panels.rows<{ region: string; attempts: number; success: number; proven_success: number | null }>(sql);
  const expected = Object.entries(CELLS).map(([region, [failed, attempts]]) => {
    const success = (attempts - failed) / attempts;
    const isMissed = failed >= MIN_BAD && wilsonLowerBound(failed, attempts, WILSON_Z) > 1 - (objective ?? 0.98);
    const isProven = isMissed || (attempts >= 30 && success >= (objective ?? 0.98));
    return [region, isProven ? success : null];
  });
  expect(Object.fromEntries(rows.map(({ region, proven_success }) => [region, proven_success]))).toEqual(Object.fromEntries(expected));
  if (objective === undefined)
    expect(Object.fromEntries(expected)).toMatchObject({
      'all-failed': 0,
      'one-of-eight': null,
      'three-of-thirty': null,
      'few-and-well': null,
      'many-and-well': 1,
    });
});
