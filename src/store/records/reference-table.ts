/**
 * References that were given out for people, devices, destinations and sessions, apart from the events: which stand for the same one after a
 * change of keys, and whom they stand for, sealed. Written from the log by the loader; what is still in the log is known here already.
 */
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { openSqlite } from '../../system/sqlite.ts';

export interface ReferenceRow {
  ref: string;
  kind: string;
  /** Number of the key in the ring by which it, or its alias, was made. */
  key: number;
  /** The identifier, encrypted, in base64; '' where none is kept. */
  sealed: string;
  /** What the identifier gives under a later key than that of `ref`; '' for the row of the reference itself. */
  alias: string;
}

/** A row as one line of the log. */
export const referenceLine = ({ ref, kind, key, sealed, alias }: ReferenceRow): string =>
  `${JSON.stringify([ref, kind, key, sealed, alias])}\n`;

/** The rows of a record of the log. */
export function referenceRows(payload: Buffer): ReferenceRow[] {
  return payload
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [ref, kind, key, sealed, alias] = JSON.parse(line) as [string, string, number, string, string];
      return { ref, kind, key, sealed, alias };
    });
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS refs (
    ref TEXT PRIMARY KEY, kind TEXT NOT NULL, key INTEGER NOT NULL, sealed BLOB
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS aliases (alias TEXT PRIMARY KEY, ref TEXT NOT NULL, key INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS aliases_of_ref ON aliases (ref);
  CREATE TABLE IF NOT EXISTS forgotten (mark TEXT PRIMARY KEY, at INTEGER NOT NULL, fresh TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
`;
const INSERT_REFERENCE = `
  INSERT INTO refs (ref, kind, key, sealed) VALUES (?, ?, ?, ?)
  ON CONFLICT (ref) DO UPDATE SET sealed = excluded.sealed WHERE refs.sealed IS NULL`;
/** People to whom a key does not lead yet; who came back after being forgotten is known by the mark, under every key. */
const BEHIND = `
  SELECT count(*) AS n FROM refs WHERE kind = 'person' AND key != ?
    AND ref NOT IN (SELECT ref FROM aliases WHERE key = ?) AND ref NOT IN (SELECT fresh FROM forgotten)`;
const REMEMBER_FORGOTTEN = `
  INSERT INTO forgotten (mark, at, fresh) VALUES (?, ?, ?)
  ON CONFLICT (mark) DO UPDATE SET at = excluded.at, fresh = excluded.fresh`;
/** Rows of one transaction: the loop is held no longer than that takes. */
const ROWS_PER_SAVE = 1_000;

/** All that is left to say of somebody who is taken out. */
export interface Departure {
  /** Every reference and alias that stood for the person. */
  refs: readonly string[];
  /** By which the person is known again, in what is delivered late and on coming back. */
  mark: string;
  atMs: number;
  /** Stands for the person from then on: who comes back is somebody new. */
  fresh: string;
}

export type Forgotten = Pick<Departure, 'atMs' | 'fresh'>;

export interface ReferenceTable {
  /** Makes a row known that is on its way through the log. */
  announce(row: ReferenceRow): void;
  /** Keeps rows, which are durable when it resolves; twice changes nothing. */
  save(rows: readonly ReferenceRow[]): Promise<void>;
  has(ref: string): boolean;
  /** The reference that an alias stands for. */
  aliased(alias: string): string | undefined;
  /** What is kept of a reference. */
  find(ref: string): { kind: string; sealed: Buffer | null } | undefined;
  /** All sealed identifiers of a kind, some at a time. */
  sealed(kind: string): Iterable<{ ref: string; sealed: Buffer }[]>;
  /** How many references there are, and how many people the given key does not lead to yet. */
  counts(key: number): { all: number; behind: number };
  /** Takes a person out, durably; twice changes nothing. */
  forget(person: Departure): void;
  /** Who was forgotten, by mark. */
  forgotten(): Map<string, Forgotten>;
  /** Does `work` once in the life of the table. */
  once(name: string, work: () => Promise<void>): Promise<void>;
  /** A text that is kept here by its name. */
  kept(name: string): string | undefined;
  /** Durable when it resolves. */
  keep(name: string, value: string): Promise<void>;
  close(): void;
}

/** Opens the table of a data directory. */
export function openReferenceTable(path: string): ReferenceTable {
  const database = openSqlite(path, SCHEMA, { durable: 'when synced' });
  const underway = new Map<string, ReferenceRow>();
  const keyOf = ({ ref, alias }: ReferenceRow) => alias || ref;
  let aliases = database.one<{ n: number }>('SELECT count(*) AS n FROM aliases')?.n ?? 0;

  const insert = ({ ref, kind, key, sealed, alias }: ReferenceRow) => {
    if (alias === '') {
      const blob = sealed === '' ? null : Buffer.from(sealed, 'base64');
      database.run(INSERT_REFERENCE, ref, kind, key, blob);
    } else {
      aliases += database.run('INSERT OR IGNORE INTO aliases (alias, ref, key) VALUES (?, ?, ?)', alias, ref, key);
    }
  };
  return {
    announce(row) {
      underway.set(keyOf(row), row);
    },
    async save(rows) {
      for (let from = 0; from < rows.length; from += ROWS_PER_SAVE) {
        const some = rows.slice(from, from + ROWS_PER_SAVE);
        database.transaction(() => {
          for (const row of some) insert(row);
        });
        for (const row of some) underway.delete(keyOf(row));
        await yieldToLoop();
      }
      if (rows.length > 0) await database.sync();
    },
    has: (ref) => underway.get(ref)?.alias === '' || database.one('SELECT 1 FROM refs WHERE ref = ?', ref) !== undefined,
    aliased(alias) {
      const waiting = underway.get(alias);
      if (waiting && waiting.alias !== '') return waiting.ref;
      return aliases === 0 ? undefined : database.one<{ ref: string }>('SELECT ref FROM aliases WHERE alias = ?', alias)?.ref;
    },
    find(ref) {
      const row = database.one<{ kind: string; sealed: Uint8Array | null }>('SELECT kind, sealed FROM refs WHERE ref = ?', ref);
      return row && { kind: row.kind, sealed: row.sealed === null ? null : Buffer.from(row.sealed) };
    },
    counts(key) {
      const all = database.one<{ n: number }>('SELECT count(*) AS n FROM refs')?.n ?? 0;
      const behind = database.one<{ n: number }>(BEHIND, key, key)?.n ?? 0;
      return { all, behind };
    },
    *sealed(kind) {
      for (let after = ''; ; ) {
        const rows = database.all<{ ref: string; sealed: Uint8Array }>(
          'SELECT ref, sealed FROM refs WHERE ref > ? AND kind = ? AND sealed IS NOT NULL ORDER BY ref LIMIT ?',
          after,
          kind,
          ROWS_PER_SAVE,
        );
        if (rows.length === 0) return;
        yield rows.map(({ ref, sealed }) => ({ ref, sealed: Buffer.from(sealed) }));
        after = rows.at(-1)?.ref ?? '';
      }
    },
    forget({ refs, mark, atMs, fresh }) {
      database.transaction(() => {
        for (const ref of refs) {
          database.run('DELETE FROM refs WHERE ref = ?', ref);
          aliases -= database.run('DELETE FROM aliases WHERE ref = ? OR alias = ?', ref, ref);
        }
        database.run(REMEMBER_FORGOTTEN, mark, atMs, fresh);
      });
      for (const ref of refs) underway.delete(ref);
      // What was overwritten in the file still stands in its journal; this syncs both, too.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    },
    forgotten() {
      const rows = database.all<{ mark: string; at: number; fresh: string }>('SELECT mark, at, fresh FROM forgotten');
      return new Map(rows.map(({ mark, at, fresh }) => [mark, { atMs: at, fresh }]));
    },
    async once(name, work) {
      if (database.one('SELECT 1 FROM notes WHERE name = ?', name)) return;
      await work();
      database.run('INSERT INTO notes (name) VALUES (?)', name);
      await database.sync();
    },
    kept: (name) => database.one<{ value: string }>('SELECT value FROM kept WHERE name = ?', name)?.value,
    async keep(name, value) {
      database.run('INSERT INTO kept (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', name, value);
      await database.sync();
    },
    close: () => database.close(),
  };
}
