import { FILTERS, type PanelFile } from './panel.ts';

/** What people with rights did. */
export const auditStream: PanelFile = () => ({
  id: 28,
  name: 'audit-stream',
  title: 'Audit stream',
  description:
    'Who with rights did what, shortly before it broke? Actions of administrators, policy changes and resets in this range, newest first; actor_ref and user_ref are pseudonyms. A policy change just before a burn explains it more often than a provider does.',
  kind: 'table',
  unit: 'none',
  span: 24,
  height: 8,
  sql: `SELECT time, type, action, actor_ref, user_ref, reason, outcome, region, source FROM events_v
WHERE type IN ('admin.action', 'policy.changed', 'config.snapshot', 'factor.reset', 'runbook.run')
  AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
ORDER BY time DESC, id LIMIT 100`,
});
