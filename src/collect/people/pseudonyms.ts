/**
 * Pseudonyms: personal identifiers become keyed references before anything is stored. A reference never changes: after a change of keys, what
 * the new key gives for a known identifier is an alias of the reference that it has had before.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { asNamed, lookedUpBy, personOf } from '../../privacy/identifier.ts';
import type { Vault } from '../../privacy/vault.ts';
import type { Departure, Forgotten, ReferenceRow, ReferenceTable } from '../../store/records/reference-table.ts';
import { type KeyRing, type RingKey, ringOf } from './key-ring.ts';

/** 96 bits: two of a billion people share a reference with a chance of one in 10^11. */
const REFERENCE_BYTES = 12;
const CACHED_REFERENCES = 200_000;
const FINGERPRINT_BYTES = 16;

/**
 * What an identifier names; each has a space of its own, but whoever acts and whoever is acted on share one, as they must join. An `operator`
 * uses Muster itself, and stays in its audit log.
 */
export type PseudonymKind = 'person' | 'operator' | 'device' | 'destination' | 'session' | 'user_agent';
/** These are under the ring; the others are fingerprints and stay as they are. Sessions are too many and too short to be written down. */
const UNDER_RING = new Set<PseudonymKind>(['person', 'operator', 'device', 'destination']);
/** Whom `muster reveal` may have to name. */
const SEALED = new Set<PseudonymKind>(['person', 'operator']);

const NEVER = Number.NEGATIVE_INFINITY;
const NONE: readonly ReferenceRow[] = [];

interface Known {
  ref: string;
  /** Rows of it that are not known to be durable yet. */
  rows: readonly ReferenceRow[];
}

/** What a batch of events must make durable before it is acknowledged. */
export type Fresh = Set<Known>;

/** The rows of a batch. */
export const freshRows = (fresh: Fresh): ReferenceRow[] => [...fresh].flatMap(({ rows }) => rows);

/** Says that the rows of a batch are durable. */
export function markKnown(fresh: Fresh): void {
  for (const known of fresh) known.rows = NONE;
}

export interface Pseudonyms {
  /**
   * The reference of an identifier: HMAC-SHA-256, cut to 96 bits, base64url. The same text always gives the same reference.
   * @param fresh takes up what must be durable before the reference is used in something that is kept
   */
  of(kind: PseudonymKind, identifier: string, fresh?: Fresh): string;
  /** A keyed fingerprint of text of any length, as it stands; nothing of it is remembered. */
  fingerprint(text: string): string;
  /** Whether something that happened at `timeMs` concerns a person who was forgotten after it. */
  isForgotten(identifier: string, timeMs: number): boolean;
  /** What has to be taken out for a person to be forgotten. */
  departure(identifier: string, nowMs: number): Departure;
  /** Takes a person out: what is known goes, and who comes back is somebody new. */
  forget(departure: Departure): void;
  ring(): KeyRing;
  /** From now on identifiers are looked up by this ring. */
  use(ring: KeyRing): void;
}

export interface PseudonymsOptions {
  ring: KeyRing;
  /** Where references are kept; without it none is, as under a single key none need be. */
  table?: ReferenceTable;
  /** Seals the identifiers of people; without it they are not kept. */
  vault?: Vault;
}

/** Pseudonyms under a single key of 32 bytes, of which nothing is kept. */
export const pseudonyms = (key: Buffer): Pseudonyms => createPseudonyms({ ring: ringOf(key, '') });

