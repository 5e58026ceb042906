/**
 * The audit log: privileged actions, each entry bound to the one before it by a keyed hash. Whoever changes, inserts or takes out a row
 * without the key breaks the chain; whoever cuts its end off is found by the heads that are kept beside it. What is taken out of an entry
 * because somebody is forgotten is in the chain itself.
 */

import { oneAtATime } from '../../system/one-at-a-time.ts';
import { rewrite } from '../engine/ddl.ts';
import type { Engine, Session } from '../engine/engine.ts';
import {
  type AuditVerdict,
  brokenLink,
  type Chain,
  chainOf,
  commitment,
  GENESIS,
  HEADS_LOST,
  type Link,
  newSalt,
  REDACT,
  type Row,
  START,
  UPGRADED,
} from './audit-chain.ts';
import type { HeadPlace } from './audit-head.ts';
import { createHeads, type Heads } from './audit-heads.ts';

export type { AuditVerdict } from './audit-chain.ts';

const REDACTED_PER_ENTRY = 40;
/** In the place of a reason that named somebody. */
const FORGOTTEN = '[forgotten]';

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

export interface Audit {
  /** Writes an entry down; it is durable when this resolves. What it allows is done only then. */
  record(entry: AuditEntry): Promise<void>;
  /** @param noted an entry that somebody has written down, which must be in the log */
  verify(noted?: Link): Promise<AuditVerdict>;
  /**
   * Takes people out of entries: targets that are a reference of theirs, and reasons that name them. Durable when it resolves.
   * @returns how many entries were changed
   */
  redact(refs: readonly string[], isNamedIn: (text: string) => boolean): Promise<number>;
}

/** The audit log of a store, with the places of its head, the first of which is beside it. */
export async function openAudit(deps: { engine: Engine; key: Buffer; heads: readonly HeadPlace[]; now: () => number }): Promise<Audit> {
  const session = deps.engine.session('tidy');
  const chain = chainOf(deps.key);
  const heads = createHeads(chain, deps.heads);
  const rows = (where = '') =>
    session.rows<Row>(
      `SELECT e.seq, toUnixTimestamp64Milli(e.at) AS at, actor_ref, actor_salt, actor_commitment, action, target, target_salt,
         target_commitment, reason, prev_hash, hash FROM audit_entries AS e ${where} ORDER BY seq
       SETTINGS output_format_json_quote_64bit_integers = 0`,
    );
  const lastRow = async () => (await rows('WHERE seq = (SELECT max(seq) FROM audit_entries)'))[0];
  const alone = oneAtATime();
  /** Writing the heads anew would make them fit again: that they did not is said for good before. */
  const noteLostHeads = async () => {
    const ends = await rows('WHERE seq >= (SELECT max(seq) FROM audit_entries) - 1');
    const last = ends.at(-1) ?? START;
    const wrong = await heads.wrong(last, (seq) => (seq === 0 ? GENESIS : ends.find((row) => row.seq === seq)?.hash), true);
    if (wrong.length > 0) await write({ actorRef: '', action: HEADS_LOST, target: '', reason: wrong.map(({ why }) => why).join('; ') });
  };
  const record = async (entry: AuditEntry) => {
    await noteLostHeads();
    await write(entry);
  };
  const write = async ({ actorRef, action, target, reason }: AuditEntry) => {
    const [last, known] = [await lastRow(), await heads.newest()];
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
    row.hash = chain.hashOf(row);
    await deps.engine.insert(
      'tidy',
      { data: JSON.stringify(Object.values(row)), format: 'JSONCompactEachRow', structure: STRUCTURE },
      (rows) => `INSERT INTO audit_entries SELECT * REPLACE (fromUnixTimestamp64Milli(at, 'UTC') AS at) FROM ${rows}`,
    );
    await heads.write({ seq: row.seq, hash: row.hash });
  };

  const redact: Audit['redact'] = async (refs, isNamedIn) => {
    const targets = new Set(refs);
    const changed = (await rows()).flatMap((row) => {
      const isTarget = targets.has(row.target);
      const isReason = row.action !== REDACT && isNamedIn(row.reason);
      if (!isTarget && !isReason) return [];
      return [{ ...row, ...(isTarget && { target: '', target_salt: '' }), ...(isReason && { reason: FORGOTTEN }) }];
    });
    // Said first: whoever finds something missing that the chain does not name has found somebody's hand.
    for (let from = 0; from < changed.length; from += REDACTED_PER_ENTRY) {
      const some = changed.slice(from, from + REDACTED_PER_ENTRY).map((row) => `${row.seq}:${chain.digestOf(row)}`);
      await record({ actorRef: '', action: REDACT, target: '', reason: some.join(' ') });
    }
    const list = (of: (row: Row) => boolean) => `(${[0, ...changed.filter(of).map(({ seq }) => seq)].join(', ')})`;
    const [blankTargets, blankReasons] = [list(({ target }) => target === ''), list(({ reason }) => reason === FORGOTTEN)];
    if (changed.length > 0)
      await rewrite(
        session,
        'audit_entries',
        `UPDATE target = if(seq IN ${blankTargets}, '', target), target_salt = if(seq IN ${blankTargets}, '', target_salt),
           reason = if(seq IN ${blankReasons}, '${FORGOTTEN}', reason) WHERE seq IN ${list(() => true)}`,
      );
    return changed.length;
  };

  /** The first entry that whoever reads `audit_log` sees in another way, or not at all. */
  const hiddenEntry = async (all: readonly Row[]): Promise<Link | undefined> => {
    const shown = await session.rows<Record<string, string | number>>(
      `SELECT seq, toUnixTimestamp64Milli(l.at) AS at, actor_ref, action, target, reason, prev_hash, hash FROM audit_log AS l ORDER BY seq
       SETTINGS output_format_json_quote_64bit_integers = 0`,
    );
    const asShown = ({ seq, at, actor_ref, action, target, reason, prev_hash, hash }: Row) =>
      JSON.stringify([seq, at, actor_ref, action, target, reason, prev_hash, hash]);
    const other = all.find((row, i) => asShown(row) !== JSON.stringify(Object.values(shown[i] ?? {})));
    return other ?? (shown.length > all.length ? (all.at(-1) ?? { ...START }) : undefined);
  };

  const verify = async (noted?: Link): Promise<AuditVerdict> => {
    const all = await rows();
    const verdict = (broken: AuditVerdict['broken']) => ({ entries: all.length, head: all.at(-1)?.hash ?? GENESIS, broken });
    const broken = brokenLink(all, chain);
    if (broken) return verdict(broken);
    const last = all.at(-1) ?? START;
    const hashAt = (seq: number) => (seq === 0 ? GENESIS : all[seq - 1]?.hash);
    const [wrong] = await heads.wrong(last, hashAt, false);
    if (wrong) {
      const { head, why } = wrong;
      return verdict({ seq: Math.min(head?.seq ?? last.seq, last.seq) + (head && head.seq > last.seq ? 1 : 0), why });
    }
    const lost = all.find(({ action }) => action === HEADS_LOST);
    if (lost) return verdict({ seq: lost.seq, why: `when it was written, ${lost.reason}` });
    const hidden = await hiddenEntry(all);
    if (hidden) return verdict({ seq: hidden.seq, why: 'the table audit_log does not show it as it is' });
    if (noted && hashAt(noted.seq) !== noted.hash) return verdict({ seq: noted.seq, why: 'it is not the entry that was noted' });
    return verdict(null);
  };

  await beginHeads({ session, rows, lastRow, heads, chain, write });
  return {
    record: (entry) => alone(() => record(entry)),
    redact: (refs, isNamedIn) => alone(() => redact(refs, isNamedIn)),
    verify: (noted) => alone(() => verify(noted)),
  };
}

