/** Connections to ClickHouse, one per role, each with one query in flight, and temporary files as bulk parameters. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ClickHouseClient } from '@clickhouse/client';
import { closeEmbedded, embeddedClient, type RawSession, rawSession } from './embedded.ts';
import { engineConfig, usersConfig } from './engine-config.ts';

/** One engine connection is one queue: whoever must not wait for another has a role of its own. */
export const ROLES = ['load', 'roll', 'read', 'panels', 'evaluate', 'explain', 'tidy'] as const;
export type Role = (typeof ROLES)[number];

type Parameters = Record<string, string | number | boolean | readonly string[]>;

/** A queue of statements on one connection. */
export interface Session {
  /** Rows of a SELECT as objects. Values from outside go in as `parameters`, never into the text. */
  rows<Row>(sql: string, parameters?: Parameters): Promise<Row[]>;
  /** A statement without a result. */
  run(sql: string): Promise<void>;
}

export interface Engine {
  /** Name of the ClickHouse database. */
  readonly database: string;
  session(role: Role): Session;
  /** A connection of its own for one statement from outside: settings, parameters and leftovers of others are not there. */
  untrusted(): Promise<RawSession>;
  /** Writes rows to a scratch file and hands its `file(…)` expression to `use`; the file is gone afterwards. */
  withFile<T>(name: string, lines: string | Buffer, format: string, structure: string, use: (file: string) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Text as a literal of ClickHouse's SQL. */
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/**
 * Opens the engine of a data directory.
 * @param options.database ClickHouse database; tests give each run one of its own
 */
export async function openEngine(options: { path: string; scratch: string; database?: string }): Promise<Engine> {
  const database = options.database ?? 'muster';
  if (!/^[a-z][a-z0-9_]*$/.test(database)) throw new Error(`not a database name: ${database}`);
  await mkdir(options.path, { recursive: true, mode: 0o700 });
  // A crash may have left files behind; nothing in there is needed again.
  await rm(options.scratch, { recursive: true, force: true });
  await mkdir(options.scratch, { recursive: true, mode: 0o700 });
  const clients = new Map<Role, { client: ClickHouseClient; session: Session }>();
  const path = resolve(options.path);
  const [configFile, usersFile] = ['engine.xml', 'users.xml'].map((name) => resolve(join(options.scratch, name))) as [string, string];
  await writeFile(usersFile, usersConfig(), { mode: 0o600 });
  await writeFile(configFile, engineConfig(usersFile, resolve(options.scratch)), { mode: 0o600 });
  // The first connection gives the engine its configuration, and keeps it open while others come and go.
  const keeper = rawSession(path, configFile);
  const close = async () => {
    keeper.close();
    await closeEmbedded([...clients.values()].map(({ client }) => client));
  };
  try {
    for (const role of ROLES) {
      const client = embeddedClient(path);
      clients.set(role, { client, session: queueOn(client) });
      if (role === ROLES[0]) await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database} ENGINE = Atomic` });
      await client.command({ query: `USE ${database}` });
    }
  } catch (error) {
    await close().catch(() => {});
    throw error;
  }

  let scratchNumber = 0;
  return {
    database,
    session(role) {
      const entry = clients.get(role);
      if (!entry) throw new Error(`no such role: ${role}`);
      return entry.session;
    },
    async untrusted() {
      const session = rawSession(path);
      await session.run(`USE ${database}`);
      return session;
    },
    async withFile(name, lines, format, structure, use) {
      scratchNumber += 1;
      const path = resolve(join(options.scratch, `${name}-${scratchNumber}`));
      await writeFile(path, lines, { mode: 0o600 });
      try {
        return await use(`file(${quoted(path)}, ${quoted(format)}, ${quoted(structure)})`);
      } finally {
        await rm(path, { force: true });
      }
    },
    close,
  };
}

function queueOn(client: ClickHouseClient): Session {
  let tail: Promise<unknown> = Promise.resolve();
  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    const result = tail.then(work);
    tail = result.catch(discardLeftover);
    return result;
  };
  // What a statement put out before it failed comes with the result of the next one.
  const discardLeftover = () => client.query({ query: 'SELECT 1', format: 'JSONEachRow' }).catch(() => {});
  return {
    rows: <Row>(sql: string, parameters?: Parameters) =>
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
