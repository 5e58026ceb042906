/** Who has a factor proves it before another is added. */
import { MusterError } from '../../errors.ts';
import { FACTORS, type FactorType } from '../factors/index.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { FactorRow } from '../ledger/records.ts';
import type { CoreStorage } from '../storage/storage.ts';
import type { UseResult } from './log-in-outcome.ts';

export interface StepUpDeps {
  storage: CoreStorage;
  ledger: Pick<Ledger, 'liveFactorsOf'>;
  factors: { use(id: string, proof: unknown): Promise<UseResult> };
  /** Counts a proof of this person. @throws MUSTER_RATE_LIMITED */
  admit: (user: string) => Promise<void>;
}

const worth = ({ factor_type: each }: Pick<FactorRow, 'factor_type'>) => FACTORS[each].traits.assurance;

/**
 * A proof by a factor worth as much as the new one, or as the best that is there (NIST SP 800-63B-4 section 4.1.2.1).
 * @throws MUSTER_STEP_UP_REQUIRED when it is none
 */
export function createStepUp({ storage, ledger, factors, admit }: StepUpDeps) {
  return async (
    user: string,
    type: FactorType,
    { factor_id: id, proof }: { factor_id: string; proof: Record<string, unknown> },
  ): Promise<void> => {
    const refusal = new MusterError('MUSTER_STEP_UP_REQUIRED', 'step_up: this does not prove a factor of this person that is worth enough');
    const live = await ledger.liveFactorsOf(storage, user);
    const factor = live.find((each) => each.id === id);
    if (!factor || worth(factor) < Math.min(worth({ factor_type: type }), Math.max(...live.map(worth)))) throw refusal;
    await admit(user);
    const result = await factors.use(id, proof);
    if (!result.isRight) throw refusal;
  };
}
