import type { PanelFile } from './panel.ts';

/** What is left of each SLO's error budget, by the SLO's own window. */
export const budgetRemaining: PanelFile = (slos) => ({
  id: 2,
  name: 'budget-remaining',
  title: 'Error budget left',
  description:
    'How much may still fail? Share of the error budget that is left over the window of each SLO, whatever the range of the dashboard. Below 0 the objective is missed: hold back risky changes.',
  kind: 'table',
  unit: 'percentunit',
  decimals: 1,
  columnUnits: { sli_value: 'percentunit', objective: 'percentunit', budget_left: 'percentunit' },
  thresholds: [
    { from: null, level: 'bad' },
    { from: 0, level: 'warn' },
    { from: 0.1, level: 'ok' },
  ],
  span: 10,
  height: 5,
  sql: `SELECT slo, sli_value, objective, floor(budget_left, 2) AS budget_left FROM (
${slos
  .filter(({ objective, period }) => objective !== null && period.kind === 'rolling')
  .map(
    ({ name, sli, objective, period }) =>
      `SELECT '${name}' AS slo, sum(good) / sum(total) AS sli_value, ${objective} AS objective,
        1 - (1 - sum(good) / sum(total)) / (1 - ${objective}) AS budget_left
FROM sli_minutes WHERE sli = '${sli.id}' AND dimension = '' AND minute >= now() - ${period.seconds} HAVING sum(total) > 0`,
  )
  .join('\nUNION ALL\n')}
) ORDER BY budget_left, slo`,
});
