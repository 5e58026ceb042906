/** Answers kept for an Idempotency-Key: written in the transaction of what they answer, so that neither is there without the other. */
import { MusterError } from '../errors.ts';
import type { EnrollmentRow } from './records.ts';
import type { CoreStorage, Statements } from './storage/storage.ts';
import type { Vault } from './vault/vault.ts';

/** A key is remembered for a day; after that it is a new one. */
const KEPT_MS = 86_400_000;

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  /** A PNG, sent in place of the body; never kept. */
  image?: Buffer;
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
  find(request: Keyed): Promise<Answer | undefined>;
  /** To be called inside the transaction of what is answered. @param enrollmentId it is about, or '' */
  keep(statements: Statements, request: Keyed, answer: Answer, enrollmentId: string): Promise<void>;
  /** Takes away what was kept long enough. */
  tidy(): Promise<void>;
}

interface Row {
  fingerprint: string;
  status: number;
  sealed: Uint8Array;
  at: number;
  state: EnrollmentRow['state'] | null;
}

export function createAnswers({ storage, vault, now }: { storage: CoreStorage; vault: Vault; now: () => number }): Answers {
  const ownerOf = ({ principal, key }: Keyed) => ({ kind: 'answer', user: principal, id: key }) as const;
  return {
    async find(request) {
      const { principal, key, fingerprint } = request;
      const row = await storage.one<Row>(
        `SELECT fingerprint, status, kept_answers.sealed AS sealed, at, enrollments.state AS state FROM kept_answers
         LEFT JOIN enrollments ON enrollments.id = enrollment_id WHERE principal = ? AND key = ?`,
        principal,
        key,
      );
      if (!row || row.at < now() - KEPT_MS) return undefined;
      if (row.fingerprint !== fingerprint)
        throw new MusterError('MUSTER_KEY_REUSED', 'this Idempotency-Key came with another request before');
      const body = await vault.open<Answer['body']>(row.sealed, ownerOf(request));
      const { challenge, ...rest } = body;
      return { status: row.status, body: challenge !== undefined && row.state !== 'pending' ? rest : body };
    },
    async keep(statements, request, { status, body }, enrollmentId) {
      const { principal, key, fingerprint } = request;
      await statements.run('DELETE FROM kept_answers WHERE principal = ? AND key = ? AND at < ?', principal, key, now() - KEPT_MS);
      await statements.run(
        'INSERT INTO kept_answers (principal, key, fingerprint, status, sealed, enrollment_id, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        principal,
        key,
        fingerprint,
        status,
        vault.seal(body, ownerOf(request)),
        enrollmentId,
        now(),
      );
    },
    async tidy() {
      await storage.run('DELETE FROM kept_answers WHERE at < ?', now() - KEPT_MS);
    },
  };
}
