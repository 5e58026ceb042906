/** Pseudonyms: personal identifiers become keyed references before anything is stored. */
import { createHmac, randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { MusterError, systemCode } from '../errors.ts';
import { syncDirectory } from '../store/loader-state.ts';

const KEY_BYTES = 32;
/** 96 bits: two of a billion people share a reference with a chance of one in 10^11. */
const REFERENCE_BYTES = 12;
const CACHED_REFERENCES = 50_000;

/** What an identifier names; each has a space of its own, but whoever acts and whoever is acted on share one, as they must join. */
export type PseudonymKind = 'person' | 'device' | 'destination' | 'session' | 'user_agent' | 'record';

export interface Pseudonyms {
  /** The reference of an identifier: HMAC-SHA-256, cut to 96 bits, base64url. The same text always gives the same reference. */
  of(kind: PseudonymKind, identifier: string): string;
}

/** Reads the key of a data directory, or makes one at the first start (file mode 0600). */
export async function openPseudonyms(keyPath: string): Promise<Pseudonyms> {
  return pseudonyms(await readOrCreateKey(keyPath));
}

/** Pseudonyms under a given key of 32 bytes. */
export function pseudonyms(key: Buffer): Pseudonyms {
  const cache = new LRUCache<string, string>({ max: CACHED_REFERENCES });
  return {
    of(kind, identifier) {
      const name = `${kind}\0${identifier}`;
      const known = cache.get(name);
      if (known !== undefined) return known;
      const digest = createHmac('sha256', key).update(`muster/${kind}/v1\0${normalise(identifier)}`).digest();
      const reference = digest.subarray(0, REFERENCE_BYTES).toString('base64url');
      cache.set(name, reference);
      return reference;
    },
  };
}

/** One person, one reference: composed Unicode form, no outer spaces, e-mail addresses in lower case. */
function normalise(identifier: string): string {
  const trimmed = identifier.normalize('NFKC').trim();
  return trimmed.includes('@') ? trimmed.toLowerCase() : trimmed;
}

/** The key in a file of mode 0600, made at random when the file is not there. */
export async function readOrCreateKey(path: string): Promise<Buffer> {
  try {
    const key = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64');
    if (key.length === KEY_BYTES) return key;
    throw new MusterError('MUSTER_INTERNAL', `${path} does not hold a key of ${KEY_BYTES} bytes in base64; restore it from a backup`);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  const key = randomBytes(KEY_BYTES);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${key.toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
  return key;
}
