/** Answers kept for an Idempotency-Key: written in the transaction of what they answer, so that neither is there without the other. */
import { MusterError } from '../errors.ts';
import type { Vault } from '../privacy/vault.ts';
import type { CoreStorage, EnrollmentRow } from './storage.ts';

/** A key is remembered for a day; after that it is a new one. */
const KEPT_MS = 86_400_000;

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** A request that carries a key. Keys of different principals have nothing to do with each other. */
export interface Keyed {
  principal: string;
  key: string;
  /** Of method, path and body: what makes it the same request. */
  fingerprint: string;
}

export interface Answers {
  /**
   * What this request was answered before. What was to be seen once, the secret of a challenge, is left out when its enrollment has ended.
   * @throws MUSTER_KEY_REUSED when the key came with another request
   */
  find(request: Keyed): Answer | undefined;
  /** To be called inside the transaction of what is answered. */
  keep(request: Keyed, answer: Answer, enrollmentId: string): void;
}

interface Row {
  fingerprint: string;
  status: number;
  wrapped_body: Uint8Array;
  state: EnrollmentRow['state'] | null;
}

export function createAnswers({ storage, vault, now }: { storage: CoreStorage; vault: Vault; now: () => number }): Answers {
  const ownerOf = ({ principal, key }: Keyed) => `answer:${JSON.stringify([principal, key])}`;
  return {
    find(request) {
      const { principal, key, fingerprint } = request;
      storage.run('DELETE FROM kept_answers WHERE at < ?', now() - KEPT_MS);
      const row = storage.one<Row>(
        `SELECT fingerprint, status, wrapped_body, enrollments.state AS state FROM kept_answers
         LEFT JOIN enrollments ON enrollments.id = enrollment WHERE principal = ? AND key = ?`,
        principal,
        key,
      );
      if (!row) return undefined;
      if (row.fingerprint !== fingerprint)
        throw new MusterError('MUSTER_KEY_REUSED', 'this Idempotency-Key came with another request before');
      const body = JSON.parse(vault.unwrap(row.wrapped_body, ownerOf(request)).toString('utf8')) as Record<string, unknown>;
      const { challenge, ...rest } = body;
      return { status: row.status, body: challenge !== undefined && row.state !== 'pending' ? rest : body };
    },
    keep(request, { status, body }, enrollmentId) {
      storage.run(
        'INSERT INTO kept_answers (principal, key, fingerprint, status, wrapped_body, enrollment, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        request.principal,
        request.key,
        request.fingerprint,
        status,
        vault.wrap(Buffer.from(JSON.stringify(body)), ownerOf(request)),
        enrollmentId,
        now(),
      );
    },
  };
}
