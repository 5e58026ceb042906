/** SLO documents and histories for tests. */

import type { Pair, Severity } from '../../src/slo/arithmetic/pairs.ts';
import { pairsFor } from '../../src/slo/arithmetic/pairs.ts';
import type { History } from '../../src/slo/measure/history.ts';
import type { SloStatus } from '../../src/slo/measure/status.ts';

const metric = (sli: string, outcome: 'good' | 'total') => ({ metricSource: { type: 'Muster', spec: { sli, outcome } } });

/** An OpenSLO document of M1, with parts of its spec replaced. */
export const documentOf = (spec: Record<string, unknown> = {}, name = 'mine', sli = 'M1') => ({
  apiVersion: 'openslo/v1',
  kind: 'SLO',
  metadata: { name },
  spec: {
    service: 'mfa-enrollment',
    indicator: { metadata: { name: sli }, spec: { ratioMetric: { good: metric(sli, 'good'), total: metric(sli, 'total') } } },
    timeWindow: [{ duration: '30d', isRolling: true }],
    budgetingMethod: 'Occurrences',
    objectives: [{ target: 0.98 }],
    alertPolicies: ['burn-rate-page', 'burn-rate-ticket'],
    ...spec,
  },
});

/** The Workbook's pairs over 30 days. */
export const workbookPairs = (objective: number, severities: readonly Severity[] = ['page', 'ticket']): Pair[] =>
  pairsFor(objective, 30 * 86_400, severities);

/** A history of so many minutes; `of` says how many are good and bad in each, every bad one of another user. */
export function historyOf(minutes: number, fromMs: number, of: (minute: number) => { good: number; bad: number }): History {
  const history: History = { fromMs, good: new Float64Array(minutes), total: new Float64Array(minutes), users: new Map() };
  for (let minute = 0; minute < minutes; minute++) {
    const { good, bad } = of(minute);
    history.good[minute] = good;
    history.total[minute] = good + bad;
    if (bad > 0) history.users.set(minute, { users: [], anonymous: bad });
  }
  return history;
}

/** A status of M1 that is well. */
export const healthyStatus: SloStatus = {
  slo: 'enrollment-success',
  sli: 'M1',
  title: 'Enrollment success',
  kind: 'ratio',
  objective: 0.98,
  window: '30d',
  good: 990,
  total: 1_000,
  sliValue: 0.99,
  interval: null,
  errorBudgetRemaining: 0.5,
  burnRates: { '5m': 1, '30m': 1, '1h': 1, '2h': 1, '6h': 1, '1d': 1, '3d': 1 },
  windows: {},
  coverage: {},
  beside: {},
  excludedMinutes: 0,
  alerts: [],
};
