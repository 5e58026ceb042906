import { type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** Which errors end attempts. */
export const topErrorCodes: PanelFile = () => ({
  id: 5,
  name: 'top-error-codes',
  title: 'Why attempts fail',
  description:
    'Which error accounts for the failures? Attempts that did not complete in time, by fault, class and code. Fault "unknown" without a code is silence: nothing more was heard of the attempt.',
  kind: 'table',
  unit: 'short',
  columnUnits: { share: 'percentunit' },
  span: 12,
  height: 8,
  sql: `SELECT result, fault, error_class, error_code, count() AS attempts, count() / sum(count()) OVER () AS share
FROM ${SETTLED_ATTEMPTS} AND result != 'completed' GROUP BY result, fault, error_class, error_code
ORDER BY attempts DESC, result, error_code LIMIT 20`,
});
