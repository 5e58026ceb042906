/** The chain of the audit log: what binds an entry to the one before it, and what is found when somebody changed one. Pure, but for the key. */
import { createHash, createHmac, randomBytes } from 'node:crypto';

const SALT_BYTES = 16;
/** What stands before the first entry. */
export const GENESIS = '0'.repeat(64);
/** What says that the log was begun by a version that did not write down what it took out. */
export const UPGRADED = 'audit.upgraded';
/** What says which entries something was taken out of, each with a digest of what is left. */
export const REDACT = 'audit.redact';
/** What says that heads were not as they should be when it was written. */
export const HEADS_LOST = 'audit.heads_lost';
const DIGEST_LENGTH = 32;

export interface Link {
  seq: number;
  hash: string;
}
/** What an empty log ends with. */
export const START: Link = { seq: 0, hash: GENESIS };
/** An entry as it is stored. */
export interface Row {
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

export interface AuditVerdict {
  entries: number;
  /** Hash of the last entry: what is written down elsewhere to compare with. */
  head: string;
  /** The first entry that does not fit, or null. */
  broken: { seq: number; why: string } | null;
}

export type Chain = ReturnType<typeof chainOf>;

/** Everything that needs the key. */
export function chainOf(key: Buffer) {
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
export function wrongWith(head: Link | undefined, last: Link, hashAt: (seq: number) => string | undefined): string | undefined {
  if (!head) return 'is missing, or was changed';
  if (head.seq > last.seq) return `says that ${head.seq} entries were written: the log was cut off`;
  // It is written after the entry, and may be behind by the one at which the process ended.
  if (head.seq < last.seq - 1) return 'is older than the log: it was put back';
  return hashAt(head.seq) === head.hash ? undefined : 'is of another log';
}

/** The first entry that is not what was written, or does not follow the one before it. */
export function brokenLink(all: readonly Row[], chain: Chain): AuditVerdict['broken'] {
  const redacted = lastRedactions(all.filter((row) => row.action === REDACT && chain.hashOf(row) === row.hash));
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

/** Of each entry from which something was taken out the digest of what was left last: what it was before must not come back. */
function lastRedactions(notes: readonly Row[]): Map<number, string> {
  return new Map(
    notes
      .flatMap(({ reason }) => reason.split(' '))
      .map((token) => {
        const [seq, digest = ''] = token.split(':');
        return [Number(seq), digest];
      }),
  );
}

function changeOf(row: Row, chain: Chain, redacted: ReadonlyMap<number, string>, mayBeBlank: boolean): string | undefined {
  if (commitment(row.actor_salt, row.actor_ref) !== row.actor_commitment) return 'its actor was changed';
  const left = redacted.get(row.seq);
  if (left !== undefined) return left === chain.digestOf(row) ? undefined : 'it is not as forget left it';
  if (chain.hashOf(row) !== row.hash) return 'it was changed';
  const isBlank = mayBeBlank && row.target === '' && row.target_salt === '';
  if (!isBlank && commitment(row.target_salt, row.target) !== row.target_commitment) return 'its target was changed';
  return undefined;
}

/** What keeps equal names from being seen as equal. */
export const newSalt = () => randomBytes(SALT_BYTES).toString('hex');
/** What stands for a name in the chain when the name itself is gone. */
export const commitment = (salt: string, text: string) => createHash('sha256').update(`${salt}\0${text}`).digest('hex');
