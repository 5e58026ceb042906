/** Pseudonyms: personal identifiers become keyed references before anything is stored. */
import { createHmac, createSecretKey } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { readOrCreateKey } from '../store/durable-files.ts';

/** 96 bits: two of a billion people share a reference with a chance of one in 10^11. */
const REFERENCE_BYTES = 12;
const CACHED_REFERENCES = 200_000;
const FINGERPRINT_BYTES = 16;

/** What an identifier names; each has a space of its own, but whoever acts and whoever is acted on share one, as they must join. */
export type PseudonymKind = 'person' | 'device' | 'destination' | 'session' | 'user_agent' | 'record';

export interface Pseudonyms {
  /** The reference of an identifier: HMAC-SHA-256, cut to 96 bits, base64url. The same text always gives the same reference. */
  of(kind: PseudonymKind, identifier: string): string;
  /** A keyed fingerprint of text of any length, as it stands; nothing of it is remembered. */
  fingerprint(text: string): string;
}

/** Reads the key of a data directory, or makes one at the first start (file mode 0600). */
export async function openPseudonyms(keyPath: string): Promise<Pseudonyms> {
  return pseudonyms(await readOrCreateKey(keyPath));
}

/** Pseudonyms under a given key of 32 bytes. */
export function pseudonyms(key: Buffer): Pseudonyms {
  const secret = createSecretKey(key);
  const cache = new LRUCache<string, string>({ max: CACHED_REFERENCES });
  return {
    of(kind, identifier) {
      const name = `${kind}\0${identifier}`;
      const known = cache.get(name);
      if (known !== undefined) return known;
      const digest = createHmac('sha256', secret)
        .update(`muster/${kind}/v1\0${normalise(identifier)}`)
        .digest();
      const reference = digest.subarray(0, REFERENCE_BYTES).toString('base64url');
      cache.set(name, reference);
      return reference;
    },
    fingerprint: (text) =>
      createHmac('sha256', secret).update(`muster/fingerprint/v1\0${text}`).digest().subarray(0, FINGERPRINT_BYTES).toString('base64url'),
  };
}

/** One person, one reference: composed Unicode form, no outer spaces, e-mail addresses in lower case. */
function normalise(identifier: string): string {
  const trimmed = identifier.normalize('NFKC').trim();
  return trimmed.includes('@') ? trimmed.toLowerCase() : trimmed;
}
