/** What follows from a proof of somebody who logs in: a counter begun anew, or a step nearer to the end of the factor. */
import type { Kept, ProofResult } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { MAX_FAILURES } from '../ledger/lifecycle.ts';
import { aboutFactor, type FactorRow } from '../ledger/records.ts';
import { ownerOfFactor } from '../ledger/unseal-then-lock.ts';
import type { Statements } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';

export type UseResult =
  | { isRight: true; fields: Record<string, unknown> }
  | { isRight: false; failuresLeft: number; hint?: string; fields: Record<string, unknown> };

/** Writes down what a proof came to, in the transaction in which it was checked. */
export function createLogInOutcome({ vault, ledger, now }: { vault: Vault; ledger: Ledger; now: () => number }) {
  return { accept, refuse };

  async function accept(statements: Statements, row: FactorRow, kept: Kept): Promise<UseResult> {
    await ledger.changeFactor(statements, row, {
      sealed: vault.seal(kept, ownerOfFactor(row)),
      failures: 0,
      sends: 0,
      may_send_at: 0,
      used_at: now(),
    });
    if (FACTORS[row.factor_type].again) await ledger.emit(statements, 'challenge.approved', aboutFactor(row));
    return { isRight: true, fields: FACTORS[row.factor_type].describe?.(kept) ?? {} };
  }

  async function refuse(statements: Statements, row: FactorRow, verdict: Extract<ProofResult, { isRight: false }>): Promise<UseResult> {
    const { code, hint, fields = {}, kept, isDenied } = verdict;
    const failures = row.failures + 1;
    await ledger.changeFactor(statements, row, { failures, ...(kept && { sealed: vault.seal(kept, ownerOfFactor(row)) }) });
    const blocked = { ...aboutFactor(row), action: 'factor.verify', outcome: 'denied', error_code: code };
    if (isDenied) {
      // Whoever says that it was not them is asked nothing more until somebody has looked.
      await ledger.emit(statements, 'challenge.denied', aboutFactor(row));
      await ledger.factorStep(statements, row, 'suspend');
      await ledger.emit(statements, 'factor.suspended', { ...aboutFactor(row), reason: 'denied' });
      await ledger.emit(statements, 'access.blocked', blocked);
    } else if (failures >= MAX_FAILURES) {
      await ledger.factorStep(statements, row, 'revoke');
      await ledger.emit(statements, 'factor.revoked', { ...aboutFactor(row), reason: 'too_many_failures' });
      await ledger.emit(statements, 'access.blocked', { ...blocked, error_code: 'too_many_failures' });
    }
    return { isRight: false, failuresLeft: isDenied ? 0 : MAX_FAILURES - failures, ...(hint !== undefined && { hint }), fields };
  }
}
