/** The store: engine, schema, loader, and the queries that others ask of it. */

import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MusterError } from '../errors.ts';
import { FILES, TABLES } from '../names.ts';
import { ownDirectory } from '../system/data-directory.ts';
import { writeDurably } from '../system/durable-files.ts';
import { lockDirectory } from '../system/lock.ts';
import { addColumns, createTable } from './engine/ddl.ts';
import { openEmbedded } from './engine/embedded.ts';
import type { Engine, Session } from './engine/engine.ts';
import { migrate } from './engine/migrate.ts';
import { openServer, type ServerOptions } from './engine/server.ts';
import { CATALOGUE_VIEW_SQL, CATALOGUE_VIEWS } from './guard/catalogue.ts';
import { createGuard, type Guard, type GuardOptions } from './guard/guard.ts';
import { type Loader, openLoader } from './load/loader.ts';
import { openReferenceTable, type ReferenceTable } from './records/reference-table.ts';
import { recordsOfAttempt } from './roll/joining.ts';
import type { RecordToJoin } from './roll/pending-roll.ts';
import { FACT_COLUMNS, FACT_TABLES } from './rows/attempt-row.ts';
import type { CompletionWindows } from './rows/attempt-state.ts';
import type { EventRow } from './rows/event-row.ts';
import type { StoredSli } from './rows/sli-counter.ts';
import type { Retention } from './upkeep/retention.ts';

/** Contract, "Attempts": 10 minutes. */
const COMPLETION_WINDOWS: CompletionWindows = { otherwise: 600_000, byFactor: {} };

export interface Store {
  readonly engine: Engine;
  readonly loader: Loader;
  /** For figures: one query at a time. */
  readonly read: Session;
  /** For panels of the web page: slow ones do not delay figures. */
  readonly panels: Session;
  readonly references: ReferenceTable;
  /** The `attempt_id` of each record that an attempt was joined of. */
  recordsOfAttempt(near: RecordToJoin, attemptId: string): Promise<string[]>;
  /** For SQL that Muster did not write. */
  readonly guard: Guard;
  close(): Promise<void>;
}

export interface StoreOptions {
  dataDir: string;
  /** Where the tables are; in the data directory without it. */
  server?: ServerOptions | undefined;
  slis: readonly StoredSli[];
  /** What SQL from outside may take, and who is told when it does not end. */
  guard?: GuardOptions;
  /** How long attempts may take; what is kept is computed anew when it changes. @default 10 minutes for every factor */
  windows?: CompletionWindows;
  retention?: Retention;
  archiveDir?: string | undefined;
  now: () => number;
  onProblem: (message: string) => void;
  onLoaded?: (newest: readonly EventRow[], count: number) => void;
}

