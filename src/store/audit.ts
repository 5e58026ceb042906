/**
 * The audit log: privileged actions, each entry bound to the one before it by a keyed hash. Whoever changes, inserts or takes out a row
 * without the key breaks the chain; whoever cuts its end off is found by the head that is kept beside it.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { MusterError, systemCode } from '../errors.ts';
import { writeDurably } from './durable-files.ts';
import type { Engine } from './engine.ts';

const SALT_BYTES = 16;
/** What stands before the first entry. */
const GENESIS = '0'.repeat(64);
const STRUCTURE =
  'seq UInt64, at Int64, actor_ref String, actor_salt String, actor_commitment String, action String, target String, target_salt String, target_commitment String, reason String, prev_hash String, hash String';

export interface AuditEntry {
  actorRef: string;
  /** Such as `reveal` or `pseudonyms.rotate`. */
  action: string;
  /** A reference, or the name of what it was done to. */
  target: string;
  reason: string;
}

export interface AuditVerdict {
  entries: number;
  /** Hash of the last entry: what is written down elsewhere to compare with. */
  head: string;
  /** The first entry that does not fit, or null. */
  broken: { seq: number; why: string } | null;
}

export interface Audit {
  /** Writes an entry down; it is durable when this resolves. What it allows is done only then. */
  record(entry: AuditEntry): Promise<void>;
  verify(): Promise<AuditVerdict>;
}

interface Row {
  seq: number;
  at: number;
  actor_ref: string;
  actor_salt: string;
  actor_commitment: string;
  action: string;
  target: string;
  target_salt: string;
  target_commitment: string;
  reason: string;
  prev_hash: string;
  hash: string;
}

/** The audit log of a store; `headPath` is the file that holds its head. */
export function openAudit(deps: { engine: Engine; key: Buffer; headPath: string; now: () => number }): Audit {
  const session = deps.engine.session('tidy');
  const hashOf = (row: Row) => {
    const covered = [row.seq, row.at, row.actor_commitment, row.action, row.target_commitment, row.reason, row.prev_hash];
    return createHmac('sha256', deps.key).update(JSON.stringify(covered)).digest('hex');
  };
  const rows = (where = '') =>
    session.rows<Row>(
      `SELECT toUInt32(seq) AS seq, toUnixTimestamp64Milli(e.at) AS at, actor_ref, actor_salt, actor_commitment, action, target, target_salt,
         target_commitment, reason, prev_hash, hash FROM audit_entries AS e ${where} ORDER BY seq
       SETTINGS output_format_json_quote_64bit_integers = 0`,
    );
  const head = async (): Promise<{ seq: number; hash: string }> => {
    try {
      return JSON.parse(await readFile(deps.headPath, 'utf8')) as { seq: number; hash: string };
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return { seq: 0, hash: GENESIS };
      if (error instanceof SyntaxError)
        throw new MusterError('MUSTER_INTERNAL', `${deps.headPath} does not hold the head of the audit log`);
      throw error;
    }
  };

  let writing: Promise<unknown> = Promise.resolve();
  const record = async ({ actorRef, action, target, reason }: AuditEntry) => {
    const [last] = await rows('WHERE seq = (SELECT max(seq) FROM audit_entries)');
    const known = await head();
    const before = last && last.seq >= known.seq ? { seq: last.seq, hash: last.hash } : known;
    const [actorSalt, targetSalt] = [newSalt(), newSalt()];
    const row: Row = {
      seq: before.seq + 1,
      at: deps.now(),
      actor_ref: actorRef,
      actor_salt: actorSalt,
      actor_commitment: commitment(actorSalt, actorRef),
      action,
      target,
      target_salt: targetSalt,
      target_commitment: commitment(targetSalt, target),
      reason,
      prev_hash: before.hash,
      hash: '',
    };
    row.hash = hashOf(row);
    await deps.engine.withFile('audit', JSON.stringify(Object.values(row)), 'JSONCompactEachRow', STRUCTURE, (file) =>
      session.run(`INSERT INTO audit_entries SELECT * REPLACE (fromUnixTimestamp64Milli(at, 'UTC') AS at) FROM ${file}`),
    );
    await writeDurably(deps.headPath, JSON.stringify({ seq: row.seq, hash: row.hash }));
  };

  return {
    record(entry) {
      const result = writing.then(() => record(entry));
      writing = result.catch(() => {});
      return result;
    },
    async verify() {
      const all = await rows();
      const known = await head();
      let before = { seq: 0, hash: GENESIS };
      const verdict = (broken: AuditVerdict['broken']) => ({ entries: all.length, head: all.at(-1)?.hash ?? GENESIS, broken });
      for (const row of all) {
        const why = problemOf(row, before, hashOf);
        if (why !== undefined) return verdict({ seq: row.seq, why });
        // The head may be behind by the entry at which the process ended, never elsewhere.
        if (row.seq === known.seq && row.hash !== known.hash) return verdict({ seq: row.seq, why: 'it is not the entry that was written' });
        before = row;
      }
      if (before.seq < known.seq) return verdict({ seq: before.seq + 1, why: `the log ends before it: ${known.seq} entries were written` });
      return verdict(null);
    },
  };
}

function problemOf(row: Row, before: { seq: number; hash: string }, hashOf: (row: Row) => string): string | undefined {
  if (row.seq !== before.seq + 1) return `entry ${before.seq + 1} is missing`;
  if (row.prev_hash !== before.hash) return 'it does not follow the entry before it';
  if (hashOf(row) !== row.hash) return 'it was changed';
  if (row.actor_salt !== '' && commitment(row.actor_salt, row.actor_ref) !== row.actor_commitment) return 'its actor was changed';
  if (row.target_salt !== '' && commitment(row.target_salt, row.target) !== row.target_commitment) return 'its target was changed';
  if ((row.actor_salt === '' && row.actor_ref !== '') || (row.target_salt === '' && row.target !== '')) return 'a person was put into it';
  return undefined;
}

const newSalt = () => randomBytes(SALT_BYTES).toString('hex');
const commitment = (salt: string, text: string) => createHash('sha256').update(`${salt}\0${text}`).digest('hex');
