/** How much of the disk is taken, and when it is full if things go on as in the last day. */

import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES } from '../../names.ts';
import { DAY_MS } from '../../system/time.ts';
import type { Session } from '../engine/engine.ts';

/** Of the disk that holds the data directory. */
export interface DiskUse {
  freeBytes: number;
  totalBytes: number;
  logBytes: number;
}

/** Of the tables, wherever they are. */
export interface TableUse {
  tableBytes: number;
  /** What they have grown by in the last day, at their mean size of an event. */
  grownBytesPerDay: number;
}

/** Reads sizes from the file system. */
export async function diskUse(dataDir: string): Promise<DiskUse> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, logBytes: await folderBytes(join(dataDir, FILES.log)) };
}

/** Asks the engine for sizes. */
export async function tableUse(session: Session, nowMs: number): Promise<TableUse> {
  const [row] = await session.rows<{ bytes: number; events: number; fresh: number }>(
    `SELECT toFloat64((SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND active)) AS bytes,
       toFloat64((SELECT count() FROM events)) AS events,
       toFloat64((SELECT count() FROM events WHERE received_at >= fromUnixTimestamp64Milli(toInt64(${nowMs - DAY_MS}), 'UTC'))) AS fresh
     SETTINGS max_threads = 1`,
  );
  const { bytes = 0, events = 0, fresh = 0 } = row ?? {};
  return { tableBytes: bytes, grownBytesPerDay: events === 0 ? 0 : (bytes / events) * fresh };
}

/** Until the disk is full at the pace of the last day, if the tables are on it; Infinity when nothing grows there. */
export const secondsUntilFull = ({ freeBytes }: DiskUse, grownBytesPerDay: number): number =>
  grownBytesPerDay === 0 ? Number.POSITIVE_INFINITY : Math.round((freeBytes / grownBytesPerDay) * (DAY_MS / 1_000));

async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [] as string[]);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
