/** ClickHouse in a server of its own, over HTTP, by the official client. */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { MusterError, systemCode } from '../../errors.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import {
  answerTooLong,
  type BulkRows,
  databaseName,
  type Engine,
  MAX_ANSWER_BYTES,
  type Parameters,
  quoted,
  type RawSession,
  ROLES,
  type Role,
  SESSION_ZONE,
  type Session,
} from './engine.ts';

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
  /** A statement of which nothing is heard for so long is ended, and what it was for is tried again. */
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
      } catch (error) {
        // It goes with its session, which another statement of the role may have lost.
        if (error instanceof ClickHouseError && error.type === 'UNKNOWN_TABLE' && error.message.includes(table))
          throw unreachable(address, error);
        throw error;
      } finally {
        await run(`DROP TEMPORARY TABLE IF EXISTS ${table}`).catch(() => {});
      }
    },
    async exportTo(path, select) {
      const stream = await connection('tidy').stream(`${select} FORMAT Parquet`);
      await pipeline(stream, createWriteStream(path, { mode: 0o600, flush: true }));
    },
    untrusted: async (settings) => rawSession(address, timeoutMs, { ...settings, session_timezone: SESSION_ZONE, readonly: 1 }),
    // What its user may read is the server's to say.
    offer: async () => {},
    abandon: close,
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

const clientOf = ({ origin, username, password, database }: Address, timeoutMs: number): ClickHouseClient =>
  createClient({
    url: origin,
    username,
    password,
    database,
    application: 'muster',
    session_id: randomUUID(),
    request_timeout: timeoutMs,
    max_open_connections: 1,
    // Values do not belong into an address, which is written to logs on the way.
    use_multipart_params: true,
    // A server that works says so once in a while: what is timed out is silence.
    clickhouse_settings: {
      ...SETTINGS,
      session_timezone: SESSION_ZONE,
      send_progress_in_http_headers: 1,
      http_headers_progress_interval_ms: String(Math.ceil(timeoutMs / 3)),
    },
    log: { level: ClickHouseLogLevel.OFF },
  });

/** One session of the server, for its temporary tables; a new one whenever it is not known what became of a statement. */
function connect(address: Address, timeoutMs: number): Connection {
  let client = clientOf(address, timeoutMs);
  let isClosed = false;
  const enqueue = oneAtATime();
  /** Statements of which it is not known what became: they must not go on, and do their work behind what comes after them. */
  const doubtful = new Set<string>();
  const endDoubtful = async () => {
    for (const id of doubtful) {
      await client.command({ query: 'KILL QUERY WHERE query_id = {id:String} SYNC', query_params: { id } });
      doubtful.delete(id);
    }
  };
  const ask = <T>(work: (client: ClickHouseClient, query_id: string) => Promise<T>): Promise<T> =>
    enqueue(async () => {
      const id = randomUUID();
      let isSent = false;
      try {
        if (isClosed) throw new Error('the connection is closed');
        await endDoubtful();
        isSent = true;
        return await work(client, id);
      } catch (error) {
        if (error instanceof ClickHouseError && error.type !== 'SESSION_IS_LOCKED') throw error;
        if (isSent) doubtful.add(id);
        await client.close().catch(() => {});
        client = clientOf(address, timeoutMs);
        throw unreachable(address, error);
      }
    });
  return {
    rows: <Row>(query: string, parameters?: Parameters) =>
      ask(async (on, query_id) => {
        const result = await on.query({ query, query_id, format: 'JSONEachRow', ...(parameters && { query_params: parameters }) });
        return result.json<Row>();
      }),
    run: (query) =>
      ask(async (on, query_id) => {
        await on.command({ query, query_id });
      }),
    send: (query, { data }) =>
      ask(async (on, query_id) => {
        const values = Readable.from(Array.isArray(data) ? data : [data], { objectMode: false });
        const { stream } = await on.exec({ query, query_id, values });
        await buffer(stream);
      }),
    stream: (query) => ask(async (on, query_id) => (await on.exec({ query, query_id })).stream as Readable),
    async close() {
      isClosed = true;
      await client.close();
    },
  };
}

/** By `fetch`: the client asks for a format that it knows, and puts values into the address of all but its own queries. */
function rawSession(address: Address, timeoutMs: number, settings: Readonly<Record<string, string | number>>): RawSession {
  const { origin, username, password, database } = address;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return {
    async run(query, format, values = {}) {
      const search = new URLSearchParams({ database, default_format: format, wait_end_of_query: '1' });
      for (const [name, value] of Object.entries(settings)) search.set(name, String(value));
      const form = new FormData();
      form.set('query', query);
      for (const [name, value] of Object.entries(values)) form.set(`param_${name}`, value);
      let answer: { status: number; bytes: Buffer | undefined; summary: Record<string, string> };
      try {
        const response = await fetch(`${origin}/?${search}`, {
          method: 'POST',
          redirect: 'error',
          headers: { authorization },
          body: form,
          signal: AbortSignal.timeout(timeoutMs),
        });
        const summary = JSON.parse(response.headers.get('x-clickhouse-summary') ?? '{}') as Record<string, string>;
        answer = { status: response.status, bytes: await wholeOf(response), summary };
      } catch (error) {
        throw unreachable(address, error);
      }
      const { status, bytes, summary } = answer;
      if (bytes === undefined) throw answerTooLong();
      if (status >= 400) throw saysWhy(address, bytes.toString());
      return {
        bytes,
        rows: Number(summary.result_rows ?? 0),
        bytesRead: Number(summary.read_bytes ?? 0),
        elapsedSeconds: Number(summary.elapsed_ns ?? 0) / 1e9,
      };
    },
    close: () => {},
  };
}

/** The body of an answer; undefined, and the rest is not read, when it is longer than it may be. */
async function wholeOf({ body }: Response): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces, bytes);
}

/** The error of an answer: that of the engine, in its words, or of something else that answered in its place. */
const saysWhy = (address: Address, text: string): Error =>
  /^Code: \d+\. DB::Exception/.test(text) ? new Error(text) : unreachable(address, new Error('not an answer of ClickHouse'));

function unreachable({ origin }: Address, cause: unknown): Error {
  if (cause instanceof MusterError) return cause;
  const isLate = cause instanceof Error && (cause.message === 'Timeout error.' || cause.name === 'TimeoutError');
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const why = isLate ? 'no answer in time' : (systemCode(inner) ?? 'the answer was cut off or is none');
  return new MusterError('MUSTER_STORE_UNREACHABLE', `ClickHouse at ${origin} does not answer (${why}); what comes in waits in the log`, {
    cause,
  });
}
