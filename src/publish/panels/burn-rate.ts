import type { Slo } from '../../slo/definition/openslo.ts';
import type { PanelFile } from './panel.ts';

/** Burn over one hour, along the range, one line per SLO. */
export const burnRate: PanelFile = (all) => {
  const slos = all.filter(({ pairs }) => pairs.length > 0);
  return {
    id: 3,
    name: 'burn-rate',
    title: 'Burn rate over 1 h',
    description:
      'How fast is the error budget being spent? 1 spends exactly the budget by the end of the window; above 14.4 a page is due if the last 5 minutes burn as well. Gaps are hours without traffic.',
    kind: 'timeseries',
    unit: 'none',
    decimals: 1,
    min: 0,
    thresholds: [
      { from: null, level: 'ok' },
      { from: 6, level: 'warn' },
      { from: 14.4, level: 'bad' },
    ],
    span: 12,
    height: 8,
    sql: `SELECT time, slo, bad_hour / total_hour / (1 - objective) AS burn FROM (
  SELECT time, slo, objective, sum(bad_events) OVER hour AS bad_hour, sum(all_events) OVER hour AS total_hour FROM (
    SELECT toStartOfInterval(minute, INTERVAL 300 second) AS time,
      transform(sli, [${listed(slos, ({ sli }) => sli.id)}], [${listed(slos, ({ name }) => name)}], '') AS slo,
      transform(sli, [${listed(slos, ({ sli }) => sli.id)}], [${slos.map(({ objective }) => objective).join(', ')}], 0.5) AS objective,
      sum(total - good) AS bad_events, sum(total) AS all_events
    FROM sli_minutes WHERE dimension = '' AND minute >= $__fromTime - 3600 AND minute <= $__toTime
      AND sli IN (${listed(slos, ({ sli }) => sli.id)})
    GROUP BY time, slo, objective)
  WINDOW hour AS (PARTITION BY slo ORDER BY toUnixTimestamp(time) RANGE BETWEEN 3300 PRECEDING AND CURRENT ROW))
WHERE time >= $__fromTime ORDER BY time`,
  };
};

const listed = (slos: readonly Slo[], pick: (slo: Slo) => string) => slos.map((slo) => `'${pick(slo)}'`).join(', ');
