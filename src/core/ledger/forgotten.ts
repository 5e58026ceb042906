/** Who was forgotten a short while ago: a token that was issued before may still be good, and must not make the account anew. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { lookedUpBy } from '../../privacy/identifier.ts';
import type { Statements } from '../storage/storage.ts';
import { MAX_TOKEN_LIFE_SECONDS, TIME_TO_LIVE_MS } from './lifecycle.ts';

/** The longest life of a token, and what going on with an enrollment adds to it. */
const KEPT_MS = MAX_TOKEN_LIFE_SECONDS * 1_000 + TIME_TO_LIVE_MS;

interface Row {
  salt: Uint8Array;
  digest: Uint8Array;
  at: number;
}

const digestOf = (salt: Uint8Array, user: string): Buffer => createHash('sha256').update(salt).update(lookedUpBy(user)).digest();

/** Notes that a user was forgotten, and drops notes that no token can meet any more. */
export async function noteForgotten(statements: Statements, user: string, nowMs: number): Promise<void> {
  await dropForgotten(statements, nowMs);
  const salt = randomBytes(16);
  await statements.run('INSERT INTO forgotten (salt, digest, at) VALUES (?, ?, ?)', salt, digestOf(salt, user), nowMs);
}

/** When this user was forgotten, in milliseconds since 1970; 0 when no token can be of a time before that. */
export async function forgottenAt(statements: Statements, user: string): Promise<number> {
  const rows = await statements.all<Row>('SELECT salt, digest, at FROM forgotten');
  const theirs = rows.filter(({ salt, digest }) => timingSafeEqual(digestOf(salt, user), Buffer.from(digest)));
  return Math.max(0, ...theirs.map(({ at }) => Number(at)));
}

/** Takes away what no token can meet any more. */
export async function dropForgotten(statements: Statements, nowMs: number): Promise<void> {
  await statements.run('DELETE FROM forgotten WHERE at < ?', nowMs - KEPT_MS);
}
