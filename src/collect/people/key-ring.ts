/** The keys of pseudonyms: a ring of which the newest is in use, and the older ones lead to what they have made. */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { FILES } from '../../names.ts';
import { KEY_BYTES, keyBytes } from '../../privacy/key-bytes.ts';
import { writeDurably } from '../../system/durable-files.ts';

const schema = z.strictObject({
  /** Of fingerprints and of ids that Muster makes: these must stay as they are, whatever else changes. */
  fingerprint: keyBytes,
  /** Of the marks of people who were forgotten. */
  erasure: keyBytes,
  /** Newest first. */
  keys: z.array(z.strictObject({ id: z.number().int().positive(), createdAt: z.string(), secret: keyBytes })).min(1),
  /** Destroyed ones. */
  retired: z.array(z.strictObject({ id: z.number().int().positive(), createdAt: z.string(), retiredAt: z.string() })),
});

export type KeyRing = z.infer<typeof schema>;
export type RingKey = KeyRing['keys'][number];

/** A ring around one key. */
export const ringOf = (key: Buffer, createdAt: string): KeyRing => ({
  fingerprint: key,
  erasure: key,
  keys: [{ id: 1, createdAt, secret: key }],
  retired: [],
});

/** The ring with a new key in front. */
export function rotated(ring: KeyRing, nowMs: number): KeyRing {
  const ids = [...ring.keys, ...ring.retired].map(({ id }) => id);
  const key = { id: Math.max(...ids) + 1, createdAt: new Date(nowMs).toISOString(), secret: randomBytes(KEY_BYTES) };
  return { ...ring, keys: [key, ...ring.keys] };
}

/**
 * The ring without a key.
 * @throws MUSTER_NOT_FOUND, or MUSTER_CONFLICT for the key that is in use
 */
export function retired(ring: KeyRing, id: number, nowMs: number): KeyRing {
  const key = ring.keys.find((each) => each.id === id);
  if (!key) throw new MusterError('MUSTER_NOT_FOUND', `the ring has no key ${id}; muster pseudonyms status lists them`);
  if (key === ring.keys[0])
    throw new MusterError('MUSTER_CONFLICT', `key ${id} is the one in use; muster pseudonyms rotate makes a new one first`);
  const gone = { id, createdAt: key.createdAt, retiredAt: new Date(nowMs).toISOString() };
  return { ...ring, keys: ring.keys.filter((each) => each !== key), retired: [...ring.retired, gone] };
}

/** Reads the ring of a data directory, or makes one at the first start (file mode 0600). */
export async function openKeyRing(dataDir: string, nowMs: number): Promise<KeyRing> {
  const path = join(dataDir, FILES.keyRing);
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    if (parsed.success) return parsed.data;
    throw new MusterError('MUSTER_INTERNAL', `${path} does not hold a key ring; restore it from a backup`);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new MusterError('MUSTER_INTERNAL', `${path} does not hold a key ring; restore it from a backup`);
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  const single = join(dataDir, FILES.pseudonymKey);
  const old = await readFile(single, 'utf8').catch(() => undefined);
  const createdAt = new Date(nowMs).toISOString();
  const ring =
    old === undefined
      ? { ...ringOf(randomBytes(KEY_BYTES), createdAt), fingerprint: randomBytes(KEY_BYTES), erasure: randomBytes(KEY_BYTES) }
      : { ...ringOf(Buffer.from(old.trim(), 'base64'), createdAt), erasure: randomBytes(KEY_BYTES) };
  await saveKeyRing(dataDir, ring);
  await rm(single, { force: true });
  return ring;
}

/** Writes the ring such that a crash leaves the old one or the new one. */
export async function saveKeyRing(dataDir: string, ring: KeyRing): Promise<void> {
  const text = (key: Buffer) => key.toString('base64');
  const plain = {
    ...ring,
    fingerprint: text(ring.fingerprint),
    erasure: text(ring.erasure),
    keys: ring.keys.map((key) => ({ ...key, secret: text(key.secret) })),
  };
  await writeDurably(join(dataDir, FILES.keyRing), `${JSON.stringify(plain, null, 2)}\n`);
}
