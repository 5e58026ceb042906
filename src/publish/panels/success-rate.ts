import { m1 } from '../../slo/slis/m1.ts';
import { objectiveOf, type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** M1 over the range of the dashboard. */
export const successRate: PanelFile = (slos) => {
  const objective = objectiveOf(slos, m1, 0.98);
  return {
    id: 1,
    name: 'success-rate',
    title: 'Enrollment success',
    description: `Do enrollments succeed? Share of the attempts settled in this range that completed in time. The objective is ${objective}; below it, look at the error codes and providers beside.`,
    kind: 'stat',
    unit: 'percentunit',
    decimals: 2,
    min: 0,
    max: 1,
    thresholds: [
      { from: null, level: 'bad' },
      { from: objective, level: 'ok' },
    ],
    span: 4,
    height: 5,
    sql: `SELECT countIf(result = 'completed') / count() AS success FROM ${SETTLED_ATTEMPTS} AND observed = 'full' HAVING count() > 0`,
  };
};
