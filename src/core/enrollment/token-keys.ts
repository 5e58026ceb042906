/** The public keys by which enrollment tokens are checked: of a file, which is read again when it changes, or of an address. */
import { readFileSync, statSync } from 'node:fs';
import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { MusterError } from '../../errors.ts';
import type { Settings } from '../settings.ts';

/** The file is looked at this often at most: so soon a key that was taken out of it is refused. */
const LOOK_EVERY_MS = 1_000;
/** Keys of an address are fetched again after this, and for an unknown `kid` no sooner than after the pause. */
const REMOTE = { cacheMaxAge: 60_000, cooldownDuration: 10_000, timeoutDuration: 3_000 };

/**
 * @param onProblem told of a file that cannot be read any more; the keys that were known go on
 * @throws MUSTER_BAD_ARGUMENT when the file cannot be read at the start
 */
export function openTokenKeys(
  { jwks_file: path, jwks_url: address }: NonNullable<Settings['tokens']>,
  { now, onProblem }: { now: () => number; onProblem: (message: string) => void },
): JWTVerifyGetKey {
  if (address !== undefined) return createRemoteJWKSet(new URL(address), REMOTE);
  const file = String(path);
  let stamp = stampOf(file);
  const first = readKeys(file);
  if (first.keys.length === 0)
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: holds no key, so that no enrollment token can be valid`);
  // Later on a set without keys takes all of them back.
  let keys = createLocalJWKSet(first);
  let lookedAtMs = now();
  return (header, token) => {
    if (Math.abs(now() - lookedAtMs) >= LOOK_EVERY_MS) {
      lookedAtMs = now();
      try {
        const next = stampOf(file);
        if (next !== stamp) keys = createLocalJWKSet(readKeys(file));
        stamp = next;
      } catch (error) {
        onProblem(error instanceof Error ? error.message : String(error));
      }
    }
    return keys(header, token);
  };
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: cannot be read as a JSON Web Key Set`, { cause });
  }
}

function readKeys(path: string): JSONWebKeySet {
  try {
    const keys = JSON.parse(readFileSync(path, 'utf8')) as JSONWebKeySet;
    if (keys.keys.every(({ kty, d }) => kty !== 'oct' && d === undefined)) return keys;
  } catch (cause) {
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: cannot be read as a JSON Web Key Set`, { cause });
  }
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: expected public keys, and no private or symmetric one`);
}
