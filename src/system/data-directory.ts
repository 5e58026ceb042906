/** Whose a directory is: Muster neither takes over nor clears what it did not make. */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../errors.ts';
import { FILES } from '../names.ts';
import { writeDurably } from './durable-files.ts';

/** What may lie in a data directory before anything was started on it: what commands, people and file systems put there. */
const BEFORE_FIRST_START =
  /^(lock|data-directory\.txt\..*|(keys|jwks|demo|vault-keys|muster)\.json|keys\.json\..*|lost\+found|\.DS_Store|\.git(ignore|keep)|.*\.(ya?ml|pem|crt|key))$/;

const MARKER = 'A data directory of Muster. What lies here belongs together: back it up with muster backup.\n';
/** Of a version that did not write the marker, by what its files begin with: an empty file may be anybody's. */
const MADE_BEFORE_TABLES: readonly [string, RegExp][] = [
  [FILES.keyRing, /^\s*\{/],
  [FILES.pseudonymKey, /^[A-Za-z0-9+/=]{40,}\s*$/],
  [FILES.references, /^SQLite format 3\0/],
];

/**
 * Makes the directory, or makes sure that it is a data directory of Muster's, or holds nothing that is not expected in a new one.
 * @throws MUSTER_CONFLICT
 */
export async function ownDirectory(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if ((await beginningOf(dataDir, FILES.marker)).startsWith(MARKER.slice(0, 27))) return;
  const isOlder = await Promise.all(MADE_BEFORE_TABLES.map(async ([name, begins]) => begins.test(await beginningOf(dataDir, name))));
  // A folder that is called like one of ours may be anybody's.
  const hasTables = [FILES.engine, FILES.server, FILES.log].some((name) => existsSync(join(dataDir, name)));
  if (!(hasTables && isOlder.includes(true))) await assertNothingElse(dataDir);
  await writeDurably(join(dataDir, FILES.marker), MARKER);
}

/** Some of a file's bytes; '' of one that is not there. */
async function beginningOf(dataDir: string, name: string): Promise<string> {
  const handle = await open(join(dataDir, name), 'r').catch(() => undefined);
  if (!handle) return '';
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(100), 0, 100, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch {
    return '';
  } finally {
    await handle.close();
  }
}

async function assertNothingElse(dataDir: string): Promise<void> {
  const foreign = (await readdir(dataDir)).find((name) => !BEFORE_FIRST_START.test(name));
  if (foreign !== undefined)
    throw new MusterError(
      'MUSTER_CONFLICT',
      `${dataDir} holds ${JSON.stringify(foreign.slice(0, 60))}, which is not Muster's: name an empty or a new directory with --data`,
    );
}

/** @throws MUSTER_CONFLICT when there is anything */
export async function assertEmptyOrMissing(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw new MusterError('MUSTER_CONFLICT', `${directory} is a file; name another directory with --data`);
    throw error;
  });
  if (entries.some((name) => name !== 'lost+found'))
    throw new MusterError(
      'MUSTER_CONFLICT',
      `${directory} holds data already; name an empty or a new directory with --data, or move away what is in it`,
    );
}
