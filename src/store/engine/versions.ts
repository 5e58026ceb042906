/** Versions of rows that are replaced whole: each is greater than all before, whatever the clock says. */
import type { StoredTable } from './ddl.ts';
import type { Engine } from './engine.ts';

const last = new WeakMap<Engine, Map<StoredTable, Promise<number>>>();

/**
 * The version of what is written next: the moment, or one more than the greatest that there is. A database has one writer, so the greatest is
 * read once.
 */
export function nextVersion(engine: Engine, table: StoredTable, nowMs: number): Promise<number> {
  const tables = last.get(engine) ?? new Map<StoredTable, Promise<number>>();
  last.set(engine, tables);
  const next = (tables.get(table) ?? greatest(engine, table)).then((before) => Math.max(nowMs, before + 1));
  tables.set(table, next);
  next.catch(() => tables.delete(table));
  return next;
}

async function greatest(engine: Engine, table: StoredTable): Promise<number> {
  const [row] = await engine.session('read').rows<{ version: string }>(`SELECT toString(max(version)) AS version FROM ${table}`);
  return Number(row?.version ?? 0);
}
