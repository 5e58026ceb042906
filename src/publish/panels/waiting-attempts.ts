import { FILTERS, type PanelFile } from './panel.ts';

/** The attempts that hang, oldest first. */
export const waitingAttempts: PanelFile = () => ({
  id: 21,
  name: 'waiting-attempts',
  title: 'Waiting attempts',
  description:
    'Which attempts hang now? Attempts that have started and not ended, oldest first, with the moment at which they will count as failed. Many of one provider that wait long are codes that it swallowed: see its health.',
  kind: 'table',
  unit: 'none',
  opensAttempts: true,
  span: 24,
  height: 8,
  sql: `SELECT started_at, deadline, factor_type, provider, region, deployment, client_version, source, attempt_id, user_ref
FROM attempts WHERE result = 'pending' AND observed = 'full' AND traffic = 'user' AND ${FILTERS} ORDER BY started_at, attempt_id LIMIT 50`,
});
