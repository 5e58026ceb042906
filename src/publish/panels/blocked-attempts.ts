import { FILTERS, type PanelFile } from './panel.ts';

/** M9 along time. */
export const blockedAttempts: PanelFile = () => ({
  id: 22,
  name: 'blocked-attempts',
  title: 'Blocked attempts',
  description:
    'Does somebody try what is not theirs? Attempts that were blocked, by region. A few a day are usual; a burst from one region is somebody at work: look at whose factors were reset before.',
  kind: 'bars',
  unit: 'short',
  min: 0,
  span: 18,
  height: 8,
  sql: `SELECT bucket AS time, region, blocked FROM (
  SELECT $__timeInterval(time) AS bucket, region, count() AS blocked FROM events_v
  WHERE type = 'access.blocked' AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS} GROUP BY bucket, region)
ORDER BY time, region`,
});
