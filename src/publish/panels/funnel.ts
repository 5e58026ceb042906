import { FILTERS, type PanelFile } from './panel.ts';

/** At which step people are lost. */
export const funnel: PanelFile = () => ({
  id: 19,
  name: 'funnel',
  title: 'Funnel by step',
  description:
    'At which step are people lost? Attempts that reached each step in this range, and the share of those started. A loss between challenge and completion is codes that do not arrive or are typed wrong; before it, the page or the policy.',
  kind: 'table',
  unit: 'short',
  decimals: 1,
  columnUnits: { share: 'percentunit' },
  span: 12,
  height: 8,
  sql: `SELECT step, attempts, attempts / max(attempts) OVER () AS share FROM (
  SELECT transform(type, ['enrollment.started', 'enrollment.challenge_issued', 'enrollment.verification_failed', 'enrollment.completed'],
      ['1 started', '2 challenge issued', '3 a proof was wrong', '4 completed'], '') AS step, uniqExact(source, attempt_id) AS attempts
  FROM events_v WHERE type IN ('enrollment.started', 'enrollment.challenge_issued', 'enrollment.verification_failed',
    'enrollment.completed')
    AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS} GROUP BY step)
ORDER BY step`,
});
