import { type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** Attempts along time, by how they ended. */
export const attemptsByResult: PanelFile = () => ({
  id: 4,
  name: 'attempts-by-result',
  title: 'Attempts by result',
  description:
    'What becomes of the attempts, and since when? Settled attempts by result. A band of timed_out means that something swallows codes in silence; failed comes with an error code.',
  kind: 'bars',
  unit: 'short',
  min: 0,
  span: 12,
  height: 8,
  sql: `SELECT $__timeInterval(settled_at) AS time, result, count() AS attempts FROM ${SETTLED_ATTEMPTS} GROUP BY time, result
    ORDER BY time`,
});
