import { FILTERS, type PanelFile } from './panel.ts';

/** How many wait right now. */
export const attemptsInFlight: PanelFile = () => ({
  id: 12,
  name: 'attempts-in-flight',
  title: 'In flight',
  description:
    'Do attempts pile up? Attempts that have started and not ended, and whose deadline has not passed. A rise without a rise in traffic tells of swallowed codes minutes before they count as failed.',
  kind: 'stat',
  unit: 'short',
  decimals: 0,
  min: 0,
  span: 6,
  height: 5,
  sql: `SELECT count() AS in_flight FROM attempts WHERE result = 'pending' AND observed = 'full' AND traffic = 'user' AND ${FILTERS}`,
});
