import { m7 } from '../../slo/slis/m7.ts';
import { FILTERS, objectiveOf, type PanelFile } from './panel.ts';

/** How often another provider had to take over. */
export const fallbackShare: PanelFile = (slos) => {
  const objective = objectiveOf(slos, m7, 0.99);
  return {
    id: 25,
    name: 'fallback-share',
    title: 'Fallback share',
    description: `How often must another provider take over? Fallbacks from each provider, of the requests to it, by day (UTC). Above ${Number((1 - objective).toPrecision(3))} the objective is spent faster than allowed: the fallback costs more, and has less capacity.`,
    kind: 'timeseries',
    unit: 'percentunit',
    decimals: 2,
    min: 0,
    thresholds: [
      { from: null, level: 'ok' },
      { from: Number((1 - objective).toPrecision(3)), level: 'bad' },
    ],
    span: 12,
    height: 8,
    sql: `SELECT day AS time, provider, share FROM (
  SELECT toStartOfDay(time) AS day, provider, countIf(type = 'provider.fallback') / countIf(type = 'provider.request') AS share
    FROM events_v
  WHERE type IN ('provider.request', 'provider.fallback') AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
  GROUP BY day, provider HAVING countIf(type = 'provider.request') > 0)
ORDER BY time, provider`,
  };
};
