import type { PanelFile } from './panel.ts';

/** What was found that concerns security, secrets in telemetry first of all. */
export const securityFindings: PanelFile = () => ({
  id: 40,
  name: 'security-findings',
  title: 'Security findings',
  description:
    'What was found that somebody has to look at? Findings of security in this range, open ones first; a secret_exposure names the source that sent a secret, which was not stored. Change the secret, then the code that sent it; muster findings shows all of the evidence.',
  kind: 'table',
  unit: 'none',
  span: 24,
  height: 7,
  sql: `SELECT start AS time, status, detector, severity,
  arrayStringConcat(arrayMap(name -> concat(name, ' ', dimensions[name]), mapKeys(dimensions)), ', ') AS place,
  JSONExtractString(evidence, 'summary') AS summary, id
FROM findings WHERE kind = 'security' AND $__timeFilter(start)
ORDER BY end IS NULL DESC, time DESC LIMIT 100`,
});
