import { type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** Factors of the accounts that matter most. */
export const privilegedEnrollments: PanelFile = () => ({
  id: 23,
  name: 'privileged-enrollments',
  title: 'Enrollments by tier of the account',
  description:
    'Do privileged accounts enroll, and what? Attempts by tier of the account and factor in this range. Privileged accounts should enroll hardware-backed factors only: an SMS there is a finding to follow up.',
  kind: 'table',
  unit: 'short',
  span: 24,
  height: 8,
  sql: `SELECT if(user_tier = '', 'not said', user_tier) AS tier, factor_type, count() AS attempts,
    countIf(result = 'completed') AS completed, uniqExact(user_ref) AS people
FROM ${SETTLED_ATTEMPTS} GROUP BY tier, factor_type
ORDER BY tier = 'privileged' DESC, tier = 'vip' DESC, tier, attempts DESC, factor_type LIMIT 50`,
});
