/** What a proof does to a pending enrollment: a right one binds the factor, a wrong one counts. */
import { MusterError } from '../../errors.ts';
import type { Kept, ProofResult, Surroundings } from '../factors/factor.ts';
import { FACTORS, type FactorType } from '../factors/index.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { aboutEnrollment, type EnrollmentRow, type EnrollmentView, enrollmentView, type FactorRow, subjectOf } from '../ledger/records.ts';
import { decide } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { Statements } from '../storage/storage.ts';
import { traceparent } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';

/** Wrong proofs after which an enrollment fails; a code that is sent again changes nothing about it (NIST SP 800-63B-4 section 3.1.3.2). */
export const MAX_WRONG_PROOFS = 5;

export type VerifyResult =
  | { isRight: true; enrollment: EnrollmentView; fields: Record<string, unknown> }
  | {
      isRight: false;
      attemptsLeft: number;
      /** `ended`: the enrollment has expired, failed or was cancelled before. */
      reason: 'wrong_proof' | 'failed' | 'ended';
      hint?: string;
      fields: Record<string, unknown>;
    };

export interface Proof {
  /** Of the enrollment; empty once it has ended. */
  kept: Kept;
  proof: Kept;
  /** What the factor's `check` came to. */
  checked?: unknown;
}

/** Refuses a factor that the person has already. @param type which it is */
export const duplicate = (type: FactorType) =>
  new MusterError('MUSTER_DUPLICATE_FACTOR', `this person has this very ${type} already: it can be used as it is, or named in replaces`);

export interface EnrollmentProofDeps {
  vault: Vault;
  ledger: Ledger;
  settings: Settings;
  now: () => number;
  random: (bytes: number) => Buffer;
  newId: () => string;
}

