import type { PanelFile } from './panel.ts';

/** What went badly, each as one thing. */
export const incidents: PanelFile = () => ({
  id: 17,
  name: 'incidents',
  title: 'Incidents',
  description:
    'What went badly, and what did it cost? Incidents of this range, newest first: those that Muster found, with what leads them, how long they lasted, whom they hit and the largest share of an error budget that they took; and those that people opened. None is good; two of one provider in a month belong into the review with its vendor.',
  kind: 'table',
  unit: 'none',
  columnUnits: { budget_spent: 'percentunit' },
  span: 12,
  height: 8,
  sql: `SELECT time, id, status, severity, what, minutes, attempts, people, budget_spent FROM (
  SELECT start AS time, id, status, severity, title AS what, dateDiff('minute', start, ifNull(end, now64(3))) AS minutes,
    attempts, users AS people, arrayMax(arrayConcat([0.], slos.budget_spent)) AS budget_spent
  FROM incidents WHERE status NOT IN ('merged', 'dismissed') AND $__timeFilter(start)
  UNION ALL
  SELECT time, id, 'opened' AS status, '' AS severity, concat(reason, ' ', provider, ' ', region) AS what, 0 AS minutes, 0 AS attempts,
    0 AS people, 0. AS budget_spent
  FROM events_v WHERE type = 'incident.opened' AND $__timeFilter(time))
ORDER BY time DESC LIMIT 50`,
});
