import { FILTERS, type PanelFile } from './panel.ts';

/** Latency of the enrollment API along time. */
export const apiLatency: PanelFile = () => ({
  id: 7,
  name: 'api-latency',
  title: 'API latency',
  description:
    'Is the enrollment API fast? Median, 95th and 99th percentile of the requests. The objective is 95 % under 500 ms: p95 above the line spends the budget.',
  kind: 'timeseries',
  unit: 'ms',
  min: 0,
  thresholds: [
    { from: null, level: 'ok' },
    { from: 500, level: 'bad' },
  ],
  span: 12,
  height: 8,
  sql: `SELECT bucket AS time, quantile.1 AS quantile_name, quantile.2 AS latency FROM (
  SELECT $__timeInterval(time) AS bucket, arrayJoin(arrayZip(['p50', 'p95', 'p99'],
    quantilesExact(0.5, 0.95, 0.99)(assumeNotNull(duration_ms)))) AS quantile
  FROM events_v WHERE type = 'api.request' AND traffic = 'user' AND duration_ms IS NOT NULL AND $__timeFilter(time) AND ${FILTERS}
    GROUP BY bucket)
ORDER BY time`,
});
