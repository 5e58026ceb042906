/** The first message of an enrollment: handed to a provider, and the enrollment waits for its proof, or fails because nobody took it. */
import { MusterError } from '../../errors.ts';
import type { Inside, Ledger } from '../ledger/ledger.ts';
import { aboutEnrollment, type EnrollmentRow, type EnrollmentView } from '../ledger/records.ts';
import type { Sender } from '../messages/sending.ts';
import type { SendRequest } from '../messages/sends.ts';
import type { Decision } from '../policy/policy.ts';
import type { Statements } from '../storage/storage.ts';

/** A new enrollment, or another challenge of one, with what is shown once. */
export interface Started {
  enrollment: EnrollmentView;
  challenge: Record<string, unknown>;
}

/** What is done with the answer of a start, each in the transaction that it is about. */
export interface StartHooks {
  /** The enrollment is there, and its answer has to wait for a provider. */
  begun?(statements: Statements, id: string): Promise<void>;
  answered?: Inside<Started>;
  /** It ended while the message was on its way. */
  ended?: Inside<MusterError>;
  /** Nobody took the message: it may be asked for again. */
  failed?(statements: Statements): Promise<void>;
}

export interface FirstDelivery {
  row: EnrollmentRow;
  asked: SendRequest;
  started: Started;
  decision: Decision;
  hooks: StartHooks;
}

interface FirstSent extends Pick<FirstDelivery, 'asked' | 'started' | 'hooks'> {
  sent: Awaited<ReturnType<Sender['send']>>;
  ended: MusterError;
}

/** Delivers the first message of enrollments that are there already. */
export function createFirstDelivery({ ledger, sender }: { ledger: Ledger; sender: Sender }) {
  return deliverFirst;

  /** The first code is kept before it is sent: there is none before it that could be lost. */
  async function deliverFirst({ row, asked, started, decision, hooks }: FirstDelivery): Promise<Started> {
    const { id } = row;
    const sent = await sender.send(asked, row, decision.allowed);
    const failure = sender.failure(id);
    const ended = new MusterError('MUSTER_CONFLICT', 'the enrollment has ended meanwhile; start a new one', { fields: { attempt_id: id } });
    const finish = (statements: Statements, current: EnrollmentRow) =>
      finishFirst(statements, current, { asked, sent, started, hooks, ended });
    const result = await ledger.withEnrollment(id, finish).catch((cause: unknown) => {
      // The enrollment is there: whoever reports the failure must not count another attempt.
      if (cause instanceof MusterError)
        throw new MusterError(cause.code, cause.message, { cause, fields: { ...cause.fields, attempt_id: id } });
      throw cause instanceof Error ? Object.assign(cause, { attemptId: id }) : cause;
    });
    if (result) return result;
    throw sent.accepted ? ended : failure;
  }

  async function finishFirst(
    statements: Statements,
    current: EnrollmentRow,
    { asked, sent, started, hooks, ended }: FirstSent,
  ): Promise<Started | undefined> {
    const about = aboutEnrollment(current);
    await sender.settle(statements, asked, sent, about);
    if (current.state !== 'pending') {
      await hooks.ended?.(statements, ended);
      return undefined;
    }
    if (!sent.accepted) {
      await ledger.step(statements, current, 'fail');
      await ledger.emit(statements, 'enrollment.failed', { ...about, outcome: 'failure', ...sent.cause });
      await hooks.failed?.(statements);
      return undefined;
    }
    const made = { ...started, challenge: { ...started.challenge, ...sent.shown } };
    await ledger.emit(statements, 'enrollment.challenge_issued', { ...about, destination: asked.message.to });
    await hooks.answered?.(statements, made);
    return made;
  }
}
