import { FILTERS, type PanelFile } from './panel.ts';

/** What one enrolled factor costs at each provider. */
export const costPerSuccess: PanelFile = () => ({
  id: 18,
  name: 'cost-per-success',
  title: 'Cost per successful enrollment',
  description:
    'What does an enrolled factor cost? What providers charged in this range, and per enrollment that completed with them, by provider, region and currency. A cost that rises while success falls pays for resends: check fallback and error codes.',
  kind: 'table',
  unit: 'short',
  columnUnits: { charged: 'none', per_success: 'none' },
  decimals: 3,
  span: 12,
  height: 9,
  sql: `SELECT provider, region, cost_currency, charged, successes, charged / nullIf(successes, 0) AS per_success FROM (
  SELECT provider, region, cost_currency, sum(assumeNotNull(cost)) AS charged
  FROM events_v WHERE type = 'provider.request' AND cost > 0 AND $__timeFilter(time) AND ${FILTERS}
    GROUP BY provider, region, cost_currency) AS spent
LEFT JOIN (
  SELECT provider, region, count() AS successes FROM attempts
  WHERE result = 'completed' AND provider != '' AND $__timeFilter(settled_at) AND ${FILTERS}
    GROUP BY provider, region) AS won USING (provider, region)
ORDER BY charged DESC, provider, region`,
});
