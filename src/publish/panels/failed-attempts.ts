import { type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** The attempts behind the figures. */
export const failedAttempts: PanelFile = () => ({
  id: 10,
  name: 'failed-attempts',
  title: 'Failed attempts',
  description:
    'Which attempts failed last? The newest attempts that did not complete in time, with where and why; user_ref is a pseudonym.',
  kind: 'table',
  unit: 'none',
  opensAttempts: true,
  columnUnits: { duration_ms: 'ms' },
  span: 24,
  height: 9,
  sql: `SELECT settled_at AS time, result, fault, error_class, error_code, factor_type, provider, region, deployment, client_version,
    duration_ms, source, attempt_id, user_ref
FROM ${SETTLED_ATTEMPTS} AND result != 'completed' ORDER BY time DESC, attempt_id LIMIT 50`,
});
