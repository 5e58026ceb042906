import type { PanelFile } from './panel.ts';

/** What went badly enough to be called an incident. */
export const incidents: PanelFile = () => ({
  id: 17,
  name: 'incidents',
  title: 'Incidents and pages',
  description:
    'What went badly? Incidents that people opened, and pages in this range, of error budgets and of the alerts beside them, newest first. None is good; two of one provider in a month belong into the review with its vendor.',
  kind: 'table',
  unit: 'none',
  span: 12,
  height: 8,
  sql: `SELECT time, kind, what, provider, region FROM (
  SELECT time, 'incident' AS kind, reason AS what, provider, region FROM events_v WHERE type = 'incident.opened' AND $__timeFilter(time)
  UNION ALL
  SELECT start AS time, kind, detector AS what, dimensions['provider'] AS provider, dimensions['region'] AS region
  FROM findings WHERE severity = 'page' AND $__timeFilter(start)
  UNION ALL
  SELECT ifNull(opened_at, since) AS time, 'page' AS kind, concat(slo, if(max(cause) = '', '', concat(': ', max(cause)))) AS what,
    '' AS provider, '' AS region
  FROM alert_states WHERE severity = 'page' AND state = 'firing' AND $__timeFilter(at) GROUP BY slo, time)
ORDER BY time DESC LIMIT 50`,
});
