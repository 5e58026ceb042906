/** What becomes of bound factors: suspended and resumed, revoked one by one, and all of them with a reset or the end of the account. */
import { MusterError } from '../../errors.ts';
import type { Acted } from '../enrollment/requests.ts';
import type { Inside, Ledger } from '../ledger/ledger.ts';
import { aboutFactor, type FactorRow, subjectOf } from '../ledger/records.ts';
import { decide } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';

const nothing = async () => {};

/** How many ended with an account. */
export interface Ended {
  enrollments: number;
  factors: number;
}

export interface FactorChangesDeps {
  storage: CoreStorage;
  ledger: Ledger;
  settings: Settings;
  now: () => number;
}

/** Changes of the state of bound factors, each with its event. */
export function createFactorChanges({ storage, ledger, settings, now }: FactorChangesDeps) {
  return {
    /** For good; twice changes nothing. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION, MUSTER_POLICY_REFUSED */
    revoke(id: string): Promise<void> {
      return ledger.withFactor(id, async (statements, row) => {
        if (row.state === 'revoked') return;
        await assertNotLast(statements, row);
        await ledger.factorStep(statements, row, 'revoke');
        await ledger.emit(statements, 'factor.revoked', aboutFactor(row));
      });
    },

    /** Until it is resumed; twice changes nothing. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    suspend(id: string, by: Acted, inside: Inside<void> = nothing): Promise<void> {
      return ledger.withFactor(id, async (statements, row) => {
        if (row.state !== 'suspended') {
          await ledger.factorStep(statements, row, 'suspend');
          await ledger.emit(statements, 'factor.suspended', { ...aboutFactor(row), ...by });
        }
        await inside(statements);
      });
    },

    /** Takes a suspension back. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    resume(id: string, by: Acted, inside: Inside<void> = nothing): Promise<void> {
      return ledger.withFactor(id, async (statements, row) => {
        await ledger.factorStep(statements, row, 'resume');
        await ledger.emit(statements, 'admin.action', { ...aboutFactor(row), ...by, action: 'factor.resume' });
        await inside(statements);
      });
    },

    /** An account has ended: what is open is cancelled, and every factor goes. Returns how many of each. */
    deprovision: (user: string, by: Acted, inside: Inside<Ended> = nothing): Promise<Ended> =>
      endAll(user, by, { step: 'deprovision', event: 'factor.deprovisioned', reason: 'deprovisioned' }, inside),

    /** Somebody has to begin anew: what is open is cancelled, and every factor is revoked. Returns how many of each. */
    reset: (user: string, by: Acted, inside: Inside<Ended> = nothing): Promise<Ended> =>
      endAll(user, by, { step: 'revoke', event: 'factor.reset', reason: 'reset' }, inside),
  };

  async function endAll(
    named: string,
    by: Acted,
    { step, event, reason }: { step: 'deprovision' | 'revoke'; event: string; reason: string },
    inside: Inside<Ended>,
  ): Promise<Ended> {
    return storage.transaction(async (statements) => {
      const user = await ledger.accountOf(statements, named);
      await ledger.lock(statements, user);
      await ledger.nextEpoch(statements, user, now());
      const enrollments = await ledger.cancelOpen(statements, await ledger.openOf(statements, user), reason);
      const factors = await ledger.liveFactorsOf(statements, user);
      for (const row of factors) {
        await ledger.factorStep(statements, row, step);
        await ledger.emit(statements, event, { ...aboutFactor(row), ...by });
      }
      // Somebody has looked: what was lost to guessing is no reason any more.
      await statements.run('UPDATE factors SET failures = 0 WHERE user_id = ?', user);
      const ended = { enrollments, factors: factors.length };
      await inside(statements, ended);
      return ended;
    });
  }

  /** What the policy demands cannot be given away: another one first. */
  async function assertNotLast(statements: Statements, row: FactorRow): Promise<void> {
    if (!decide(settings.policy, subjectOf(row)).required.has(row.factor_type)) return;
    const others = (await ledger.liveFactorsOf(statements, row.user_id)).filter(
      (each) => each.factor_type === row.factor_type && each.id !== row.id,
    );
    if (others.length === 0)
      throw new MusterError(
        'MUSTER_POLICY_REFUSED',
        `the policy requires ${row.factor_type}, and this is the last: enroll another one first, or reset the person`,
      );
  }
}
