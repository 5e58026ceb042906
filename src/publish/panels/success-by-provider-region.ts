import { m1 } from '../../slo/slis/m1.ts';
import { objectiveOf, type PanelFile, SETTLED_ATTEMPTS } from './panel.ts';

/** Where it fails: provider by region. */
export const successByProviderRegion: PanelFile = (slos) => {
  const objective = objectiveOf(slos, m1, 0.98);
  return {
    id: 6,
    name: 'success-by-provider-region',
    title: 'Success by provider and region',
    description:
      'Where does it fail? Share of attempts that completed, by the first provider and region; "on device" needs no provider. A cell of fewer than 30 attempts proves little and stays empty; on Muster\'s own page each says what it stands on.',
    kind: 'matrix',
    unit: 'percentunit',
    decimals: 1,
    matrix: { row: 'provider_name', column: 'region', value: 'success', count: 'attempts', drawn: 'success_of_enough' },
    thresholds: [
      { from: null, level: 'bad' },
      { from: objective, level: 'ok' },
    ],
    span: 12,
    height: 9,
    sql: `SELECT if(provider = '', 'on device', provider) AS provider_name, region, countIf(result = 'completed') / count() AS success,
      count() AS attempts,
  if(attempts < 30, NULL, success) AS success_of_enough
FROM ${SETTLED_ATTEMPTS} AND observed = 'full' GROUP BY provider_name, region ORDER BY provider_name, region`,
  };
};
