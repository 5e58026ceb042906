/** Answers kept for an Idempotency-Key: written in the transaction of what they answer, so that neither is there without the other. */
import { MusterError } from '../../errors.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';
import { CHALLENGE_LIFE_MS } from './lifecycle.ts';
import type { EnrollmentRow, FactorRow } from './records.ts';

/** A key is remembered for a day; after that it is a new one. That of a proof no longer than what it proves. */
const KEPT_MS = 86_400_000;
/** Who took a key and has not answered by then has crashed: the enrollment that it began has expired. */
const CLAIM_MS = 600_000;
/** In place of a status, while there is no answer yet. */
const BEGUN = 0;

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  /** A PNG, sent in place of the body; never kept. */
  image?: Buffer;
  /** Whether nobody knows who asked. */
  isStranger?: true;
}

/** A request that carries a key. Keys of different principals have nothing to do with each other. */
export interface Keyed {
  principal: string;
  key: string;
  /** Of method, path and body: what makes it the same request. */
  fingerprint: string;
  /** Whether it answers a challenge: it is remembered for as long as that lasts. @default false */
  isProof?: boolean;
}

export interface Answers {
  /**
   * What this request was answered before. What was to be seen once, the secret of a challenge, is left out when its enrollment has ended.
   * @throws MUSTER_KEY_REUSED when the key came with another request, MUSTER_CONFLICT when it was said to be proven what has ended since
   */
  find(request: Keyed): Promise<Answer | undefined>;
  /** To be called inside the transaction of what is answered. @param enrollmentId it is about, or ''; @param factorId that of the enrollment unless named */
  keep(statements: Statements, request: Keyed, answer: Answer, enrollmentId: string, factorId?: string): Promise<void>;
  /** Takes the key for a request whose answer has to wait, inside of the transaction that begins it. @throws MUSTER_IN_PROGRESS */
  begin(statements: Statements, request: Keyed, enrollmentId: string): Promise<void>;
  /** Gives a key back that was taken: what was begun came to nothing, and may be asked for again. */
  release(statements: Statements, request: Keyed): Promise<void>;
  /** Keyed, since what a person sends could be guessed from a plain hash. */
  fingerprint(text: string): string;
  /** Takes away what was kept long enough. */
  tidy(): Promise<void>;
}

const FACTOR_STATES = new Set(['active', 'suspended']);

const inProgress = () => new MusterError('MUSTER_IN_PROGRESS', 'a request with this Idempotency-Key is being answered; send it again');

interface Row {
  fingerprint: string;
  status: number;
  sealed: Uint8Array;
  at: number;
  enrollment_id: string;
  state: EnrollmentRow['state'] | null;
  factor_state: FactorRow['state'] | null;
  factor_state_at: number | null;
  factor_id: string;
}

/** Answers kept in the core's database. */
export function createAnswers({ storage, vault, now }: { storage: CoreStorage; vault: Vault; now: () => number }): Answers {
  const ownerOf = ({ principal, key }: Keyed) => ({ kind: 'answer', user: principal, id: key }) as const;
  const lifeOf = ({ isProof }: Keyed) => (isProof ? CHALLENGE_LIFE_MS : KEPT_MS);
  const forgetOld = async (statements: Statements, request: Keyed) => {
    const old = `DELETE FROM kept_answers WHERE principal = ? AND key = ? AND (at < ? OR (status = ${BEGUN} AND at < ?))`;
    await statements.run(old, request.principal, request.key, now() - lifeOf(request), now() - CLAIM_MS);
  };
  return {
    async find(request) {
      const { principal, key, fingerprint } = request;
      const row = await storage.one<Row>(
        `SELECT fingerprint, status, kept_answers.sealed AS sealed, at, enrollment_id, kept_answers.factor_id AS factor_id,
          enrollments.state AS state, factors.state AS factor_state, factors.state_at AS factor_state_at
         FROM kept_answers LEFT JOIN enrollments ON enrollments.id = enrollment_id
         LEFT JOIN factors ON factors.id = CASE WHEN kept_answers.factor_id = '' THEN enrollments.factor_id ELSE kept_answers.factor_id END
         WHERE principal = ? AND key = ?`,
        principal,
        key,
      );
      if (!row || row.at < now() - (row.status === BEGUN ? CLAIM_MS : lifeOf(request))) return undefined;
      if (row.fingerprint !== fingerprint)
        throw new MusterError('MUSTER_KEY_REUSED', 'this Idempotency-Key came with another request before');
      if (row.status === BEGUN) throw inProgress();
      const body = await vault.open<Answer['body']>(row.sealed, ownerOf(request));
      // A proof is good for as long as what it proves, and what was said of a factor for as long as it is so.
      const said = row.factor_id !== '' && FACTOR_STATES.has(String(body.state)) ? body.state : 'active';
      const hasChanged = row.factor_state !== said || Number(row.factor_state_at ?? 0) > row.at;
      if ((request.isProof || row.factor_id !== '') && row.status < 400 && hasChanged)
        throw new MusterError('MUSTER_CONFLICT', 'the factor has ended, or its state is another, since this was answered');
      const { challenge, ...rest } = body;
      const hasEnded = row.enrollment_id !== '' && row.state !== 'pending';
      return { status: row.status, body: challenge !== undefined && hasEnded ? rest : body };
    },
    async keep(statements, request, { status, body }, enrollmentId, factorId = '') {
      const { principal, key, fingerprint } = request;
      await forgetOld(statements, request);
      // Over what was begun by this request, never over an answer.
      const kept = await statements.run(
        `INSERT INTO kept_answers (principal, key, fingerprint, status, sealed, enrollment_id, at, factor_id, until)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (principal, key) DO UPDATE SET status = excluded.status, sealed = excluded.sealed, at = excluded.at
         WHERE kept_answers.status = ${BEGUN} AND kept_answers.fingerprint = excluded.fingerprint
           AND kept_answers.enrollment_id = excluded.enrollment_id`,
        principal,
        key,
        fingerprint,
        status,
        vault.seal(body, ownerOf(request)),
        enrollmentId,
        now(),
        factorId,
        now() + lifeOf(request),
      );
      // Somebody was faster: all of this is undone.
      if (kept !== 1) throw inProgress();
    },
    async begin(statements, request, enrollmentId) {
      await forgetOld(statements, request);
      const { principal, key, fingerprint } = request;
      const begun = await statements.run(
        `INSERT INTO kept_answers (principal, key, fingerprint, status, sealed, enrollment_id, at) VALUES (?, ?, ?, ${BEGUN}, ?, ?, ?)
         ON CONFLICT (principal, key) DO NOTHING`,
        principal,
        key,
        fingerprint,
        new Uint8Array(),
        enrollmentId,
        now(),
      );
      if (begun !== 1) throw inProgress();
    },
    async release(statements, { principal, key }) {
      await statements.run(`DELETE FROM kept_answers WHERE principal = ? AND key = ? AND status = ${BEGUN}`, principal, key);
    },
    fingerprint: (text) => vault.mark('fingerprint', text),
    async tidy() {
      await storage.run('DELETE FROM kept_answers WHERE at < ? OR (until > 0 AND until < ?)', now() - KEPT_MS, now());
    },
  };
}
