/** A PostgreSQL of its own for a bench. */
import { postgresBin, startPostgres } from '../support/postgres.ts';

const SETTINGS = ['shared_buffers=2GB', 'work_mem=256MB', 'max_parallel_workers_per_gather=2'];

/** Runs `use` with a function that runs SQL; undefined where there is no PostgreSQL, or this is not root. */
export async function withPostgres<T>(
  settings: readonly string[],
  use: (psql: (sql: string) => string) => Promise<T>,
): Promise<T | undefined> {
  if (postgresBin() === undefined) return undefined;
  const server = await startPostgres([...SETTINGS, ...settings]);
  try {
    return await use(server.psql);
  } finally {
    await server.stop();
  }
}
