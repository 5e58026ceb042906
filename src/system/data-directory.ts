/** Whose a directory is: Muster neither takes over nor clears what it did not make. */
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../errors.ts';
import { FILES } from '../names.ts';
import { LOCK } from './lock.ts';

/** What may lie in a data directory before anything was started on it: what commands, people and file systems put there. */
const BEFORE_FIRST_START =
  /^(lock|(keys|jwks|demo|vault-keys|muster)\.json|keys\.json\..*|lost\+found|\.DS_Store|\.git(ignore|keep)|.*\.(ya?ml|pem|crt|key))$/;

const MADE_BEFORE_TABLES = [LOCK, FILES.keyRing, FILES.pseudonymKey, FILES.references];

/**
 * Makes the directory, or makes sure that it is a data directory of Muster's, or holds nothing that is not expected in a new one.
 * @throws MUSTER_CONFLICT
 */
export async function ownDirectory(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const has = (name: string) => existsSync(join(dataDir, name));
  // A folder that is called like one of ours may be anybody's.
  if ([FILES.engine, FILES.server, FILES.log].some(has) && MADE_BEFORE_TABLES.some(has)) return;
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
