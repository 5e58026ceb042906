/** Opens the core's store, wherever it is. */
import { openSqliteStorage } from './sqlite.ts';
import type { CoreStorage } from './storage.ts';

/** Where the core keeps its rows. */
export type StorageOptions = { kind: 'sqlite'; path: string } | { kind: 'postgres'; url: string };

/** Opens the store with its newest schema. @throws MUSTER_CORE_UNREACHABLE when PostgreSQL does not answer */
export async function openCoreStorage(options: StorageOptions): Promise<CoreStorage> {
  if (options.kind === 'sqlite') return openSqliteStorage(options.path);
  // Only who uses it waits for its driver.
  const { openPostgres } = await import('./postgres.ts');
  return openPostgres(options.url);
}
