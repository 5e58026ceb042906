/** ClickHouse in a server of its own, over HTTP, by the official client. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { MusterError, systemCode } from '../errors.ts';
import {
  type BulkRows,
  databaseName,
  type Engine,
  type Parameters,
  quoted,
  type RawSession,
  ROLES,
  type Role,
  type Session,
} from './engine.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** Rolls and what rewrites tables take longer, and get so many times as long. */
const PATIENCE: Partial<Record<Role, number>> = { roll: 2, tidy: 10 };

/** What the embedded engine does by default; and an answer begins when a statement is done, so that its status is that of the whole. */
const SETTINGS = { async_insert: 0, output_format_json_quote_64bit_integers: 0, wait_end_of_query: 1 } as const;

/** Where a server is; of its URL the path is the database. */
interface Address {
  origin: string;
  username: string;
  password: string;
  database: string;
}

function addressOf(url: string): Address {
  const { protocol, host, username, password, pathname } = new URL(url);
  return {
    origin: `${protocol}//${host}`,
    username: decodeURIComponent(username) || 'default',
    password: decodeURIComponent(password),
    database: databaseName(pathname.slice(1) || 'muster'),
  };
}

export interface ServerOptions {
  /** With user, password and, as path, the database. */
  url: string;
  /** A statement without an answer by then counts as one that nobody works on: it is sent again, which changes nothing. */
  timeoutMs: number;
}

/**
 * Opens the database that a URL names, creating it when it is not there.
 * @throws MUSTER_STORE_UNREACHABLE, MUSTER_BAD_ARGUMENT when the server does not let us in
 */
export async function openServer({ url, timeoutMs }: ServerOptions): Promise<Engine> {
  const address = addressOf(url);
  const { database } = address;
  const connections = new Map(ROLES.map((role) => [role, connect(address, timeoutMs * (PATIENCE[role] ?? 1))]));
  const connection = (role: Role): Connection => {
    const found = connections.get(role);
    if (!found) throw new Error(`no such role: ${role}`);
    return found;
  };
  const close = async () => {
    for (const each of connections.values()) await each.close();
  };
  try {
    await createIfMissing(address, timeoutMs, connection('load'));
  } catch (error) {
    await close();
    throw error;
  }

  let tables = 0;
  return {
    database,
    isEmbedded: false,
    session: connection,
    insert: (role, rows, statement) =>
      connection(role).send(`${statement(`input(${quoted(rows.structure)})`)} FORMAT ${rows.format}`, rows),
    async withRows(role, rows, use) {
      tables += 1;
      const table = `rows_${tables}`;
      const { run, send } = connection(role);
      await run(`CREATE TEMPORARY TABLE ${table} (${rows.structure}) ENGINE = Memory`);
      try {
        await send(`INSERT INTO ${table} FORMAT ${rows.format}`, rows);
        return await use(table);
      } finally {
        // With a connection that broke it is gone already.
        await run(`DROP TEMPORARY TABLE IF EXISTS ${table}`).catch(() => {});
      }
    },
    async exportTo(path, select) {
      const stream = await connection('tidy').stream(`${select} FORMAT Parquet`);
      await pipeline(stream, createWriteStream(path, { mode: 0o600, flush: true }));
    },
    async untrusted(settings) {
      return rawSession(address, timeoutMs, { ...settings, readonly: 1 });
    },
    close,
  };
}

async function createIfMissing({ database, ...address }: Address, timeoutMs: number, first: Connection): Promise<void> {
  try {
    await first.run('SELECT 1');
  } catch (error) {
    if (!(error instanceof ClickHouseError)) throw error;
    if (error.type === 'AUTHENTICATION_FAILED' || error.type === 'ACCESS_DENIED')
      throw new MusterError('MUSTER_BAD_ARGUMENT', `MUSTER_CLICKHOUSE_URL: the server says ${error.type} to ${address.username}`, {
        cause: error,
      });
    if (error.type !== 'UNKNOWN_DATABASE') throw error;
    const without = connect({ ...address, database: 'default' }, timeoutMs);
    await without.run(`CREATE DATABASE IF NOT EXISTS ${database}`).finally(() => without.close());
  }
}

