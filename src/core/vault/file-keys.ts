/** Key-encryption keys in a file of mode 0600: the newest is in use, older ones open what they sealed until it is sealed anew. */
import { createSecretKey, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { KEY_BYTES, keyBytes } from '../../privacy/key-bytes.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { decrypt, encrypt } from './gcm.ts';
import type { KeyEncryption } from './key-encryption.ts';
import type { VaultSecrets } from './vault.ts';

const schema = z.strictObject({
  /** Newest first. */
  keys: z.array(z.strictObject({ id: z.string().min(1).max(64), createdAt: z.string(), secret: keyBytes })).min(1),
  marks: keyBytes,
  peppers: z.array(z.strictObject({ version: z.number().int().positive(), secret: keyBytes })).min(1),
});
type Content = z.infer<typeof schema>;

export interface FileKeys extends KeyEncryption {
  secrets: VaultSecrets;
  list(): { id: string; createdAt: string }[];
  /** Makes a new key, which is in use from now on. Returns its id. */
  rotate(): Promise<string>;
  /** Forgets keys that nothing is sealed under any more. Never the one in use. */
  retire(ids: readonly string[]): Promise<void>;
}

const associated = (keyId: string) => Buffer.from(JSON.stringify(['muster', 'data key', keyId]));

/** Reads the file, or makes it at the first start. @throws MUSTER_INTERNAL when it holds no keys */
export async function openFileKeys(path: string, now: () => number): Promise<FileKeys> {
  let content = (await read(path)) ?? (await write(path, first(now())));
  const once = oneAtATime();
  /** Another process may have changed the file since. */
  const reread = async () => {
    content = (await read(path)) ?? content;
  };
  const keyOf = (id: string) => {
    const found = content.keys.find((each) => each.id === id);
    if (found) return createSecretKey(found.secret);
    throw new Error(`the key ${id} is not held`);
  };
  const current = () => (content.keys[0] as Content['keys'][number]).id;
  return {
    current,
    async wrap(dataKey) {
      await reread();
      return { keyId: current(), wrapped: encrypt(keyOf(current()), dataKey, associated(current())) };
    },
    async unwrap(keyId, wrapped) {
      if (!content.keys.some(({ id }) => id === keyId)) await reread();
      return decrypt(keyOf(keyId), wrapped, associated(keyId));
    },
    secrets: content,
    list: () => content.keys.map(({ id, createdAt }) => ({ id, createdAt })),
    rotate: () =>
      once(async () => {
        await reread();
        const key = made(content.keys.length + 1, now());
        content = await write(path, { ...content, keys: [key, ...content.keys] });
        return key.id;
      }),
    retire: (ids) =>
      once(async () => {
        await reread();
        const keys = content.keys.filter(({ id }) => id === current() || !ids.includes(id));
        if (keys.length < content.keys.length) content = await write(path, { ...content, keys });
      }),
  };
}

/** Two keys never share an id, whoever makes them: under the wrong one of two nothing would open. */
const made = (n: number, nowMs: number) => ({
  id: `k${n}-${randomBytes(4).toString('hex')}`,
  createdAt: new Date(nowMs).toISOString(),
  secret: randomBytes(KEY_BYTES),
});

const first = (nowMs: number): Content => ({
  keys: [made(1, nowMs)],
  marks: randomBytes(KEY_BYTES),
  peppers: [{ version: 1, secret: randomBytes(KEY_BYTES) }],
});

async function read(path: string): Promise<Content | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new MusterError('MUSTER_INTERNAL', `${path} does not hold the keys of the core; restore it from a backup`, { cause });
  }
}

/** Returns what was written. */
async function write(path: string, content: Content): Promise<Content> {
  const text = (_: string, value: unknown) =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value
      ? Buffer.from(value.data as number[]).toString('base64')
      : value;
  await writeDurably(path, `${JSON.stringify(content, text, 2)}\n`);
  return content;
}
