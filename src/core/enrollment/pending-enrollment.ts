/** An enrollment that goes on: proven, sent again, looked at, cancelled, and expired when nobody does. */
import { MusterError } from '../../errors.ts';
import { parsed } from '../../system/parsed-body.ts';
import type { Kept } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import type { Inside } from '../ledger/ledger.ts';
import { aboutEnrollment, type EnrollmentView, enrollmentView } from '../ledger/records.ts';
import { ownerOfEnrollment } from '../ledger/unseal-then-lock.ts';
import type { CoreStorage } from '../storage/storage.ts';
import { traced } from '../telemetry.ts';
import { createResend, type ResendDeps } from './resend.ts';
import { createEnrollmentProof, type VerifyResult } from './verify-enrollment.ts';

const nothing = async () => {};

export interface PendingEnrollmentDeps extends ResendDeps {
  storage: CoreStorage;
  newId: () => string;
}

/** Everything that is done with an enrollment that is pending. */
export function createPendingEnrollments(deps: PendingEnrollmentDeps) {
  const { storage, vault, ledger, unsealed, now } = deps;
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

    resend: createResend(deps),

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
}
