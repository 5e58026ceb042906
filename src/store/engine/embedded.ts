/** The embedded engine: `chdb` behind the official client. The one file that knows of the experimental connection hook. */

import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { Session as ChdbSession, drainPending } from 'chdb';
import { createChdbConnection } from 'chdb/connection';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { readableByAll } from './ddl.ts';
import { engineConfig, OUTSIDE_ROLE, usersConfig } from './embedded-config.ts';
import {
  answerTooLong,
  type BulkRows,
  databaseName,
  type Engine,
  MAX_ANSWER_BYTES,
  quoted,
  type RawSession,
  ROLES,
  type Role,
  type Session,
} from './engine.ts';

/** Small records are written together: a call of the system for each would take longer than what it writes. */
const WRITE_BYTES = 4 * 1024 * 1024;
/** Rows in bulk, configurations, backups in the making. */
const SCRATCH_NAMES = /^(rows-\d+|engine\.xml|users\.xml|tables|backup-[0-9a-f-]{36})$/;

export interface EmbeddedOptions {
  path: string;
  /** For temporary files; what an earlier process left there goes. */
  scratch: string;
  /** Tables and views that statements from outside may read. @default none */
  readable?: readonly string[];
  /** ClickHouse database; tests give each run one of its own. */
  database?: string;
}

/** Opens the engine of a data directory. One process has one path at a time. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Engine> {
  const database = databaseName(options.database ?? 'muster');
  const { readable = [] } = options;
  await mkdir(options.path, { recursive: true, mode: 0o700 });
  await mkdir(options.scratch, { recursive: true, mode: 0o700 });
  // A crash may have left files behind; what is not ours stays.
  for (const name of await readdir(options.scratch))
    if (SCRATCH_NAMES.test(name)) await rm(join(options.scratch, name), { recursive: true, force: true });
  const path = resolve(options.path);
  const [configFile, usersFile] = ['engine.xml', 'users.xml'].map((name) => resolve(join(options.scratch, name))) as [string, string];
  await writeFile(usersFile, usersConfig(database, readable), { mode: 0o600 });
  await writeFile(configFile, engineConfig(usersFile, resolve(options.scratch)), { mode: 0o600 });
  // The first connection gives the engine its configuration, and keeps it open while others come and go.
  const keeper = new ChdbSession(path, { connectionArgs: [`--config-file=${configFile}`] });
  const clients: ClickHouseClient[] = [];
  const sessions = new Map<Role, Session>();
  const close = async () => {
    keeper.close();
    await Promise.all(clients.map((client) => client.close()));
    // So that another path may be opened.
    await drainPending();
  };
  try {
    for (const role of ROLES) {
      // Every client is a queue of its own; several may share one path.
      const client = createClient({ connection: createChdbConnection({ path }) } as never);
      clients.push(client);
      sessions.set(role, sessionOn(client));
      if (role === ROLES[0]) await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database} ENGINE = Atomic` });
      await client.command({ query: `USE ${database}` });
    }
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }

  let scratchNumber = 0;
  const withRows = async <T>({ data, format, structure }: BulkRows, use: (source: string) => Promise<T>): Promise<T> => {
    scratchNumber += 1;
    const file = resolve(join(options.scratch, `rows-${scratchNumber}`));
    try {
      await writeFile(file, Array.isArray(data) ? inPieces(data as Buffer[]) : (data as string | Buffer), { mode: 0o600 });
      return await use(`file(${quoted(file)}, ${quoted(format)}, ${quoted(structure)})`);
    } finally {
      await rm(file, { force: true });
    }
  };
  const session = (role: Role): Session => {
    const found = sessions.get(role);
    if (!found) throw new Error(`no such role: ${role}`);
    return found;
  };
  return {
    database,
    isEmbedded: true,
    session,
    insert: (role, rows, statement) => withRows(rows, (source) => session(role).run(statement(source))),
    withRows: (_role, rows, use) => withRows(rows, use),
    async exportTo(file, select) {
      await rm(file, { force: true });
      await session('tidy').run(`INSERT INTO FUNCTION file(${quoted(resolve(file))}, 'Parquet') ${select}`);
      const written = await open(file, 'r');
      await written.sync().finally(() => written.close());
    },
    async untrusted(settings) {
      const raw = rawSession(path);
      await raw.run(`USE ${database}`, 'TSVRaw');
      const bounds = Object.entries(settings).map(([name, value]) => `${name} = ${typeof value === 'number' ? value : quoted(value)}`);
      await raw.run(`SET ${bounds.join(', ')}`, 'TSVRaw');
      await raw.run(`SET ROLE ${OUTSIDE_ROLE}`, 'TSVRaw');
      // Nothing can be set after this.
      await raw.run('SET readonly = 1', 'TSVRaw');
      return raw;
    },
    async offer() {
      const views = await session('load').rows<{ name: string; definition: string }>(
        "SELECT name, create_table_query AS definition FROM system.tables WHERE database = currentDatabase() AND engine = 'View'",
      );
      // Else whoever reads a view would need to be allowed what it reads from.
      for (const { name, definition } of views)
        if (readable.includes(name) && !definition.includes('SQL SECURITY NONE')) await readableByAll(session('load'), databaseName(name));
    },
    abandon: async () => {},
    close,
  };
}

/** Some pieces together at a time, made as they are written. */
function* inPieces(buffers: readonly Buffer[]): Generator<Buffer> {
  let some: Buffer[] = [];
  let bytes = 0;
  for (const buffer of buffers) {
    some.push(buffer);
    bytes += buffer.length;
    if (bytes < WRITE_BYTES) continue;
    yield some.length === 1 ? buffer : Buffer.concat(some, bytes);
    some = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(some, bytes);
}

function sessionOn(client: ClickHouseClient): Session {
  // What a statement put out before it failed comes with the result of the next one.
  const enqueue = oneAtATime(() => client.query({ query: 'SELECT 1', format: 'JSONEachRow' }).catch(() => {}));
  return {
    rows: <Row>(sql: string, parameters?: Record<string, unknown>) =>
      enqueue(async () => {
        const result = await client.query({ query: sql, format: 'JSONEachRow', ...(parameters && { query_params: parameters }) });
        return (await result.json()) as Row[];
      }),
    run: (sql) =>
      enqueue(async () => {
        await client.command({ query: sql });
      }),
  };
}

function rawSession(path: string): RawSession {
  const session = new ChdbSession(path);
  return {
    async run(sql, format, values = {}) {
      // The engine forgets values between two calls, so they are set in the same one.
      const sets = Object.entries(values).map(([name, value]) => `SET param_${name} = ${quoted(value)};`);
      const result = await session.queryAsync([...sets, sql].join(' '), { format });
      const answer = result.bytes();
      if (answer.byteLength > MAX_ANSWER_BYTES) throw answerTooLong();
      return {
        // The same memory: another copy of so much would hold everything else up.
        bytes: Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength),
        rows: result.rowsRead,
        bytesRead: result.bytesRead,
        elapsedSeconds: result.elapsed,
      };
    },
    close: () => session.close(),
  };
}