/**
 * Opens the store of a data directory, creating what is missing.
 * @throws MUSTER_CONFLICT when the directory holds what is not Muster's, MUSTER_DATA_IN_USE when another process, or with a server another data directory, holds it, MUSTER_STORE_UNREACHABLE
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await ownDirectory(options.dataDir);
  const unlock = lockDirectory(options.dataDir);
  let engine: Engine | undefined;
  let references: ReferenceTable | undefined;
  try {
    engine = await open(options);
    await claim(engine, options.dataDir);
    await migrate(engine.session('load'));
    for (const table of FACT_TABLES) await addColumns(engine.session('load'), table, FACT_COLUMNS);
    for (const statement of CATALOGUE_VIEW_SQL) await engine.session('load').run(statement);
    await engine.offer();
    references = openReferenceTable(join(options.dataDir, FILES.references));
    await references.once('rows of the version before', () => fillReferences(engine as Engine, references as ReferenceTable));
    const windows = options.windows ?? COMPLETION_WINDOWS;
    const loader = await openLoader({
      engine,
      references,
      statePath: join(options.dataDir, FILES.loaderState),
      quarantineDir: join(options.dataDir, FILES.quarantine),
      slis: options.slis,
      ...(options.retention && { retention: options.retention }),
      archiveDir: options.archiveDir,
      windows,
      now: options.now,
      onProblem: options.onProblem,
      ...(options.onLoaded && { onLoaded: options.onLoaded }),
    });
    const [opened, table] = [engine, references];
    const guard = createGuard(opened, options.guard);
    return {
      engine: opened,
      references: table,
      loader,
      read: opened.session('read'),
      panels: opened.session('panels'),
      recordsOfAttempt: (near, attemptId) => recordsOfAttempt(opened, near, attemptId, windows),
      guard,
      async close() {
        await loader.stop();
        table.close();
        if (await guard.end()) await opened.close();
        unlock();
      },
    };
  } catch (error) {
    references?.close();
    await engine?.close().catch(() => {});
    unlock();
    throw error;
  }
}

/** @throws MUSTER_CONFLICT when the tables of this data directory are elsewhere */
async function open({ dataDir, server }: StoreOptions): Promise<Engine> {
  const isAtServer = existsSync(join(dataDir, FILES.server));
  if (server === undefined) {
    if (isAtServer)
      throw new MusterError('MUSTER_CONFLICT', `the tables of ${dataDir} are in a ClickHouse server: say which with MUSTER_CLICKHOUSE_URL`);
    return openEmbedded({
      path: join(dataDir, FILES.engine),
      scratch: join(dataDir, FILES.scratch),
      readable: [...TABLES, ...CATALOGUE_VIEWS],
    });
  }
  if (existsSync(join(dataDir, FILES.engine)))
    throw new MusterError(
      'MUSTER_CONFLICT',
      `${dataDir} holds the tables of an embedded engine: name another directory with --data for MUSTER_CLICKHOUSE_URL`,
    );
  return openServer(server);
}

const ownerSchema = z.object({ id: z.string(), database: z.string() });

/**
 * Two data directories with one database would overwrite each other's figures: a database belongs to the first that opens it, and a data
 * directory stays with the database that its state is of.
 * @throws MUSTER_DATA_IN_USE, MUSTER_CONFLICT
 */
async function claim(engine: Engine, dataDir: string): Promise<void> {
  if (engine.isEmbedded) return;
  const path = join(dataDir, FILES.server);
  const session = engine.session('load');
  // Before anything of the database is changed, which may be that of another version.
  await createTable(session, 'owner', 'id String, at DateTime64(3) DEFAULT now64(3)', 'ORDER BY at');
  const ownerNow = async () => (await session.rows<{ id: string }>('SELECT id FROM owner ORDER BY at, id LIMIT 1'))[0]?.id;
  const known = existsSync(path) ? ownerSchema.parse(JSON.parse(await readFile(path, 'utf8'))) : undefined;
  let owner = await ownerNow();
  if (known && (known.database !== engine.database || (owner === undefined && existsSync(join(dataDir, FILES.loaderState)))))
    throw new MusterError(
      'MUSTER_CONFLICT',
      `the tables of ${dataDir} are in the database ${known.database}, and this one (${engine.database}) is not it: look at MUSTER_CLICKHOUSE_URL`,
    );
  const { id } = known ?? { id: randomUUID() };
  // Written down first: whatever becomes of the rest, it is this directory that asked.
  if (!known) await writeDurably(path, JSON.stringify({ id, database: engine.database }));
  if (owner === undefined) {
    await engine.insert(
      'load',
      { data: id, format: 'TSV', structure: 'id String' },
      (rows) => `INSERT INTO owner (id) SELECT id FROM ${rows}`,
    );
    owner = await ownerNow();
  }
  if (owner !== id)
    throw new MusterError(
      'MUSTER_DATA_IN_USE',
      `the database ${engine.database} belongs to another data directory than ${dataDir}: name another database in MUSTER_CLICKHOUSE_URL`,
    );
}

/** References of events that a version without the table has stored: made under its one key, of whom it does not say. */
async function fillReferences(engine: Engine, references: ReferenceTable): Promise<void> {
  const columns = { user_ref: 'person', actor_ref: 'person', device_ref: 'device', destination_ref: 'destination', session_ref: 'session' };
  for (const [column, kind] of Object.entries(columns)) {
    const rows = await engine.session('load').rows<{ ref: string }>(`SELECT DISTINCT ${column} AS ref FROM events WHERE ${column} != ''`);
    await references.save(rows.map(({ ref }) => ({ ref, kind, key: 1, sealed: '', alias: '' })));
  }
}
