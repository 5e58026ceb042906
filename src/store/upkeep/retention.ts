/**
 * Retention: whole months of a table go once all of them is older than it is kept. Minutes of which events go are closed first: from then on
 * their figures stay as they are, whatever comes late.
 */

import { mkdir, readdir, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { syncDirectory } from '../../system/durable-files.ts';
import { DAY_MS } from '../../system/time.ts';
import { dropMonth, type StoredTable } from '../engine/ddl.ts';
import type { Engine } from '../engine/engine.ts';

/** What can be dropped by the month, and the table in which it is. Attempts, minutes, findings and the audit log are kept. */
const TABLES = {
  events: 'events',
  spans: 'spans_log',
  alert_inputs: 'alert_inputs_log',
  alert_states: 'alert_states_log',
} as const;
export type Kept = keyof typeof TABLES;
export const KEPT = Object.keys(TABLES) as Kept[];

/** Days for which each is kept; what is not named is kept for good. */
export type Retention = Readonly<Partial<Record<Kept, number>>>;

export interface RetentionDeps {
  engine: Engine;
  retention: Retention;
  /** Folder to which months of events go as Parquet before they are dropped. */
  archiveDir?: string | undefined;
  now: () => number;
  onNotice: (message: string) => void;
}

/** Milliseconds since 1970 of the first month, in UTC, that is kept: the one in which `nowMs` minus the days lies. */
export function keptFromMs(nowMs: number, days: number): number {
  const day = new Date(nowMs - days * DAY_MS);
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1);
}

/** The minute, since 1970, before which minutes are to be closed; 0 when events are kept for good. */
export const closedMinute = ({ retention, now }: RetentionDeps): number =>
  retention.events === undefined ? 0 : keptFromMs(now(), retention.events) / 60_000;

/** Drops the months that are no longer kept. Those of events must be closed already. Twice changes nothing. */
export async function dropOldMonths(deps: RetentionDeps): Promise<void> {
  for (const kept of KEPT) {
    const days = deps.retention[kept];
    if (days === undefined) continue;
    const isArchived = kept === 'events' && deps.archiveDir !== undefined;
    const first = isArchived ? (month: string) => archive(deps, deps.archiveDir as string, month) : undefined;
    for (const month of await dropMonthsBefore(deps.engine, TABLES[kept], keptFromMs(deps.now(), days), first))
      deps.onNotice(`${kept} of ${month.slice(0, 4)}-${month.slice(4)} were dropped: they are kept for ${days} days`);
  }
}

/**
 * Drops the months of a table that end at or before a moment. Returns them, as `YYYYMM`.
 * @param first what is done with each before it goes. @default nothing
 */
export async function dropMonthsBefore(
  engine: Engine,
  table: StoredTable,
  beforeMs: number,
  first?: (month: string) => Promise<void>,
): Promise<string[]> {
  const months = await monthsBefore(engine, table, beforeMs);
  for (const month of months) {
    await first?.(month);
    await dropMonth(engine.session('tidy'), table, month);
  }
  return months;
}

/** Months with rows, as `YYYYMM`, that end at or before a moment. */
async function monthsBefore(engine: Engine, table: string, beforeMs: number): Promise<string[]> {
  const before = new Date(beforeMs).toISOString().slice(0, 7).replace('-', '');
  const rows = await engine.session('tidy').rows<{ partition: string }>(
    `SELECT DISTINCT partition FROM system.parts
       WHERE database = currentDatabase() AND table = {table:String} AND active AND partition < {before:String} ORDER BY partition`,
    { table, before },
  );
  return rows.map(({ partition }) => partition).filter((partition) => /^\d{6}$/.test(partition));
}

/** What comes late for a month that is archived already goes into a file of its own. */
async function freePath(directory: string, month: string): Promise<string> {
  const names = new Set(await readdir(directory));
  for (let n = 1; ; n++) {
    const name = `events-${month}${n === 1 ? '' : `-${n}`}.parquet`;
    if (!names.has(name)) return resolve(join(directory, name));
  }
}

/** Writes a month of events, one row each, into a file of its own that is whole and on the disk when this resolves. */
async function archive({ engine }: RetentionDeps, directory: string, month: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = await freePath(directory, month);
  const part = `${path}.part`;
  await engine.exportTo(part, `SELECT * FROM events_v WHERE toYYYYMM(time) = ${month} SETTINGS max_threads = 1`);
  await rename(part, path);
  await syncDirectory(directory);
}
