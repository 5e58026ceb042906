/**
 * The audit log: privileged actions, each entry bound to the one before it by a keyed hash. Whoever changes, inserts or takes out a row
 * without the key breaks the chain; whoever cuts its end off is found by the heads that are kept beside it. What is taken out of an entry
 * because somebody is forgotten is in the chain itself.
 */

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { rewrite } from '../engine/ddl.ts';
import type { Engine } from '../engine/engine.ts';
import type { HeadPlace } from './audit-head.ts';

const SALT_BYTES = 16;
/** What stands before the first entry. */
const GENESIS = '0'.repeat(64);
/** What says that the log was begun by a version that did not write down what it took out. */
const UPGRADED = 'audit.upgraded';
/** What says which entries something was taken out of, each with a digest of what is left. */
const REDACT = 'audit.redact';
const REDACTED_PER_ENTRY = 40;
/** What says that heads were not as they should be when it was written. */
const HEADS_LOST = 'audit.heads_lost';
const DIGEST_LENGTH = 32;
/** In the place of a reason that named somebody. */
const FORGOTTEN = '[forgotten]';

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
  /** @param noted an entry that somebody has written down, which must be in the log */
  verify(noted?: Link): Promise<AuditVerdict>;
  /**
   * Takes people out of entries: targets that are a reference of theirs, and reasons that name them. Durable when it resolves.
   * @returns how many entries were changed
   */
  redact(refs: readonly string[], isNamedIn: (text: string) => boolean): Promise<number>;
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

