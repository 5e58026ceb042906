import { FILTERS, type PanelFile } from './panel.ts';

/** Where the API is slow. */
export const latencyByRegion: PanelFile = () => ({
  id: 20,
  name: 'latency-by-region',
  title: 'API latency by region and operation',
  description:
    'Where is the API slow? Median, 95th and 99th percentile of requests, by region and operation, slowest first. One region alone points to its database or network, one operation in all regions to the code: compare with the last deploy.',
  kind: 'table',
  unit: 'short',
  decimals: 0,
  columnUnits: { p50: 'ms', p95: 'ms', p99: 'ms' },
  span: 12,
  height: 8,
  sql: `SELECT region, operation, count() AS requests, quantileExact(0.5)(assumeNotNull(duration_ms)) AS p50,
    quantileExact(0.95)(assumeNotNull(duration_ms)) AS p95,
  quantileExact(0.99)(assumeNotNull(duration_ms)) AS p99
FROM events_v WHERE type = 'api.request' AND traffic = 'user' AND duration_ms IS NOT NULL AND $__timeFilter(time) AND ${FILTERS}
GROUP BY region, operation ORDER BY p95 DESC, region, operation LIMIT 50`,
});
