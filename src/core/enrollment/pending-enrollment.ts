/** An enrollment that goes on: proven, sent again, looked at, cancelled, and expired when nobody does. */
import { MusterError } from '../../errors.ts';
import { parsed } from '../../system/parsed-body.ts';
import type { Kept, Renewal } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import type { Inside, Ledger } from '../ledger/ledger.ts';
import { aboutEnrollment, type EnrollmentRow, type EnrollmentView, enrollmentView, subjectOf } from '../ledger/records.ts';
import { ownerOfEnrollment, type UnsealThenLock } from '../ledger/unseal-then-lock.ts';
import type { Sender } from '../messages/sending.ts';
import { decide } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';
import { traced, traceparent } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';
import type { Started } from './start-enrollment.ts';
import { createEnrollmentProof, type VerifyResult } from './verify-enrollment.ts';

const nothing = async () => {};

export interface PendingEnrollmentDeps {
  storage: CoreStorage;
  vault: Vault;
  ledger: Ledger;
  unsealed: UnsealThenLock;
  sender: Sender;
  settings: Settings;
  now: () => number;
  random: (bytes: number) => Buffer;
  newId: () => string;
}

/** Everything that is done with an enrollment that is pending. */
export function createPendingEnrollments(deps: PendingEnrollmentDeps) {
  const { storage, vault, ledger, unsealed, sender, settings, now, random } = deps;
  const { proven, checked } = createEnrollmentProof(deps);

  return {
    async get(id: string): Promise<EnrollmentView> {
      const row = await ledger.enrollment(storage, id);
      if (row.state !== 'pending' || now() < row.expires_at) return enrollmentView(row);
      return ledger.withEnrollment(id, async (_, current) => enrollmentView(current));
    },

    /** What is in the QR code of a pending enrollment. @throws MUSTER_NOT_FOUND when there is none */
    async otpauthUri(id: string): Promise<string> {
      const row = await ledger.enrollment(storage, id);
      const { uri } = FACTORS[row.factor_type];
      if (uri && row.state === 'pending' && now() < row.expires_at)
        return uri(await vault.open<Kept>(row.sealed, ownerOfEnrollment(row)), row.user_id);
      throw new MusterError('MUSTER_NOT_FOUND', 'this enrollment has no QR code, or has ended');
    },

    /**
     * Checks a proof. A right one makes the factor active; sent again, it gives the same factor.
     * @throws MUSTER_CONFLICT when it is active and the proof is another, MUSTER_BAD_ARGUMENT, MUSTER_VAULT_CLOSED
     */
    verify: (id: string, body: unknown, inside: Inside<VerifyResult> = nothing): Promise<VerifyResult> =>
      traced('enrollment.verify', { attributes: { 'muster.attempt_id': id } }, () =>
        unsealed.enrollment(
          id,
          async (statements, row, kept, done) => {
            const result = await proven(statements, row, { kept, proof: parsed(FACTORS[row.factor_type].proof, body), checked: done });
            await inside(statements, result);
            return result;
          },
          (row, kept) => checked(row, { kept, proof: parsed(FACTORS[row.factor_type].proof, body) }),
        ),
      ),

    /**
     * Makes another challenge: the code is sent again, or the device gets a new number.
     * @throws MUSTER_CONFLICT when it has ended or needs none, MUSTER_RATE_LIMITED before its time, MUSTER_PROVIDER_FAILED
     */
    async resend(id: string, inside: Inside<Started> = nothing): Promise<Started> {
      const first = await unsealed.enrollment(id, async (statements, row, kept) => {
        assertPending(row);
        const { again } = FACTORS[row.factor_type];
        if (!again)
          throw new MusterError('MUSTER_CONFLICT', `nothing is sent for ${row.factor_type}: the device makes its codes by itself`);
        sender.assertMaySend(row, now());
        const next = again(kept, { id, user: row.user_id, nowMs: now(), random, vault });
        const asked = next.message && sender.asked(next.message, row);
        if (asked) await sender.reserve(statements, asked);
        await ledger.changeEnrollment(statements, row, sender.another(row, now()));
        const made = asked ? undefined : await renew(statements, row, { kept, next, inside });
        return { row, next, asked, made };
      });
      if (!first.asked) return first.made as Started;
      const { row: seen, next, asked } = first;
      const sent = await sender.send(asked, seen, decide(settings.policy, subjectOf(seen)).allowed);
      await ledger.withEnrollment(id, async (statements, row) => {
        await sender.settle(statements, asked, sent, aboutEnrollment(row));
        // What nobody took is not counted; the pause before the next stays.
        if (!sent.accepted && row.state === 'pending')
          await ledger.changeEnrollment(statements, row, { sends: Math.max(1, row.sends - 1) });
      });
      if (!sent.accepted) throw sender.failure(id);
      // A code takes the place of the one before once somebody has taken it: until then the one before is right.
      return unsealed.enrollment(id, async (statements, row, kept) => {
        assertPending(row);
        return renew(statements, row, { kept, next, inside, shown: sent.shown, destination: asked.message.to });
      });
    },

    /** Cancelled twice is cancelled. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    cancel: (id: string): Promise<EnrollmentView> =>
      ledger.withEnrollment(id, async (statements, row) => {
        if (row.state === 'cancelled') return enrollmentView(row);
        await ledger.step(statements, row, 'cancel');
        await ledger.emit(statements, 'enrollment.cancelled', aboutEnrollment(row));
        return enrollmentView(row);
      }),

    /** Ends what has waited too long. Returns how many. */
    async expireDue(): Promise<number> {
      const due = await storage.all<{ id: string }>(
        `SELECT id FROM enrollments WHERE state = 'pending' AND expires_at <= ? ORDER BY expires_at LIMIT 1000`,
        now(),
      );
      for (const { id } of due) await ledger.withEnrollment(id, async () => {});
      return due.length;
    },
  };

  async function renew(
    statements: Statements,
    row: EnrollmentRow,
    { kept, next, inside, shown = {}, destination }: Renewed,
  ): Promise<Started> {
    await ledger.changeEnrollment(statements, row, { sealed: vault.seal(next.apply(kept), ownerOfEnrollment(row)), trace: traceparent() });
    await ledger.emit(statements, 'enrollment.challenge_issued', {
      ...aboutEnrollment(row),
      ...(destination !== undefined && { destination }),
    });
    const made = { enrollment: enrollmentView(row), challenge: { ...next.shown, ...shown } };
    await inside(statements, made);
    return made;
  }
}

interface Renewed {
  kept: Kept;
  next: Renewal;
  inside: Inside<Started>;
  shown?: Record<string, unknown>;
  destination?: string;
}

function assertPending({ state }: EnrollmentRow): void {
  if (state !== 'pending') throw new MusterError('MUSTER_CONFLICT', 'the enrollment has ended; start a new one');
}