/** Decides on proofs of enrollments, and binds the factor of one that is right. */
export function createEnrollmentProof({ vault, ledger, settings, now, random, newId }: EnrollmentProofDeps) {
  const ENDED = { isRight: false, attemptsLeft: 0, reason: 'ended', fields: {} } as const;

  const around = ({ id, user_id: user }: EnrollmentRow): Surroundings => ({ id, user, nowMs: now(), random, vault });
  const markOf = (factorId: string, proof: Kept) => vault.mark(`proof of ${factorId}`, JSON.stringify(proof));

  return {
    /** What of a proof is done before the lock of the person is taken. */
    async checked(row: EnrollmentRow, { kept, proof }: Proof): Promise<unknown> {
      return row.state === 'pending' ? FACTORS[row.factor_type].check?.(kept, proof, around(row), 'bind') : undefined;
    },

    /** To be called under the lock of the person, with the row as it is there. @throws MUSTER_CONFLICT */
    async proven(statements: Statements, row: EnrollmentRow, { kept, proof, checked }: Proof): Promise<VerifyResult> {
      if (row.state === 'active' && row.factor_id !== null) return again(statements, row, row.factor_id, { kept, proof });
      if (row.state !== 'pending') return ENDED;
      const verdict = FACTORS[row.factor_type].verify(kept, proof, around(row), 'bind', checked);
      return verdict.isRight ? bind(statements, row, verdict.kept, proof) : refuse(statements, row, verdict);
    },
  };

  async function refuse(
    statements: Statements,
    row: EnrollmentRow,
    verdict: Extract<ProofResult, { isRight: false }>,
  ): Promise<VerifyResult> {
    const { code, hint, fields = {}, kept, isFinal, isDenied } = verdict;
    const failures = row.failures + 1;
    const told = { ...(hint !== undefined && { hint }), fields };
    const owner = { kind: 'enrollment', user: row.user_id, id: row.id } as const;
    await ledger.changeEnrollment(statements, row, { failures, ...(kept && { sealed: vault.seal(kept, owner) }) });
    const about = aboutEnrollment(row);
    await ledger.emit(statements, 'enrollment.verification_failed', { ...about, error_class: 'client', error_code: code });
    if (isDenied)
      await ledger.emit(statements, 'access.blocked', { ...about, action: 'enrollment.verify', outcome: 'denied', error_code: code });
    if (failures < MAX_WRONG_PROOFS && !isFinal)
      return { isRight: false, attemptsLeft: MAX_WRONG_PROOFS - failures, reason: 'wrong_proof', ...told };
    await ledger.step(statements, row, 'fail');
    const cause = { error_class: 'client', error_code: isFinal ? code : 'too_many_wrong_codes' };
    await ledger.emit(statements, 'enrollment.failed', { ...about, outcome: isDenied ? 'denied' : 'failure', ...cause });
    return { isRight: false, attemptsLeft: 0, reason: 'failed', ...told };
  }

  async function bind(statements: Statements, row: EnrollmentRow, kept: Kept, proof: Kept): Promise<VerifyResult> {
    const { factor_type: type, user_id: user } = row;
    const factor = FACTORS[type];
    const identity = vault.mark(type, factor.identity(kept));
    const live = await ledger.liveFactorsOf(statements, user);
    const old = live.find(({ id }) => id === row.replaces);
    const isTwice = live.some((each) => each.factor_type === type && each.identity === identity && each !== old);
    const factorId = newId();
    const why = isTwice ? duplicate(type).message : await factor.bound?.(statements, kept, factorId);
    if (why !== undefined) return refuseTwice(statements, row, why);
    const nowMs = now();
    await statements.run(
      `INSERT INTO factors (id, user_id, factor_type, state, version, sealed, failures, sends, may_send_at, identity, trace, created_at,
        labels)
       VALUES (?, ?, ?, 'active', 0, ?, 0, 0, 0, ?, ?, ?, ?)`,
      factorId,
      user,
      type,
      vault.seal(kept, { kind: 'factor', user, id: factorId }),
      identity,
      traceparent(),
      nowMs,
      row.labels,
    );
    // Of the secret of the set-up nothing is left but how to know its proof again.
    const sealed = vault.seal({ mark: markOf(factorId, proof) }, { kind: 'enrollment', user, id: row.id });
    await ledger.step(statements, row, 'activate', { factor_id: factorId, sealed });
    const about = { ...aboutEnrollment(row), factor_id: factorId };
    await ledger.emit(statements, 'enrollment.completed', { ...about, outcome: 'success', duration_ms: nowMs - row.created_at }, nowMs);
    if (factor.alsoEmits) await ledger.emit(statements, factor.alsoEmits, about, nowMs);
    if (old) await replaceOld(statements, old, about);
    // What was begun while there was no factor to prove must not be bound without that proof now.
    if (decide(settings.policy, subjectOf(row)).isStepUpRequired)
      await ledger.cancelOpen(statements, await ledger.openOf(statements, user), 'step_up_required');
    return { isRight: true, enrollment: enrollmentView(row), fields: factor.describe?.(kept) ?? {} };
  }

  async function refuseTwice(statements: Statements, row: EnrollmentRow, hint: string): Promise<VerifyResult> {
    await ledger.step(statements, row, 'fail');
    const cause = { outcome: 'failure', error_class: 'duplicate', error_code: 'same_factor' };
    await ledger.emit(statements, 'enrollment.failed', { ...aboutEnrollment(row), ...cause });
    return { ...ENDED, hint };
  }

  async function replaceOld(statements: Statements, old: FactorRow, about: Record<string, unknown>): Promise<void> {
    await ledger.factorStep(statements, old, 'revoke');
    await ledger.emit(statements, 'factor.rotated', { ...about, attributes: { replaced: old.id } });
  }

  /** The same proof again only repeats the answer; it proves nothing new (RFC 6238 section 5.2: a code is accepted once). */
  async function again(statements: Statements, row: EnrollmentRow, factorId: string, { kept, proof }: Proof): Promise<VerifyResult> {
    const { state } = await ledger.factor(statements, factorId);
    if (state !== 'active' || kept.mark !== markOf(factorId, proof))
      throw new MusterError('MUSTER_CONFLICT', 'the enrollment is already complete');
    return { isRight: true, enrollment: enrollmentView(row), fields: {} };
  }
}
