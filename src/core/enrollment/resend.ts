/** Another challenge of an enrollment that waits: the code is sent again, or the device gets a new number. */
import { MusterError } from '../../errors.ts';
import type { Kept, Renewal } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import type { Inside, Ledger } from '../ledger/ledger.ts';
import { aboutEnrollment, type EnrollmentRow, enrollmentView, subjectOf } from '../ledger/records.ts';
import { ownerOfEnrollment, type UnsealThenLock } from '../ledger/unseal-then-lock.ts';
import type { Sender } from '../messages/sending.ts';
import { decide } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { Statements } from '../storage/storage.ts';
import { traceparent } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';
import type { Started } from './first-delivery.ts';

const nothing = async () => {};

export interface ResendDeps {
  vault: Vault;
  ledger: Ledger;
  unsealed: UnsealThenLock;
  sender: Sender;
  settings: Settings;
  now: () => number;
  random: (bytes: number) => Buffer;
}

/**
 * Makes another challenge: the code is sent again, or the device gets a new number.
 * @throws MUSTER_CONFLICT when it has ended or needs none, MUSTER_RATE_LIMITED before its time, MUSTER_PROVIDER_FAILED
 */
export function createResend(deps: ResendDeps) {
  const { vault, ledger, unsealed, sender, settings, now, random } = deps;

  return async (id: string, inside: Inside<Started> = nothing): Promise<Started> => {
    const first = await unsealed.enrollment(id, async (statements, row, kept) => {
      assertPending(row);
      const { again } = FACTORS[row.factor_type];
      if (!again) throw new MusterError('MUSTER_CONFLICT', `nothing is sent for ${row.factor_type}: the device makes its codes by itself`);
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
      if (!sent.accepted && row.state === 'pending') await ledger.changeEnrollment(statements, row, { sends: Math.max(1, row.sends - 1) });
    });
    if (!sent.accepted) throw sender.failure(id);
    // A code takes the place of the one before once somebody has taken it: until then the one before is right.
    return unsealed.enrollment(id, async (statements, row, kept) => {
      assertPending(row);
      return renew(statements, row, { kept, next, inside, shown: sent.shown, destination: asked.message.to });
    });
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
