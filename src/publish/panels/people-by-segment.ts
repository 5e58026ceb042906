import { type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** Who got a factor, and how strong a one. */
export const peopleBySegment: PanelFile = () => ({
  id: 15,
  name: 'people-by-segment',
  title: 'People enrolled by segment',
  description:
    'Who is protected, and how well? People who enrolled a factor in this range, by segment, and the share of those whose factor resists phishing (NIST SP 800-63B: WebAuthn, certificates). Plan a campaign where the share is low.',
  kind: 'table',
  unit: 'short',
  decimals: 1,
  columnUnits: { phishing_resistant: 'percentunit' },
  span: 8,
  height: 8,
  sql: `SELECT if(segment = '', 'no segment', segment) AS segment_name, uniqExact(user_ref) AS people,
  uniqExactIf(user_ref, factor_type IN ('webauthn', 'certificate')) / people AS phishing_resistant
FROM ${SETTLED_ATTEMPTS} AND result = 'completed' GROUP BY segment_name ORDER BY people DESC, segment_name LIMIT 50`,
});
