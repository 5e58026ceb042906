/** What did not cause an incident. */
import type { IncidentCauses, IncidentDetail } from '../../../../src/serve/routes/answers.ts';

/** Whether a deployment came before it that fails no more than others. */
export const isRuledOut = ({ change }: Pick<IncidentDetail, 'change'>, { sli, causes }: IncidentCauses): boolean =>
  sli !== null &&
  (change?.deployment ?? '') !== '' &&
  !causes.some(
    (each) =>
      each.isSignificant && each.dimension.split(',').some((name, i) => name === 'deployment' && each.values[i] === change?.deployment),
  );
