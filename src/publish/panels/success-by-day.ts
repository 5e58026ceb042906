import { m1 } from '../../slo/slis/m1.ts';
import { objectiveOf, type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** M1 day by day. */
export const successByDay: PanelFile = (slos) => {
  const objective = objectiveOf(slos, m1, 0.98);
  return {
    id: 14,
    name: 'success-by-day',
    title: 'Enrollment success by day',
    description: `Is it getting better? Share of the attempts settled in each day (UTC) that completed in time; the line is the objective of ${objective}. A day below it spends the budget of others: ask for the incident beside.`,
    kind: 'timeseries',
    unit: 'percentunit',
    decimals: 1,
    max: 1,
    thresholds: [
      { from: null, level: 'bad' },
      { from: objective, level: 'ok' },
    ],
    span: 16,
    height: 8,
    sql: `SELECT toStartOfDay(settled_at) AS time, countIf(result = 'completed') / count() AS success
FROM ${SETTLED_ATTEMPTS} AND observed = 'full' GROUP BY time ORDER BY time`,
  };
};
