/** How somebody logs in with a bound factor: a challenge where the factor needs one, and a proof that is right or wrong. */
import { MusterError } from '../../errors.ts';
import { parsed } from '../../system/parsed-body.ts';
import type { Kept, Renewal, Surroundings } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import type { Inside, Ledger } from '../ledger/ledger.ts';
import { CHALLENGE_LIFE_MS } from '../ledger/lifecycle.ts';
import { aboutFactor, type FactorRow, subjectOf } from '../ledger/records.ts';
import { ownerOfFactor, type UnsealThenLock } from '../ledger/unseal-then-lock.ts';
import type { Sender } from '../messages/sending.ts';
import { decide } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { Statements } from '../storage/storage.ts';
import { traced, traceparent } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';
import { createLogInOutcome, type UseResult } from './log-in-outcome.ts';

const nothing = async () => {};

export interface LogInDeps {
  vault: Vault;
  ledger: Ledger;
  unsealed: UnsealThenLock;
  sender: Sender;
  settings: Settings;
  now: () => number;
  random: (bytes: number) => Buffer;
}

interface Renewed {
  kept: Kept;
  next: Renewal;
  shown: Record<string, unknown>;
  inside: Inside<Record<string, unknown>>;
}

const ENDED = {
  isRight: false,
  code: 'challenge_expired',
  hint: 'there is nothing to answer, or it was asked more than ten minutes ago: ask for a new one',
} as const;

function assertUsable({ state }: Pick<FactorRow, 'state'>): void {
  if (state !== 'active') throw new MusterError('MUSTER_CONFLICT', `the factor is ${state}`);
}

/** Challenges and proofs of people who log in. */
export function createLogIn(deps: LogInDeps) {
  const { vault, ledger, unsealed, sender, settings, now } = deps;
  const { accept, refuse } = createLogInOutcome(deps);

  const around = ({ id, user_id: user }: FactorRow): Surroundings => ({ id, user, nowMs: now(), random: deps.random, vault });

  return {
    /**
     * Makes a challenge to log in with: a code is sent, or a number shown.
     * @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT, MUSTER_RATE_LIMITED, MUSTER_PROVIDER_FAILED
     */
    async challenge(id: string, inside: Inside<Record<string, unknown>> = nothing): Promise<Record<string, unknown>> {
      const first = await unsealed.factor(id, async (statements, row, kept) => {
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
      await unsealed.factor(id, async (statements, row, kept) => {
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
        unsealed.factor(
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
  };

  /** Whether a factor that is asked for its proof was asked too long ago, or not at all. */
  function hasEnded({ factor_type: type }: FactorRow, { challengedAt }: Kept): boolean {
    return FACTORS[type].again !== undefined && now() >= Number(challengedAt ?? 0) + CHALLENGE_LIFE_MS;
  }

  async function renew(statements: Statements, row: FactorRow, { kept, next, shown, inside }: Renewed): Promise<void> {
    const renewed = { ...next.apply(kept), challengedAt: now() };
    await ledger.changeFactor(statements, row, { sealed: vault.seal(renewed, ownerOfFactor(row)), trace: traceparent() });
    await ledger.emit(statements, 'challenge.sent', aboutFactor(row));
    await inside(statements, shown);
  }
}
