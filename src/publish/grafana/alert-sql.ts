/** Grafana's expression of a burn-rate alert: SQL over the counts that the evaluator used, deciding for itself. */

import { MIN_BAD, MIN_SLICES, MIN_USERS, wilsonLowerExpression } from '../../slo/arithmetic/burn.ts';
import { MIN_COVERAGE } from '../../slo/arithmetic/episode.ts';
import type { Pair } from '../../slo/arithmetic/pairs.ts';
import { judgedOf, type Slo } from '../../slo/definition/openslo.ts';
import type { Alert } from '../../slo/evaluate/alerts/alert.ts';

/** Evaluations older than this say nothing about now. */
const FRESH = 'INTERVAL 5 MINUTE';

/** What a rule answers while nothing fires; one that holds may burn at 0. */
export const SILENT = -1;

const lastOf = (table: string, slo: Slo) =>
  `(SELECT max(at) FROM ${table} WHERE slo = '${slo.name}' AND at > $__toTime - ${FRESH} AND at <= $__toTime)`;

/**
 * One row: `slo`, and `burn`, the burn rate over the long window while the alert fires, else {@link SILENT}. No row without an evaluation in the last
 * five minutes. It opens and holds by the rules of the Prometheus alert: see `burnAlert` in prometheus/rules.ts.
 */
export function burnAlertSql(slo: Slo, pair: Pair): string {
  const { objective, isSliced } = judgedOf(slo);
  const allowed = `(1 - ${objective})`;
  const evidence = isSliced ? `long_total >= ${MIN_SLICES}` : `evidence_users >= ${MIN_USERS}`;
  const of = (column: string, window: string) => `sumIf(${column}, window = '${window}')`;
  return `SELECT '${slo.name}' AS slo, if(is_maintenance = 0 AND (holds OR (opens AND NOT other_fires)), coalesce(long_burn, ${pair.fittedFactor}),
    ${SILENT}) AS burn FROM (
  SELECT is_maintenance, holds, other_fires,
    if(long_total = 0, NULL, long_bad / long_total) / ${allowed} AS long_burn,
    if(short_total = 0, NULL, short_bad / short_total) / ${allowed} AS short_burn,
    if(long_total = 0, NULL, evidence_bad / long_total) AS ratio,
    ${wilsonLowerExpression('ratio', 'long_total')} AS lower_bound,
    ifNull(ratio / ${allowed} > ${pair.fittedFactor} AND short_burn > ${pair.fittedFactor} AND evidence_bad >= ${MIN_BAD} AND ${evidence} AND lower_bound > ${allowed}, 0) AND is_covered AS opens
  FROM (
    SELECT ${of('bad', pair.long)} AS long_bad, ${of('good + bad', pair.long)} AS long_total,
      ${of('bad', pair.short)} AS short_bad, ${of('good + bad', pair.short)} AS short_total,
      min(coverage) >= ${MIN_COVERAGE} AS is_covered, max(maintenance) AS is_maintenance
    FROM alert_inputs WHERE slo = '${slo.name}' AND window IN ('${pair.long}', '${pair.short}') AND at = ${lastOf('alert_inputs', slo)}
    HAVING count() = 2) AS counts
  CROSS JOIN (
    SELECT sumIf(evidence_bad, pair = '${pair.name}') AS evidence_bad, sumIf(evidence_users, pair = '${pair.name}') AS evidence_users,
      countIf(state = 'firing' AND pair = '${pair.name}') > 0 AS holds,
      countIf(state = 'firing' AND pair != '${pair.name}') > 0 AS other_fires
    FROM alert_states WHERE slo = '${slo.name}' AND severity = '${pair.severity}' AND at = ${lastOf('alert_states', slo)}) AS states)`;
}

/**
 * Always one row: what leads the failures as the label `leading`, empty while nothing fires or nothing stands out. To Grafana a query
 * without a row is "no data" of the whole rule, whatever its condition says.
 */
export const causeSql = (slo: Slo, pair: Pair): string =>
  `SELECT '${slo.name}' AS slo, max(cause) AS leading, 1 AS asked FROM alert_states
WHERE slo = '${slo.name}' AND pair = '${pair.name}' AND at = ${lastOf('alert_states', slo)}`;

/** Always one row: how many minutes ago the last evaluation was; very many where there was none for a day. */
export const absentSql = `SELECT greatest(0, date_diff('minute', max(at), $__toTime)) AS minutes
FROM alert_inputs WHERE at > $__toTime - INTERVAL 1 DAY`;

/** One row per place where an alert beside the burn rates fires: what the evaluator has found open. */
export const besideAlertSql = ({ detector, labels }: Pick<Alert, 'detector' | 'labels'>): string =>
  `SELECT DISTINCT ${['severity', ...['service', ...labels].map((name) => `dimensions['${name}'] AS ${name}`), '1 AS firing'].join(', ')}
FROM findings WHERE detector = '${detector}' AND start <= $__toTime AND (end IS NULL OR end > $__toTime)
ORDER BY ${['service', ...labels].join(', ')}`;
