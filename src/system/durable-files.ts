/** Files that survive a crash: replaced by rename, synced with their directory; and keys, made once. */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MusterError, systemCode } from '../errors.ts';

const KEY_BYTES = 32;

/** Writes a whole file such that a crash leaves the old one or the new one. */
export async function writeDurably(path: string, text: string, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
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
