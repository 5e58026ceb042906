import { FILTERS, type PanelFile } from './panel.ts';

/** Whose factors were taken away, and by whom. */
export const factorChanges: PanelFile = () => ({
  id: 13,
  name: 'factor-changes',
  title: 'Factors removed and reset',
  description:
    'Is somebody taking factors away that are not theirs? Factors revoked, reset or suspended in this range, newest first, with pseudonyms of whose it was and who did it; by is empty when people did it themselves. One actor on many users, or a reset shortly before a new enrollment, deserves a look.',
  kind: 'table',
  unit: 'none',
  span: 24,
  height: 8,
  sql: `SELECT time, type, source, factor_type, user_ref, if(actor_ref = user_ref, '', actor_ref) AS by, reason, region, ip FROM events_v
WHERE type IN ('factor.revoked', 'factor.reset', 'factor.suspended', 'factor.deprovisioned')
  AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
ORDER BY time DESC, user_ref LIMIT 50`,
});
