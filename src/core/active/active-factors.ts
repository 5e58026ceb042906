/** Factors that are there: used to log in, suspended, resumed, revoked, and gone with their account. */
import { MusterError } from '../../errors.ts';
import { parsed } from '../../system/parsed-body.ts';
import type { Acted } from '../enrollment/requests.ts';
import type { Kept, Renewal, Surroundings, Verdict } from '../factors/factor.ts';
import { FACTORS, type FactorType } from '../factors/index.ts';
import type { Inside, Ledger } from '../ledger/ledger.ts';
import { CHALLENGE_LIFE_MS, MAX_FAILURES } from '../ledger/lifecycle.ts';
import { aboutFactor, type FactorRow, type FactorView, subjectOf } from '../ledger/records.ts';
import { type Opened, ownerOfFactor } from '../ledger/unseal-then-lock.ts';
import type { Sender } from '../messages/sending.ts';
import { decide, type Subject } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';
import { traced, traceparent } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';

const nothing = async () => {};

/** How many ended with an account. */
export interface Ended {
  enrollments: number;
  factors: number;
}

export type UseResult =
  | { isRight: true; fields: Record<string, unknown> }
  | { isRight: false; failuresLeft: number; hint?: string; fields: Record<string, unknown> };

export interface Options {
  allowed: { factor_type: FactorType; assurance: number; is_restricted: boolean; warning?: string }[];
  required: FactorType[];
  /** Required ones that the person lacks, and can have. */
  missing: FactorType[];
  is_step_up_required: boolean;
}

interface Renewed {
  kept: Kept;
  next: Renewal;
  shown: Record<string, unknown>;
  inside: Inside<Record<string, unknown>>;
}

export interface HoldingDeps {
  storage: CoreStorage;
  vault: Vault;
  ledger: Ledger;
  opened: Opened;
  sender: Sender;
  settings: Settings;
  isRolledOut: (type: FactorType, user: string, region: string | undefined) => Promise<boolean>;
  now: () => number;
  random: (bytes: number) => Buffer;
}

const ENDED = {
  isRight: false,
  code: 'challenge_expired',
  hint: 'there is nothing to answer, or it was asked more than ten minutes ago: ask for a new one',
} as const;

