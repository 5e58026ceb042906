import { FILTERS, type PanelFile } from './panel.ts';

/** Do the providers deliver? */
export const providerHealth: PanelFile = () => ({
  id: 8,
  name: 'provider-health',
  title: 'Provider health',
  description:
    'Do the providers deliver? Requests to each provider by region, how many failed, and how often another provider had to take over. Above 5 % failed, check the status page of the provider and its circuit.',
  kind: 'table',
  unit: 'short',
  decimals: 1,
  columnUnits: { failed_share: 'percentunit' },
  thresholds: [
    { from: null, level: 'ok' },
    { from: 0.05, level: 'warn' },
    { from: 0.5, level: 'bad' },
  ],
  span: 12,
  height: 9,
  sql: `SELECT provider, region, countIf(type = 'provider.request') AS requests,
    countIf(type = 'provider.request' AND outcome IN ('failure', 'timeout')) AS failed,
  failed / requests AS failed_share, countIf(type = 'provider.fallback') AS fallbacks
FROM events_v WHERE type IN ('provider.request', 'provider.fallback') AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
GROUP BY provider, region HAVING requests > 0 ORDER BY failed_share DESC, provider, region`,
});
