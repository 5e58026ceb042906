/**
 * The audit log: privileged actions, each entry bound to the one before it by a keyed hash. Whoever changes, inserts or takes out a row
 * without the key breaks the chain; whoever cuts its end off is found by the head that is kept beside it.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { systemCode } from '../errors.ts';
import { writeDurably } from './durable-files.ts';
import type { Engine } from './engine.ts';
import { oneAtATime } from './one-at-a-time.ts';

const SALT_BYTES = 16;
/** What stands before the first entry. */
const GENESIS = '0'.repeat(64);

interface Link {
  seq: number;
  hash: string;
}
const START: Link = { seq: 0, hash: GENESIS };
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
  const macOf = ({ seq, hash }: Link) => createHmac('sha256', deps.key).update(`head\0${seq}\0${hash}`).digest('hex');
  /** The head as it was written; undefined when it is not there, or not ours. */
  const head = async (): Promise<Link | undefined> => {
    try {
      const { seq, hash, mac } = JSON.parse(await readFile(deps.headPath, 'utf8')) as Link & { mac: string };
      return macOf({ seq, hash }) === mac ? { seq, hash } : undefined;
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  };

  const alone = oneAtATime();
  const record = async ({ actorRef, action, target, reason }: AuditEntry) => {
    const [last] = await rows('WHERE seq = (SELECT max(seq) FROM audit_entries)');
    const known = (await head()) ?? START;
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
    await deps.engine.insert(
      'tidy',
      { data: JSON.stringify(Object.values(row)), format: 'JSONCompactEachRow', structure: STRUCTURE },
      (rows) => `INSERT INTO audit_entries SELECT * REPLACE (fromUnixTimestamp64Milli(at, 'UTC') AS at) FROM ${rows}`,
    );
    await writeDurably(deps.headPath, JSON.stringify({ seq: row.seq, hash: row.hash, mac: macOf(row) }));
  };

  return {
    record: (entry) => alone(() => record(entry)),
    async verify() {
      const all = await rows();
      const written = await head();
      // The head is written after the entry: at the first one it may be missing.
      if (!written && all.length > 1)
        return {
          entries: all.length,
          head: all.at(-1)?.hash ?? GENESIS,
          broken: { seq: all.length, why: 'the head of the log is missing or was changed' },
        };
      const known = written ?? START;
      const lastForget = all.findLast(({ action }) => action === 'forget')?.seq ?? 0;
      let before = START;
      const verdict = (broken: AuditVerdict['broken']) => ({ entries: all.length, head: all.at(-1)?.hash ?? GENESIS, broken });
      for (const row of all) {
        const why = problemOf(row, before, hashOf, row.seq < lastForget);
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

/** @param mayBeErased whether somebody was forgotten after the entry: then its target may have been that person */
function problemOf(row: Row, before: Link, hashOf: (row: Row) => string, mayBeErased: boolean): string | undefined {
  if (row.seq !== before.seq + 1) return `entry ${before.seq + 1} is missing`;
  if (row.prev_hash !== before.hash) return 'it does not follow the entry before it';
  if (hashOf(row) !== row.hash) return 'it was changed';
  if (commitment(row.actor_salt, row.actor_ref) !== row.actor_commitment) return 'its actor was changed';
  const isErased = mayBeErased && row.target === '' && row.target_salt === '';
  if (!isErased && commitment(row.target_salt, row.target) !== row.target_commitment) return 'its target was changed';
  return undefined;
}

const newSalt = () => randomBytes(SALT_BYTES).toString('hex');
const commitment = (salt: string, text: string) => createHash('sha256').update(`${salt}\0${text}`).digest('hex');
