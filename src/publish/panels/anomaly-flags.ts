import type { PanelFile } from './panel.ts';

/** Flagged minutes of the range, with the number of their run: quarters of an hour without one are between two runs of a series. */
export const FLAG_RUNS = `
  SELECT *, countIf(gap > 900) OVER (PARTITION BY detector, metric, dimension, value ORDER BY minute) AS run FROM (
    SELECT *, dateDiff('second', lagInFrame(minute, 1, minute) OVER (PARTITION BY detector, metric, dimension, value ORDER BY minute
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), minute) AS gap
    FROM anomaly_flags WHERE $__timeFilter(minute))`;

/** What was out of the ordinary, each run of minutes once. */
export const anomalyFlags: PanelFile = () => ({
  id: 41,
  name: 'anomaly-flags',
  title: 'Out of the ordinary',
  description:
    'What is not as usual, before an error budget says so? Minutes in this range in which a series was further from its own habit than chance explains, by detector and value, newest first; none is good. Several values of one moment are one cause: look at the smallest one that explains the others.',
  kind: 'table',
  unit: 'none',
  span: 16,
  height: 8,
  sql: `SELECT min(minute) AS time, max(minute) AS last, detector, metric, if(dimension = '', 'all', concat(dimension, ' ', value)) AS what,
  count() AS minutes, round(max(score), 3) AS highest, round(argMax(observed, score), 4) AS seen, round(argMax(expected, score), 4) AS usual,
  max(incident) AS incident
FROM (${FLAG_RUNS})
GROUP BY detector, metric, dimension, value, run ORDER BY last DESC, minutes DESC LIMIT 100`,
});