/** Pseudonyms under a ring of keys. */
export function createPseudonyms({ ring: first, table, vault }: PseudonymsOptions): Pseudonyms {
  let ring = first;
  const cache = new LRUCache<string, Known>({ max: CACHED_REFERENCES });
  const forgottenAt = new LRUCache<string, number>({ max: CACHED_REFERENCES });
  const forgotten = table?.forgotten() ?? new Map<string, Forgotten>();

  // To make a key object of bytes costs more than what is done with it.
  const keys = new Map<Buffer, KeyObject>();
  const keyOf = (bytes: Buffer) => {
    const key = keys.get(bytes) ?? createSecretKey(bytes);
    keys.set(bytes, key);
    return key;
  };
  const keyed = (key: Buffer, purpose: string, text: string, bytes: number) =>
    createHmac('sha256', keyOf(key)).update(`muster/${purpose}/v1\0${text}`).digest().subarray(0, bytes).toString('base64url');
  const under = (key: Buffer, kind: PseudonymKind, identifier: string) =>
    keyed(key, kind, lookedUpBy(kind === 'person' ? asNamed(identifier) : identifier), REFERENCE_BYTES);
  const current = () => ring.keys[0] as RingKey;

  /** The reference that an identifier has had under an older key. */
  const earlier = (kind: PseudonymKind, identifier: string): string | undefined => {
    if (!table) return undefined;
    for (const key of ring.keys.slice(1)) {
      const made = under(key.secret, kind, identifier);
      const ref = table.aliased(made) ?? (table.has(made) ? made : undefined);
      if (ref !== undefined) return ref;
    }
    return undefined;
  };

  const resolve = (kind: PseudonymKind, identifier: string): Known => {
    if (!UNDER_RING.has(kind)) return { ref: under(ring.fingerprint, kind, identifier), rows: NONE };
    const key = current();
    const made = under(key.secret, kind, identifier);
    if (!table) return { ref: made, rows: NONE };
    const returned = kind === 'person' && forgotten.size > 0 ? forgotten.get(markOf(identifier))?.fresh : undefined;
    const aliased = returned ?? table.aliased(made);
    const before = aliased ?? (ring.keys.length > 1 && !table.has(made) ? earlier(kind, identifier) : undefined);
    const rows: ReferenceRow[] = [];
    if (before !== undefined && aliased === undefined) rows.push({ ref: before, kind, key: key.id, sealed: '', alias: made });
    const ref = before ?? made;
    if (before === undefined || !table.has(before))
      rows.push({ ref, kind, key: key.id, sealed: sealedOf(kind, identifier, ref), alias: '' });
    for (const row of rows) table.announce(row);
    return { ref, rows };
  };

  const sealedOf = (kind: PseudonymKind, identifier: string, ref: string): string =>
    vault && SEALED.has(kind) ? vault.wrap(Buffer.from(identifier.trim()), ref).toString('base64') : '';
  const markOf = (identifier: string) => keyed(ring.erasure, 'forgotten', personOf(identifier), FINGERPRINT_BYTES);

  return {
    of(kind, identifier, fresh) {
      const name = `${kind}\0${identifier}`;
      let known = cache.get(name);
      if (known === undefined) {
        known = resolve(kind, identifier);
        cache.set(name, known);
      }
      if (known.rows.length > 0) fresh?.add(known);
      return known.ref;
    },
    fingerprint: (text) => keyed(ring.fingerprint, 'fingerprint', text, FINGERPRINT_BYTES),
    isForgotten(identifier, timeMs) {
      if (forgotten.size === 0) return false;
      let atMs = forgottenAt.get(identifier);
      if (atMs === undefined) {
        atMs = forgotten.get(markOf(identifier))?.atMs ?? NEVER;
        forgottenAt.set(identifier, atMs);
      }
      return timeMs <= atMs;
    },
    departure(identifier, nowMs) {
      const made = ring.keys.map(({ secret }) => under(secret, 'person', identifier));
      const leading = made.flatMap((each) => [each, table?.aliased(each) ?? each]);
      const before = forgotten.get(markOf(identifier))?.fresh;
      return {
        refs: [...new Set([...leading, ...(before === undefined ? [] : [before])])],
        mark: markOf(identifier),
        atMs: nowMs,
        fresh: randomBytes(REFERENCE_BYTES).toString('base64url'),
      };
    },
    forget(departure) {
      table?.forget(departure);
      forgotten.set(departure.mark, departure);
      cache.clear();
      forgottenAt.clear();
    },
    ring: () => ring,
    use(next) {
      ring = next;
      keys.clear();
      cache.clear();
    },
  };
}
