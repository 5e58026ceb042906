/**
 * Backups of a whole data directory, taken while it is in use: tables, files of SQLite, keys and state as they were at one moment between two
 * loads; and the way back.
 */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, openSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, open as openFile, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { extract } from 'tar';
import { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { FILES } from '../../names.ts';
import { assertEmptyOrMissing } from '../../system/data-directory.ts';
import { lockDirectory } from '../../system/lock.ts';
import { addColumns, STORED_TABLES } from '../engine/ddl.ts';
import { openEmbedded } from '../engine/embedded.ts';
import { type Engine, quoted } from '../engine/engine.ts';
import { appliedMigrations, migrate, migrationNames } from '../engine/migrate.ts';
import { FACT_COLUMNS, FACT_TABLES } from '../rows/attempt-row.ts';
import type { SegmentSource } from '../rows/log-format.ts';
import { assertOwnIndex } from './backup-index.ts';

/** What a backup is made of changes with this number. */
const FORMAT = 1;
const TABLES_FOLDER = 'tables';
const MANIFEST = 'backup.json';
/** Copied as they are, if they are there. Those before the tables may be older than these, never newer. */
const BEFORE = [FILES.alive];
const AFTER = [
  FILES.auditHead,
  FILES.loaderState,
  FILES.keyRing,
  FILES.identityKey,
  FILES.auditKey,
  FILES.vaultKeys,
  FILES.vaultKey,
  FILES.clickhouseKey,
  FILES.keys,
  FILES.told,
  FILES.demo,
];

/** All that is in a backup. */
const KNOWN: ReadonlySet<string> = new Set([
  '.',
  MANIFEST,
  TABLES_FOLDER,
  FILES.core,
  FILES.references,
  FILES.quarantine,
  ...BEFORE,
  ...AFTER,
]);

const manifestSchema = z.object({
  format: z.number(),
  version: z.string(),
  createdAt: z.string(),
  /** That the tables were made by. */
  migrations: z.array(z.string()),
  /** Of each table that had any. */
  rows: z.record(z.string(), z.number()),
  /** Of the archive, the manifest aside: one that was cut short has fewer. */
  content: z.object({
    files: z.number(),
    bytes: z.number(),
    /** Over names and bytes of all files, in hex; archives of before have none. */
    sha256: z.string().optional(),
  }),
});
export type BackupManifest = z.infer<typeof manifestSchema>;

/** The tables, and what keeps them still while they are copied. */
interface Stored {
  engine: Engine;
  loader: { whileIdle<T>(log: SegmentSource, work: () => Promise<T>): Promise<T> };
}

/** Makes the files of a backup in `folder`, inside the scratch folder of the engine. Events go on being acknowledged meanwhile. */
export async function writeBackup(
  deps: { store: Stored; log: SegmentSource; dataDir: string; version: string; now: () => number },
  folder: string,
): Promise<BackupManifest> {
  const { store, dataDir } = deps;
  if (!store.engine.isEmbedded)
    throw new MusterError(
      'MUSTER_CONFLICT',
      `the tables are in a ClickHouse server: stop Muster, back up the database ${store.engine.database} there, and copy ${dataDir}`,
    );
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of BEFORE) await copyIfThere(join(dataDir, name), join(folder, name));
  // Before the tables: what the core hands over in between is in both, and counts once.
  copyDatabase(join(dataDir, FILES.core), join(folder, FILES.core));
  const rows = await store.loader.whileIdle(deps.log, async () => {
    // The heads of the audit log right before it: they may be behind by an entry, and not ahead.
    await copyIfThere(join(dataDir, FILES.auditHead), join(folder, FILES.auditHead));
    copyDatabase(join(dataDir, FILES.references), join(folder, FILES.references));
    await copyIfThere(join(dataDir, FILES.loaderState), join(folder, FILES.loaderState));
    await store.engine
      .session('tidy')
      .run(`BACKUP DATABASE ${store.engine.database} TO File(${quoted(resolve(join(folder, TABLES_FOLDER)))})`);
    return countRows(store.engine);
  });
  const migrations = await appliedMigrations(store.engine.session('tidy'));
  for (const name of AFTER) if (!existsSync(join(folder, name))) await copyIfThere(join(dataDir, name), join(folder, name));
  if (existsSync(join(dataDir, FILES.quarantine)))
    await cp(join(dataDir, FILES.quarantine), join(folder, FILES.quarantine), { recursive: true });
  const manifest = {
    format: FORMAT,
    version: deps.version,
    createdAt: new Date(deps.now()).toISOString(),
    migrations,
    rows,
    content: await contentOf(folder),
  };
  await writeFile(join(folder, MANIFEST), JSON.stringify(manifest, null, 2), { mode: 0o600 });
  return manifest;
}