/** Everything that is done with factors that are bound. */
export function createHolding(deps: HoldingDeps) {
  const { storage, vault, ledger, opened, sender, settings, now } = deps;

  const around = ({ id, user_id: user }: FactorRow): Surroundings => ({
    id,
    user,
    nowMs: now(),
    random: deps.random,
    vault,
  });
  const assertUsable = ({ state }: Pick<FactorRow, 'state'>): void => {
    if (state !== 'active') throw new MusterError('MUSTER_CONFLICT', `the factor is ${state}`);
  };

  const holding = {
    async factorsOf(named: string): Promise<FactorView[]> {
      const user = await ledger.accountOf(storage, named);
      const rows = await storage.all<FactorRow>('SELECT * FROM factors WHERE user_id = ? ORDER BY created_at, id', user);
      return rows.map((row) => ({
        id: row.id,
        factor_type: row.factor_type,
        state: row.state,
        since: new Date(row.created_at).toISOString(),
        ...(row.used_at !== null && { last_used: new Date(row.used_at).toISOString() }),
        assurance: FACTORS[row.factor_type].traits.assurance,
        is_restricted: FACTORS[row.factor_type].traits.restriction !== undefined,
      }));
    },

    /** What somebody may and should enroll now. What nobody can enroll is not asked for. */
    async optionsFor(user: string, subject: Subject, region: string | undefined): Promise<Options> {
      const decision = decide(settings.policy, subject);
      const has = new Set((await ledger.liveFactorsOf(storage, user)).map((factor) => factor.factor_type));
      const offered: FactorType[] = [];
      for (const type of decision.allowed) {
        const { channel } = FACTORS[type].traits;
        if ((!channel || sender.offers(channel)) && (await deps.isRolledOut(type, user, region))) offered.push(type);
      }
      return {
        allowed: offered.map((type) => {
          const { assurance, restriction } = FACTORS[type].traits;
          const warning = restriction === undefined ? {} : { warning: restriction };
          return { factor_type: type, assurance, is_restricted: restriction !== undefined, ...warning };
        }),
        required: [...decision.required],
        missing: [...decision.required].filter((type) => offered.includes(type) && !has.has(type)),
        is_step_up_required: decision.isStepUpRequired && (await ledger.mustStepUp(storage, user)),
      };
    },

    /**
     * Makes a challenge to log in with: a code is sent, or a number shown.
     * @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT, MUSTER_RATE_LIMITED, MUSTER_PROVIDER_FAILED
     */
    async challenge(id: string, inside: Inside<Record<string, unknown>> = nothing): Promise<Record<string, unknown>> {
      const first = await opened.factor(id, async (statements, row, kept) => {
        assertUsable(row);
        const { again } = FACTORS[row.factor_type];
        if (!again) throw new MusterError('MUSTER_CONFLICT', `${row.factor_type} needs no challenge: the device makes its codes by itself`);
        // A push to a person who did not ask for it is how they are worn down: it waits like a code.
        sender.assertMaySend(row, now());
        const next = again(kept, around(row));
        const asked = next.message && sender.asked(next.message, row);
        if (asked) await sender.reserve(statements, asked);
        await ledger.changeFactor(statements, row, sender.another(row, now()));
        if (!asked) await renew(statements, row, { kept, next, shown: next.shown, inside });
        return { row, next, asked };
      });
      const { row: seen, next, asked } = first;
      if (!asked) return next.shown;
      const sent = await sender.send(asked, seen, decide(settings.policy, subjectOf(seen)).allowed);
      await ledger.withFactor(id, async (statements, row) => {
        await sender.settle(statements, asked, sent, aboutFactor(row));
        // What nobody took is not counted; the pause before the next stays.
        if (!sent.accepted) await ledger.changeFactor(statements, row, { sends: Math.max(0, row.sends - 1) });
      });
      if (!sent.accepted) throw sender.failure(id);
      const shown = { ...next.shown, ...sent.shown };
      await opened.factor(id, async (statements, row, kept) => {
        assertUsable(row);
        await renew(statements, row, { kept, next, shown, inside });
      });
      return shown;
    },

    /**
     * Checks a proof of somebody who logs in.
     * @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT when the factor may not be used, MUSTER_BAD_ARGUMENT, MUSTER_VAULT_CLOSED
     */
    use: (id: string, body: unknown, inside: Inside<UseResult> = nothing): Promise<UseResult> =>
      traced('factor.verify', { attributes: { 'muster.factor_id': id } }, () =>
        opened.factor(
          id,
          async (statements, row, kept, checked) => {
            assertUsable(row);
            const factor = FACTORS[row.factor_type];
            const proof = parsed(factor.proof, body);
            const verdict = hasEnded(row, kept) ? ENDED : factor.verify(kept, proof, around(row), 'log in', checked);
            const made = verdict.isRight ? await accept(statements, row, verdict.kept) : await refuse(statements, row, verdict);
            await inside(statements, made);
            return made;
          },
          async (row, kept) => {
            const { check, proof } = FACTORS[row.factor_type];
            return row.state === 'active' ? check?.(kept, parsed(proof, body), around(row), 'log in') : undefined;
          },
        ),
      ),

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
  return holding;

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

  /** Whether a factor that is asked for its proof was asked too long ago, or not at all. */
  function hasEnded({ factor_type: type }: FactorRow, { challengedAt }: Kept): boolean {
    return FACTORS[type].again !== undefined && now() >= Number(challengedAt ?? 0) + CHALLENGE_LIFE_MS;
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

  async function renew(statements: Statements, row: FactorRow, { kept, next, shown, inside }: Renewed): Promise<void> {
    const renewed = { ...next.apply(kept), challengedAt: now() };
    await ledger.changeFactor(statements, row, { sealed: vault.seal(renewed, ownerOfFactor(row)), trace: traceparent() });
    await ledger.emit(statements, 'challenge.sent', aboutFactor(row));
    await inside(statements, shown);
  }

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

  async function refuse(statements: Statements, row: FactorRow, verdict: Extract<Verdict, { isRight: false }>): Promise<UseResult> {
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
