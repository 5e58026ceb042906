/** The store of the reference core, as the configuration has it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { type ErasedUser, eraseUser } from '../core/ledger/erase.ts';
import { openCoreStorage, type StorageOptions } from '../core/storage/open.ts';
import { FILES } from '../names.ts';

type Where = Pick<Config, 'dataDir' | 'coreDatabaseUrl'>;

/** The core's database: PostgreSQL where the configuration names one, else a SQLite file in the data directory. */
export const coreStorageOf = ({ dataDir, coreDatabaseUrl: url }: Where): StorageOptions =>
  url === undefined ? { kind: 'sqlite', path: join(dataDir, FILES.core) } : { kind: 'postgres', url };

/** Takes somebody out of the core, whether it runs or not; where there is none, there is nobody in it. */
export async function eraseFromCore(where: Where, user: string, nowMs: number): Promise<ErasedUser> {
  const options = coreStorageOf(where);
  if (options.kind === 'sqlite' && !existsSync(options.path)) return { rows: 0, spellings: [], left: 0 };
  const storage = await openCoreStorage(options);
  try {
    return await eraseUser(storage, user, nowMs);
  } finally {
    await storage.close();
  }
}