interface Connection extends Session {
  /** A statement with rows as its body. */
  send(sql: string, rows: BulkRows): Promise<void>;
  stream(sql: string): Promise<Readable>;
  close(): Promise<void>;
}

const clientOf = (
  { origin, username, password, database }: Address,
  options: { timeoutMs: number; sessionId?: string },
): ClickHouseClient =>
  createClient({
    url: origin,
    username,
    password,
    database,
    application: 'muster',
    request_timeout: options.timeoutMs,
    max_open_connections: 1,
    clickhouse_settings: { ...SETTINGS },
    log: { level: ClickHouseLogLevel.OFF },
    ...(options.sessionId !== undefined && { session_id: options.sessionId }),
  });

/** One session of the server, for its temporary tables; a new one whenever it is not known what became of a statement. */
function connect(address: Address, timeoutMs: number): Connection {
  const open = () => clientOf(address, { timeoutMs, sessionId: randomUUID() });
  let client = open();
  const enqueue = oneAtATime();
  const ask = <T>(work: (client: ClickHouseClient) => Promise<T>): Promise<T> =>
    enqueue(async () => {
      try {
        return await work(client);
      } catch (error) {
        if (error instanceof ClickHouseError && error.type !== 'SESSION_IS_LOCKED') throw error;
        await client.close().catch(() => {});
        client = open();
        throw unreachable(address, error);
      }
    });
  return {
    rows: <Row>(query: string, parameters?: Parameters) =>
      ask(async (on) => (await on.query({ query, format: 'JSONEachRow', ...(parameters && { query_params: parameters }) })).json<Row>()),
    run: (query) =>
      ask(async (on) => {
        await on.command({ query });
      }),
    send: (query, { data }) =>
      ask(async (on) => {
        const values = Readable.from(Array.isArray(data) ? data : [data], { objectMode: false });
        const { stream } = await on.exec({ query, values });
        await buffer(stream);
      }),
    stream: (query) => ask(async (on) => (await on.exec({ query })).stream as Readable),
    close: () => client.close(),
  };
}

function rawSession(address: Address, timeoutMs: number, settings: Readonly<Record<string, string | number>>): RawSession {
  const client = clientOf(address, { timeoutMs });
  return {
    async run(query, format, values = {}) {
      const parameters = Object.entries(values).map(([name, value]) => [`param_${name}`, value] as const);
      try {
        const { stream, summary } = await client.exec({
          query,
          clickhouse_settings: { ...settings, default_format: format, ...Object.fromEntries(parameters) } as never,
        });
        return {
          bytes: await buffer(stream),
          rowsRead: Number(summary?.read_rows ?? 0),
          bytesRead: Number(summary?.read_bytes ?? 0),
          elapsedSeconds: Number(summary?.elapsed_ns ?? 0) / 1e9,
        };
      } catch (error) {
        throw error instanceof ClickHouseError ? asEngineSays(error) : unreachable(address, error);
      }
    },
    close: () => void client.close(),
  };
}

/** The client takes code and name out of the text of an error; whoever shows it to others wants the whole. */
const asEngineSays = (error: ClickHouseError): Error =>
  new Error(`Code: ${error.code}. DB::Exception: ${error.message} (${error.type ?? 'UNKNOWN_EXCEPTION'})`, { cause: error });

function unreachable({ origin }: Address, cause: unknown): Error {
  if (cause instanceof MusterError) return cause;
  const why =
    systemCode(cause) ??
    (cause instanceof Error && cause.message === 'Timeout error.' ? 'no answer in time' : 'the answer was cut off or is none');
  return new MusterError('MUSTER_STORE_UNREACHABLE', `ClickHouse at ${origin} does not answer (${why}); what comes in waits in the log`, {
    cause,
  });
}
