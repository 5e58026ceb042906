import { FILTERS, type PanelFile } from './panel.ts';

/** Which authenticators people bring, and which are refused. */
export const attestation: PanelFile = () => ({
  id: 27,
  name: 'attestation',
  title: 'Attestation by authenticator',
  description:
    'Which authenticators do people bring, and which are refused? Attestations verified and rejected in this range. A new name, or one that is refused often, is a policy that misses a model, or somebody who tries what is not allowed: see runbook F4.',
  kind: 'table',
  unit: 'short',
  decimals: 1,
  columnUnits: { rejected_share: 'percentunit' },
  span: 12,
  height: 8,
  sql: `SELECT if(attributes['authenticator'] = '', 'not said', attributes['authenticator']) AS authenticator,
    countIf(type = 'attestation.verified') AS verified,
  countIf(type = 'attestation.rejected') AS rejected, rejected / (verified + rejected) AS rejected_share, uniqExact(user_ref) AS people, max(time) AS last_seen
FROM events_v WHERE type IN ('attestation.verified', 'attestation.rejected') AND traffic = 'user' AND $__timeFilter(time) AND ${FILTERS}
GROUP BY authenticator ORDER BY rejected DESC, authenticator LIMIT 50`,
});
