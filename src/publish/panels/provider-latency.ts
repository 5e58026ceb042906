import { FILTERS, type PanelFile } from './panel.ts';

/** Which provider is slow. */
export const providerLatency: PanelFile = () => ({
  id: 24,
  name: 'provider-latency',
  title: 'Provider latency (p95)',
  description:
    'Which provider is slow? 95th percentile of the time that requests to each provider took. A provider that slows down often fails within minutes: have the fallback ready, and its status page open.',
  kind: 'timeseries',
  unit: 'ms',
  min: 0,
  span: 12,
  height: 8,
  sql: `SELECT bucket AS time, provider, p95 FROM (
  SELECT $__timeInterval(time) AS bucket, provider, quantileExact(0.95)(assumeNotNull(duration_ms)) AS p95 FROM events_v
  WHERE type = 'provider.request' AND traffic = 'user' AND duration_ms IS NOT NULL AND $__timeFilter(time) AND ${FILTERS}
    GROUP BY bucket, provider)
ORDER BY time, provider`,
});