/**
 * Makes a data directory out of a backup. It appears whole, or not at all.
 * @throws MUSTER_CONFLICT when there is anything in it already, MUSTER_BAD_ARGUMENT when the file is no backup or not all of one
 */
export async function restoreBackup(file: string, dataDir: string): Promise<BackupManifest> {
  await assertEmptyOrMissing(dataDir);
  await assertPlainTar(file);
  // A link stays one.
  const place = existsSync(dataDir) ? await realpath(dataDir) : resolve(dataDir);
  await mkdir(dirname(place), { recursive: true });
  // A directory of its own, under a name that nobody has: what fails takes nothing else along.
  const target = await mkdtemp(`${place}.restoring-`);
  const unlock = lockDirectory(target);
  try {
    const unpacked = join(target, 'backup');
    await mkdir(unpacked, { mode: 0o700 });
    await unpack(file, unpacked);
    const manifest = await readManifest(file, unpacked);
    await assertOwnIndex(join(unpacked, TABLES_FOLDER, '.backup')).catch((cause: Error) => {
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: ${cause.message}`, { cause });
    });
    await restoreTables(target, unpacked, manifest).catch((cause: unknown) => {
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: its tables cannot be restored: it is damaged, or was changed`, { cause });
    });
    for (const name of [...BEFORE, ...AFTER, FILES.core, FILES.references, FILES.quarantine]) {
      if (existsSync(join(unpacked, name))) await rename(join(unpacked, name), join(target, name));
    }
    await rm(unpacked, { recursive: true });
    unlock();
    await takePlace(target, place);
    return manifest;
  } catch (error) {
    unlock();
    // Unpacking that failed still writes what it has begun.
    await rm(target, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    throw error;
  }
}

/** Puts a directory in the place of an empty one, and of nothing else; into one that cannot be replaced, since a disk is mounted there. */
async function takePlace(made: string, dataDir: string): Promise<void> {
  try {
    await rename(made, dataDir);
  } catch (error) {
    if (!['EBUSY', 'ENOTEMPTY', 'EXDEV'].includes(systemCode(error) ?? '')) throw error;
    await assertEmptyOrMissing(dataDir);
    // The tables come last and at once: without them Muster does not start on what else is there.
    const coming = join(dataDir, `${FILES.engine}.restoring`);
    await cp(join(made, FILES.engine), coming, { recursive: true });
    for (const name of await readdir(made)) if (name !== FILES.engine) await cp(join(made, name), join(dataDir, name), { recursive: true });
    await rename(coming, join(dataDir, FILES.engine));
    await rm(made, { recursive: true });
  }
}

const MAGIC_OFFSET = 257;

/**
 * A backup is as large as what comes out of it. A compressed one could be a thousand times smaller, which is found out too late.
 * @throws MUSTER_BAD_ARGUMENT
 */
const ZSTD_MAGIC = 0xfd2fb528;

