import type { PanelFile } from './panel.ts';

/** What changed: deploys, incidents, circuits, policies. */
export const changes: PanelFile = () => ({
  id: 9,
  name: 'changes',
  title: 'What changed',
  description:
    'What changed before it broke? Deploys, rollbacks, incidents, opened circuits and changed policies in this range, newest first.',
  kind: 'table',
  unit: 'none',
  span: 12,
  height: 8,
  sql: `SELECT time, type, deployment, provider, region, action, reason FROM events_v
WHERE type IN ('deploy.completed', 'deploy.rolled_back', 'incident.opened', 'incident.resolved', 'provider.circuit_opened',
  'provider.circuit_closed', 'policy.changed')
  AND $__timeFilter(time) ORDER BY time DESC LIMIT 50`,
});
