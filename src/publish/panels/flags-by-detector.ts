import { FLAG_RUNS } from './anomaly-flags.ts';
import type { PanelFile } from './panel.ts';

/** Whether each detector was right: what became of its flags. */
export const flagsByDetector: PanelFile = () => ({
  id: 42,
  name: 'flags-by-detector',
  title: 'Were flags right?',
  description:
    'Can each detector be trusted? Runs of flagged minutes in this range, by what became of them: part of an incident, part of one that somebody dismissed, or of none. Many that are dismissed or alone speak against a detector, or for a maintenance that nobody announced.',
  kind: 'table',
  unit: 'none',
  span: 8,
  height: 8,
  sql: `SELECT detector, countIf(incident != '' AND NOT is_dismissed) AS in_incidents, countIf(is_dismissed) AS dismissed,
  countIf(incident = '') AS alone
FROM (
  SELECT detector, max(incident) AS incident, incident IN (SELECT id FROM incidents WHERE status = 'dismissed') AS is_dismissed
  FROM (${FLAG_RUNS})
  GROUP BY detector, metric, dimension, value, run)
GROUP BY detector ORDER BY count() DESC`,
});