/** The audit log of a store, with the places of its head, the first of which is beside it. */
export async function openAudit(deps: { engine: Engine; key: Buffer; heads: readonly HeadPlace[]; now: () => number }): Promise<Audit> {
  const session = deps.engine.session('tidy');
  const chain = chainOf(deps.key);
  const rows = (where = '') =>
    session.rows<Row>(
      `SELECT e.seq, toUnixTimestamp64Milli(e.at) AS at, actor_ref, actor_salt, actor_commitment, action, target, target_salt,
         target_commitment, reason, prev_hash, hash FROM audit_entries AS e ${where} ORDER BY seq
       SETTINGS output_format_json_quote_64bit_integers = 0`,
    );
  const lastRow = async () => (await rows('WHERE seq = (SELECT max(seq) FROM audit_entries)'))[0];
  const writeHeads = async (link: Link, places = deps.heads) => {
    for (const place of places) await place.write(chain.headText(link));
  };
  /** The newest of the heads: it may be ahead of a log that was cut off. */
  const newestHead = async (): Promise<Link> => {
    let newest = START;
    for (const place of deps.heads) {
      const link = chain.headOf(await place.read?.());
      if (link && link.seq > newest.seq) newest = link;
    }
    return newest;
  };

  const alone = oneAtATime();
  /** What is wrong with the heads that are read here, of those that belong to the store only or of all. */
  const wrongHeads = async (last: Link, hashAt: (seq: number) => string | undefined, onlyOwn: boolean) => {
    const wrong: { head: Link | undefined; why: string }[] = [];
    for (const place of deps.heads) {
      if (!place.read || (onlyOwn && place.isAdded)) continue;
      const head = chain.headOf(await place.read());
      const why = wrongWith(head, last, hashAt);
      if (why !== undefined) wrong.push({ head, why: `the head in ${place.name} ${why}` });
    }
    return wrong;
  };
  /** Writing the heads anew would make them fit again: that they did not is said for good before. */
  const noteLostHeads = async () => {
    const ends = await rows('WHERE seq >= (SELECT max(seq) FROM audit_entries) - 1');
    const last = ends.at(-1) ?? START;
    const wrong = await wrongHeads(last, (seq) => (seq === 0 ? GENESIS : ends.find((row) => row.seq === seq)?.hash), true);
    if (wrong.length > 0) await write({ actorRef: '', action: HEADS_LOST, target: '', reason: wrong.map(({ why }) => why).join('; ') });
  };
  const record = async (entry: AuditEntry) => {
    await noteLostHeads();
    await write(entry);
  };
  const write = async ({ actorRef, action, target, reason }: AuditEntry) => {
    const [last, known] = [await lastRow(), await newestHead()];
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
    await writeHeads({ seq: row.seq, hash: row.hash });
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

  const verify = async (noted?: Link): Promise<AuditVerdict> => {
    const all = await rows();
    const verdict = (broken: AuditVerdict['broken']) => ({ entries: all.length, head: all.at(-1)?.hash ?? GENESIS, broken });
    const broken = brokenLink(all, chain);
    if (broken) return verdict(broken);
    const last = all.at(-1) ?? START;
    const hashAt = (seq: number) => (seq === 0 ? GENESIS : all[seq - 1]?.hash);
    const [wrong] = await wrongHeads(last, hashAt, false);
    if (wrong) {
      const { head, why } = wrong;
      return verdict({ seq: Math.min(head?.seq ?? last.seq, last.seq) + (head && head.seq > last.seq ? 1 : 0), why });
    }
    const lost = all.find(({ action }) => action === HEADS_LOST);
    if (lost) return verdict({ seq: lost.seq, why: `when it was written, ${lost.reason}` });
    if (noted && hashAt(noted.seq) !== noted.hash) return verdict({ seq: noted.seq, why: 'it is not the entry that was noted' });
    return verdict(null);
  };

  const hasEvents = async () => (await session.rows('SELECT 1 AS found FROM events LIMIT 1')).length > 0;
  const begin = async () => {
    const texts = await Promise.all(deps.heads.map(async (place) => place.read?.()));
    const own = texts.filter((_, i) => deps.heads[i]?.read && !deps.heads[i]?.isAdded);
    const last = await lastRow();
    const isFirst = (text: string | undefined) => text === undefined || chain.headOf(text)?.seq === 0;
    const old = chain.oldHeadOf(texts[0]);
    if (!last && own.some((text) => text === undefined) && own.every(isFirst)) {
      await writeHeads(START);
      // The first head is older than the first event.
      if (own.every((text) => text === undefined) && (await hasEvents()))
        await write({ actorRef: '', action: HEADS_LOST, target: '', reason: 'no entry and no head was left of a store that has events' });
    } else if (
      last?.action === UPGRADED &&
      own.some((text) => chain.headOf(text) === undefined) &&
      (old || chain.headOf(texts[0])?.hash === last.hash)
    )
      await writeHeads(last);
    // A head of the version before is taken once, and only where there was none of this version: this one never writes such a head.
    else if (last && old && own.slice(1).every((text) => text === undefined)) {
      const [at] = await rows(`WHERE seq = ${old.seq}`);
      if (at?.hash === old.hash && last.seq - old.seq <= 1) await write({ actorRef: '', action: UPGRADED, target: '', reason: '' });
    }
    // A place that was configured since begins with what the others say.
    for (const [i, place] of deps.heads.entries())
      if (place.isAdded && place.read && texts[i] === undefined && (await place.read()) === undefined)
        await writeHeads(await newestHead(), [place]);
  };

  await begin();
  return {
    record: (entry) => alone(() => record(entry)),
    redact: (refs, isNamedIn) => alone(() => redact(refs, isNamedIn)),
    verify: (noted) => alone(() => verify(noted)),
  };
}

type Chain = ReturnType<typeof chainOf>;

/** Everything that needs the key. */
function chainOf(key: Buffer) {
  const mac = (text: string) => createHmac('sha256', key).update(text).digest('hex');
  const parsed = (text: string | undefined): (Link & { mac: string }) | undefined => {
    try {
      const { seq, hash, mac } = JSON.parse(text ?? '') as Link & { mac: string };
      return Number.isSafeInteger(seq) && typeof hash === 'string' ? { seq, hash, mac } : undefined;
    } catch {
      return undefined;
    }
  };
  const macOf = ({ seq, hash }: Link) => mac(`audit head\0${seq}\0${hash}`);
  return {
    hashOf: (row: Row) =>
      mac(JSON.stringify([row.seq, row.at, row.actor_commitment, row.action, row.target_commitment, row.reason, row.prev_hash])),
    /** Of a row from which something was taken out, as it is left. */
    digestOf: (row: Row) =>
      mac(
        `redacted\0${JSON.stringify([row.seq, row.at, row.actor_commitment, row.action, row.target, row.target_salt, row.target_commitment, row.reason, row.prev_hash, row.hash])}`,
      ).slice(0, DIGEST_LENGTH),
    headText: ({ seq, hash }: Link) => JSON.stringify({ seq, hash, mac: macOf({ seq, hash }) }),
    headOf(text: string | undefined): Link | undefined {
      const head = parsed(text);
      return head && macOf(head) === head.mac ? { seq: head.seq, hash: head.hash } : undefined;
    },
    /** As the version before wrote it. */
    oldHeadOf(text: string | undefined): Link | undefined {
      const head = parsed(text);
      return head && mac(`head\0${head.seq}\0${head.hash}`) === head.mac ? { seq: head.seq, hash: head.hash } : undefined;
    },
  };
}

/** Why a head does not belong to a log whose last entry is `last`. */
function wrongWith(head: Link | undefined, last: Link, hashAt: (seq: number) => string | undefined): string | undefined {
  if (!head) return 'is missing, or was changed';
  if (head.seq > last.seq) return `says that ${head.seq} entries were written: the log was cut off`;
  // It is written after the entry, and may be behind by the one at which the process ended.
  if (head.seq < last.seq - 1) return 'is older than the log: it was put back';
  return hashAt(head.seq) === head.hash ? undefined : 'is of another log';
}

/** The first entry that is not what was written, or does not follow the one before it. */
function brokenLink(all: readonly Row[], chain: Chain): AuditVerdict['broken'] {
  const redacted = new Set(all.flatMap(({ action, reason }) => (action === REDACT ? reason.split(' ') : [])));
  const upgradedAt = all.find(({ action }) => action === UPGRADED)?.seq ?? 0;
  // Before the upgrade, what was taken out was not written down: it may be missing where somebody was forgotten later.
  const lastOldForget = all.findLast(({ action, seq }) => action === 'forget' && seq < upgradedAt)?.seq ?? 0;
  let before = START;
  for (const row of all) {
    const why =
      row.seq !== before.seq + 1
        ? `entry ${before.seq + 1} is missing`
        : row.prev_hash !== before.hash
          ? 'it does not follow the entry before it'
          : changeOf(row, chain, redacted, row.seq < lastOldForget);
    if (why !== undefined) return { seq: row.seq, why };
    before = row;
  }
  return null;
}

function changeOf(row: Row, chain: Chain, redacted: ReadonlySet<string>, mayBeBlank: boolean): string | undefined {
  if (commitment(row.actor_salt, row.actor_ref) !== row.actor_commitment) return 'its actor was changed';
  if (redacted.has(`${row.seq}:${chain.digestOf(row)}`)) return undefined;
  if (chain.hashOf(row) !== row.hash) return 'it was changed';
  const isBlank = mayBeBlank && row.target === '' && row.target_salt === '';
  if (!isBlank && commitment(row.target_salt, row.target) !== row.target_commitment) return 'its target was changed';
  return undefined;
}

const newSalt = () => randomBytes(SALT_BYTES).toString('hex');
const commitment = (salt: string, text: string) => createHash('sha256').update(`${salt}\0${text}`).digest('hex');
