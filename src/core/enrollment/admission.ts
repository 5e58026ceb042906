/** Whether a start may be: what the policy, the flags and the providers offer, what has to be proven first, and whether there is room. */
import { MusterError } from '../../errors.ts';
import { FACTORS, type FactorType } from '../factors/index.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { FactorRow } from '../ledger/records.ts';
import type { Sender } from '../messages/sending.ts';
import type { Decision } from '../policy/policy.ts';
import type { CoreStorage } from '../storage/storage.ts';
import { labelsOf, type StartRequest } from './requests.ts';
import type { BoundToken } from './token.ts';
import { duplicate } from './verify-enrollment.ts';

export interface AdmissionDeps {
  storage: CoreStorage;
  ledger: Ledger;
  sender: Sender;
  isRolledOut: (type: FactorType, user: string, region: string | undefined) => Promise<boolean>;
  /** Proves a factor of the person, as a log-in does, that is worth enough for a new one. @throws MUSTER_STEP_UP_REQUIRED */
  stepUp: (user: string, type: FactorType, stepUp: NonNullable<StartRequest['step_up']>) => Promise<void>;
}

/** The checks that a start passes before anything of it is written. */
export function createAdmission({ storage, ledger, sender, isRolledOut, stepUp }: AdmissionDeps) {
  return { assertOffered, assertSteppedUp, assertRoom };

  /** @throws MUSTER_POLICY_REFUSED */
  async function assertOffered(request: StartRequest, user: string, decision: Decision): Promise<void> {
    const { factor_type: type, region } = request;
    const { channel } = FACTORS[type].traits;
    const refusal = !decision.allowed.has(type)
      ? `the policy does not allow ${type} for this person`
      : channel && !sender.offers(channel)
        ? `no provider for ${channel} is configured`
        : !(await isRolledOut(type, user, region))
          ? `${type} is not offered to this person yet`
          : undefined;
    if (refusal === undefined) return;
    const cause = { action: 'enrollment.start', outcome: 'denied', error_class: 'policy' };
    await storage.transaction((statements) =>
      ledger.emit(statements, 'access.blocked', { user, factor_type: type, ...labelsOf(request), ...cause }),
    );
    throw new MusterError('MUSTER_POLICY_REFUSED', `${refusal}; GET /core/v1/enrollments/options says what is`);
  }

  /** NIST SP 800-63B-4 section 4.1.2.1: whoever has a factor proves it before another is bound. @throws MUSTER_STEP_UP_REQUIRED */
  async function assertSteppedUp(request: StartRequest, user: string, decision: Decision, token: BoundToken | undefined): Promise<void> {
    if (request.step_up) return stepUp(user, request.factor_type, request.step_up);
    if (!decision.isStepUpRequired || token?.isStrong || !(await ledger.mustStepUp(storage, user))) return;
    throw new MusterError('MUSTER_STEP_UP_REQUIRED', 'this person has a factor: send its proof in step_up, or a token of a log-in with it');
  }

  /** Counts and duplicates, under the lock. @throws MUSTER_POLICY_REFUSED, MUSTER_DUPLICATE_FACTOR, MUSTER_NOT_FOUND */
  function assertRoom(
    factors: readonly FactorRow[],
    { factor_type: type, replaces }: StartRequest,
    identity: string,
    decision: Decision,
  ): void {
    const same = factors.filter((factor) => factor.factor_type === type);
    if (replaces !== undefined && !same.some(({ id }) => id === replaces))
      throw new MusterError('MUSTER_NOT_FOUND', `replaces: this person has no live ${type} with this id`);
    const others = same.filter(({ id }) => id !== replaces);
    if (others.length >= decision.max(type))
      throw new MusterError(
        'MUSTER_POLICY_REFUSED',
        `this person has ${others.length} of ${type}, and may have no more: revoke one, or replace it`,
      );
    if (others.some((factor) => factor.identity === identity)) throw duplicate(type);
  }
}
