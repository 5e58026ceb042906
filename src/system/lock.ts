/** One process at a time uses a data directory: a lock of the operating system, taken through SQLite, that ends with the process. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MusterError } from '../errors.ts';

/** The file that is locked. */
export const LOCK = 'lock';

/** Another process holds a directory: it may be about to end, or to answer. */
export class LockedError extends MusterError {
  constructor(directory: string, cause: unknown) {
    super(
      'MUSTER_DATA_IN_USE',
      `the data in ${directory} is used by another process; stop that one, or name another directory with --data`,
      {
        cause,
      },
    );
  }
}

/**
 * Takes the lock of a directory; call the result to give it back.
 * @throws MUSTER_DATA_IN_USE
 */
export function lockDirectory(directory: string): () => void {
  const database = new DatabaseSync(join(directory, LOCK));
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new LockedError(directory, error);
  }
  return () => {
    if (database.isOpen) database.close();
  };
}
