import { m8 } from '../../slo/slis/m8.ts';
import { FILTERS, type PanelFile } from './panel.ts';

/** What enrollment costs the support desk. */
export const ticketsPerThousand: PanelFile = (slos) => {
  const isSlo = slos.some(({ sli }) => sli === m8);
  return {
    id: 16,
    name: 'tickets-per-thousand',
    title: 'Support tickets per 1,000 enrollments',
    description: `Does enrollment need help? Tickets opened for every 1,000 completed enrollments, by day (UTC). ${isSlo ? 'The objective is below 5 over a week; a' : 'A'} rise after a deploy means that a page confuses people: look at what changed.`,
    kind: 'timeseries',
    unit: 'none',
    decimals: 1,
    min: 0,
    thresholds: [
      { from: null, level: 'ok' },
      { from: 5, level: 'bad' },
    ],
    span: 12,
    height: 8,
    sql: `SELECT day AS time, tickets FROM (
  SELECT toStartOfDay(time) AS day, countIf(type = 'ticket.opened') * 1000 / countIf(type = 'enrollment.completed') AS tickets
  FROM events_v WHERE type IN ('ticket.opened', 'enrollment.completed') AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
  GROUP BY day HAVING countIf(type = 'enrollment.completed') > 0)
ORDER BY time`,
  };
};
