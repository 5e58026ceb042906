import { FILTERS, type PanelFile } from './panel.ts';

/** Factors that exist twice. */
export const duplicates: PanelFile = () => ({
  id: 26,
  name: 'duplicates',
  title: 'Duplicate factors',
  description:
    'Does somebody have one factor twice? Factors that reconciliation found twice in this range, newest first, and whether one has been taken away since. One that stays open locks somebody out sooner or later; many at once are a retry without an idempotency key: see runbook F2.',
  kind: 'table',
  unit: 'none',
  span: 12,
  height: 8,
  sql: `SELECT found_at, state, factor, region_name, user_ref, factor_id, why FROM (
  SELECT user_ref, factor_id, factor_type AS factor, minIf(time, type = 'factor.duplicate_detected') AS found_at,
    if(argMax(type, time) = 'factor.duplicate_resolved', 'resolved', 'open') AS state, any(region) AS region_name,
    anyIf(reason, type = 'factor.duplicate_detected') AS why
  FROM events_v WHERE type IN ('factor.duplicate_detected', 'factor.duplicate_resolved')
  AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
  GROUP BY user_ref, factor_id, factor_type HAVING countIf(type = 'factor.duplicate_detected') > 0)
ORDER BY found_at DESC, factor_id LIMIT 50`,
});