async function assertPlainTar(file: string): Promise<void> {
  const handle = await openFile(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC_OFFSET + 5), 0, MAGIC_OFFSET + 5, 0);
    if (buffer[0] === 0x1f && buffer[1] === 0x8b)
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is compressed; unpack it first, such as with gunzip`);
    if (buffer.readUInt32LE(0) === ZSTD_MAGIC)
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is compressed; unpack it first, such as with unzstd`);
    if (bytesRead < MAGIC_OFFSET + 5 || buffer.toString('latin1', MAGIC_OFFSET) !== 'ustar')
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is no backup of Muster`);
  } finally {
    await handle.close();
  }
}

/** Takes files and folders out of an archive, and nothing else that an archive can hold. @throws MUSTER_BAD_ARGUMENT */
async function unpack(file: string, folder: string): Promise<void> {
  let foreign: string | undefined;
  const filter = (path: string, entry: object) => {
    const isOurs =
      'type' in entry &&
      (entry.type === 'File' || entry.type === 'Directory') &&
      KNOWN.has(path.split('/').find((part) => part !== '.' && part !== '') ?? '.');
    if (!isOurs) foreign ??= path;
    return isOurs;
  };
  // As it is: what looks like a packed archive is none of ours.
  await extract({ file, cwd: folder, strict: true, preservePaths: false, filter, brotli: false, zstd: false }).catch((cause: unknown) => {
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is no backup of Muster, or is damaged`, { cause });
  });
  if (foreign !== undefined)
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is no backup of Muster: it holds ${JSON.stringify(foreign.slice(0, 60))}`);
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

async function readManifest(file: string, folder: string): Promise<BackupManifest> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const manifest = text === undefined ? undefined : manifestSchema.safeParse(jsonOf(text));
  if (!manifest?.success) throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is no backup of Muster, or its end is missing`);
  const known = await migrationNames();
  if (manifest.data.format > FORMAT || manifest.data.migrations.some((name) => !known.includes(name)))
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `${file}: was made by a newer Muster (${manifest.data.version}); restore it with that one`,
    );
  const { files, bytes, sha256 } = await contentOf(folder);
  if (files !== manifest.data.content.files || bytes !== manifest.data.content.bytes)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `${file}: is cut short, or was changed; ${files} of ${manifest.data.content.files} files are in it`,
    );
  if (manifest.data.content.sha256 !== undefined && sha256 !== manifest.data.content.sha256)
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${file}: is damaged, or was changed: a file in it is not what was backed up`);
  return manifest.data;
}

async function contentOf(folder: string): Promise<{ files: number; bytes: number; sha256: string }> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((path) => path !== MANIFEST)
    .sort();
  const whole = createHash('sha256');
  let bytes = 0;
  for (const path of paths) {
    const { size } = await stat(join(folder, path));
    bytes += size;
    whole.update(`${path}\0${size}\0`);
    for await (const piece of createReadStream(join(folder, path))) whole.update(piece as Buffer);
  }
  return { files: paths.length, bytes, sha256: whole.digest('hex') };
}

/** Those that hold what came in; which migrations were applied, the tables themselves say. */
const RESTORED_TABLES = Object.keys(STORED_TABLES).filter((name) => name !== 'migrations' && name !== 'owner');

/**
 * Of an archive come rows, and nothing else: what it says of tables and views is SQL of whoever made it, which would run with every right that
 * Muster has. So the tables are made here, as those of the archive were.
 */
async function makeTables(engine: Engine, migrations: readonly string[]): Promise<void> {
  await migrate(engine.session('load'), migrations);
  for (const table of FACT_TABLES) await addColumns(engine.session('load'), table, FACT_COLUMNS);
}

async function restoreTables(target: string, unpacked: string, manifest: BackupManifest): Promise<void> {
  const scratch = join(target, FILES.scratch);
  const engine = await openEmbedded({ path: join(target, FILES.engine), scratch });
  try {
    // The engine reads backups from its scratch folder only.
    const tables = join(scratch, TABLES_FOLDER);
    await rename(join(unpacked, TABLES_FOLDER), tables);
    await makeTables(engine, manifest.migrations);
    const session = engine.session('tidy');
    const names = RESTORED_TABLES.filter((name) => existsSync(join(tables, 'metadata', engine.database, `${name}.sql`)));
    await session.run(
      `RESTORE ${names.map((name) => `TABLE ${engine.database}.${name}`).join(', ')} FROM File(${quoted(resolve(tables))})
       SETTINGS create_database = 'must-exist', create_table = 'must-exist', allow_different_table_def = 1`,
    );
    await rm(tables, { recursive: true });
    const rows = await countRows(engine);
    // The engine has checked every file by its sum; merges may make rows fewer at any time, never none.
    for (const table of Object.keys(manifest.rows)) {
      if (!rows[table]) throw new Error(`the table ${table} is empty after restoring, and should not be`);
    }
  } finally {
    await engine.close();
  }
}

/** Rows of each table of ours, counted without regard to their versions. */
async function countRows(engine: Engine): Promise<Record<string, number>> {
  const rows = await engine
    .session('tidy')
    .rows<{ table: string; n: number }>(
      'SELECT table, toUInt32(sum(rows)) AS n FROM system.parts WHERE database = currentDatabase() AND active GROUP BY table',
    );
  return Object.fromEntries(rows.map(({ table, n }) => [table, n]));
}

async function copyIfThere(from: string, to: string): Promise<void> {
  if (existsSync(from)) await copyFile(from, to);
}

/** A file of SQLite as it is at this moment, whoever uses it. */
function copyDatabase(from: string, to: string): void {
  if (!existsSync(from)) return;
  closeSync(openSync(to, 'wx', 0o600));
  const database = new DatabaseSync(from, { readOnly: true });
  try {
    database.prepare('VACUUM INTO ?').run(to);
  } finally {
    database.close();
  }
}
