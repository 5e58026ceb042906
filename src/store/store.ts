/** The store: engine, schema, loader, and the queries that others ask of it. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../errors.ts';
import { FILES } from '../names.ts';
import { writeDurably } from './durable-files.ts';
import { openEmbedded } from './embedded.ts';
import type { Engine, Session } from './engine.ts';
import type { EventRow } from './event-row.ts';
import { createGuard, type Guard } from './guard.ts';
import { type Loader, openLoader } from './loader.ts';
import { lockDirectory } from './lock.ts';
import { migrate } from './migrate.ts';
import { openReferenceTable, type ReferenceTable } from './reference-table.ts';
import type { Retention } from './retention.ts';
import { openServer, type ServerOptions } from './server.ts';
import type { StoredSli } from './sli-counter.ts';

/** Completion window of an attempt (contract, "Attempts"): 10 minutes. */
const COMPLETION_WINDOW_MS = 600_000;

export interface Store {
  readonly engine: Engine;
  readonly loader: Loader;
  /** For figures: one query at a time. */
  readonly read: Session;
  /** For panels of the web page: slow ones do not delay figures. */
  readonly panels: Session;
  readonly references: ReferenceTable;
  /** For SQL that Muster did not write. */
  readonly guard: Guard;
  close(): Promise<void>;
}

export interface StoreOptions {
  dataDir: string;
  /** Where the tables are; in the data directory without it. */
  server?: ServerOptions | undefined;
  slis: readonly StoredSli[];
  retention?: Retention;
  archiveDir?: string | undefined;
  now: () => number;
  onProblem: (message: string) => void;
  onLoaded?: (newest: readonly EventRow[], count: number) => void;
}

/**
 * Opens the store of a data directory, creating what is missing.
 * @throws MUSTER_DATA_IN_USE when another process, or with a server another data directory, holds it, MUSTER_STORE_UNREACHABLE
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(options.dataDir);
  let engine: Engine | undefined;
  let references: ReferenceTable | undefined;
  try {
    engine = await open(options);
    await migrate(engine.session('load'));
    await claim(engine, options.dataDir);
    references = openReferenceTable(join(options.dataDir, FILES.references));
    await references.once('rows of the version before', () => fillReferences(engine as Engine, references as ReferenceTable));
    const loader = await openLoader({
      engine,
      references,
      statePath: join(options.dataDir, FILES.loaderState),
      quarantineDir: join(options.dataDir, FILES.quarantine),
      slis: options.slis,
      ...(options.retention && { retention: options.retention }),
      archiveDir: options.archiveDir,
      windowMs: COMPLETION_WINDOW_MS,
      now: options.now,
      onProblem: options.onProblem,
      ...(options.onLoaded && { onLoaded: options.onLoaded }),
    });
    const [opened, table] = [engine, references];
    return {
      engine: opened,
      references: table,
      loader,
      read: opened.session('read'),
      panels: opened.session('panels'),
      guard: createGuard(opened),
      async close() {
        await loader.stop();
        table.close();
        await opened.close();
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
    return openEmbedded({ path: join(dataDir, FILES.engine), scratch: join(dataDir, FILES.scratch) });
  }
  if (existsSync(join(dataDir, FILES.engine)))
    throw new MusterError(
      'MUSTER_CONFLICT',
      `${dataDir} holds the tables of an embedded engine: name another directory with --data for MUSTER_CLICKHOUSE_URL`,
    );
  return openServer(server);
}

/**
 * Two data directories with one database would overwrite each other's figures: a database belongs to the first that opens it.
 * @throws MUSTER_DATA_IN_USE
 */
async function claim(engine: Engine, dataDir: string): Promise<void> {
  if (engine.isEmbedded) return;
  const path = join(dataDir, FILES.server);
  const own = existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as { id: string }).id : randomUUID();
  const session = engine.session('load');
  const owner = async () => (await session.rows<{ id: string }>('SELECT id FROM owner ORDER BY at, id LIMIT 1'))[0]?.id;
  if ((await owner()) === undefined)
    await engine.insert(
      'load',
      { data: own, format: 'TSV', structure: 'id String' },
      (rows) => `INSERT INTO owner (id) SELECT id FROM ${rows}`,
    );
  if ((await owner()) !== own)
    throw new MusterError(
      'MUSTER_DATA_IN_USE',
      `the database ${engine.database} belongs to another data directory than ${dataDir}: name another database in MUSTER_CLICKHOUSE_URL`,
    );
  await writeDurably(path, JSON.stringify({ id: own, database: engine.database }));
}

/** References of events that a version without the table has stored: made under its one key, of whom it does not say. */
async function fillReferences(engine: Engine, references: ReferenceTable): Promise<void> {
  const columns = { user_ref: 'person', actor_ref: 'person', device_ref: 'device', destination_ref: 'destination', session_ref: 'session' };
  for (const [column, kind] of Object.entries(columns)) {
    const rows = await engine.session('load').rows<{ ref: string }>(`SELECT DISTINCT ${column} AS ref FROM events WHERE ${column} != ''`);
    await references.save(rows.map(({ ref }) => ({ ref, kind, key: 1, sealed: '', alias: '' })));
  }
}