interface Beginning {
  session: Session;
  rows: (where?: string) => Promise<Row[]>;
  lastRow: () => Promise<Row | undefined>;
  heads: Heads;
  chain: Chain;
  write: (entry: AuditEntry) => Promise<void>;
}

/** Gives a new log its heads, and one of a version before those of this one; a place that was added since gets what the others say. */
async function beginHeads({ session, rows, lastRow, heads, chain, write }: Beginning): Promise<void> {
  const texts = await Promise.all(heads.places.map(async (place) => place.read?.()));
  const own = texts.filter((_, i) => heads.places[i]?.read && !heads.places[i]?.isAdded);
  const last = await lastRow();
  const isFirst = (text: string | undefined) => text === undefined || chain.headOf(text)?.seq === 0;
  const old = chain.oldHeadOf(texts[0]);
  if (!last && own.some((text) => text === undefined) && own.every(isFirst)) {
    await heads.write(START);
    // The first head is older than the first event.
    if (own.every((text) => text === undefined) && (await session.rows('SELECT 1 AS found FROM events LIMIT 1')).length > 0)
      await write({ actorRef: '', action: HEADS_LOST, target: '', reason: 'no entry and no head was left of a store that has events' });
  } else if (
    last?.action === UPGRADED &&
    own.some((text) => chain.headOf(text) === undefined) &&
    (old || chain.headOf(texts[0])?.hash === last.hash)
  )
    await heads.write(last);
  // A head of the version before is taken once, and only where there was none of this version: this one never writes such a head.
  else if (last && old && own.slice(1).every((text) => text === undefined)) {
    const [at] = await rows(`WHERE seq = ${old.seq}`);
    if (at?.hash === old.hash && last.seq - old.seq <= 1) await write({ actorRef: '', action: UPGRADED, target: '', reason: '' });
  }
  // A place that was configured since begins with what the others say.
  for (const [i, place] of heads.places.entries())
    if (place.isAdded && place.read && texts[i] === undefined && (await place.read()) === undefined)
      await heads.write(await heads.newest(), [place]);
}
