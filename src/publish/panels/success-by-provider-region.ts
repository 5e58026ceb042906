import { MIN_BAD, wilsonLowerExpression } from '../../slo/arithmetic/burn.ts';
import { m1 } from '../../slo/slis/m1.ts';
import { objectiveOf, type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** A cell of fewer that all went well proves little. */
const ENOUGH = 30;

/** Where it fails: provider by region. */
export const successByProviderRegion: PanelFile = (slos) => {
  const objective = objectiveOf(slos, m1, 0.98);
  return {
    id: 6,
    name: 'success-by-provider-region',
    title: 'Success by provider and region',
    description:
      'Where does it fail? Share of attempts that completed, by the first provider and region; "on device" needs no provider. A red cell proves that more fail there than the objective allows, by the rule of the alerts (99 %); a cell that proves neither stays empty. On Muster\'s own page each says what it stands on.',
    kind: 'matrix',
    unit: 'percentunit',
    decimals: 1,
    matrix: { row: 'provider_name', column: 'region', value: 'success', count: 'attempts', drawn: 'proven_success' },
    thresholds: [
      { from: null, level: 'bad' },
      { from: objective, level: 'ok' },
    ],
    span: 12,
    height: 9,
    sql: `SELECT if(provider = '', 'on device', provider) AS provider_name, region, countIf(result = 'completed') / count() AS success,
      count() AS attempts,
  countIf(result != 'completed') AS failed, failed / attempts AS failure,
  failed >= ${MIN_BAD} AND ${wilsonLowerExpression('failure', 'attempts')} > 1 - ${objective} AS is_missed,
  if(is_missed OR (attempts >= ${ENOUGH} AND success >= ${objective}), success, NULL) AS proven_success
FROM ${SETTLED_ATTEMPTS} AND observed = 'full' GROUP BY provider_name, region ORDER BY provider_name, region`,
  };
};
