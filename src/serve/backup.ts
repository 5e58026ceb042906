/** A backup as one stream, whoever takes it. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { create } from 'tar';
import { FILES } from '../names.ts';
import { writeBackup } from '../store/upkeep/backup.ts';

/**
 * Takes a backup and hands its tar stream to `use`; what it needs of the disk meanwhile is gone afterwards.
 * @param deps of the data directory, with its scratch folder
 */
export async function withBackup<T>(deps: Parameters<typeof writeBackup>[0], use: (stream: Readable) => Promise<T>): Promise<T> {
  const folder = join(deps.dataDir, FILES.scratch, `backup-${randomUUID()}`);
  try {
    await writeBackup(deps, folder);
    return await use(create({ cwd: folder, portable: true }, ['.']) as unknown as Readable);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
