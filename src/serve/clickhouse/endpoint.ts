/**
 * A read-only ClickHouse over HTTP, for Grafana's ClickHouse data source and other clients of ClickHouse: what they say and expect is
 * ClickHouse's HTTP interface (https://clickhouse.com/docs/interfaces/http); what may be asked is the guard's to say.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { MusterError } from '../../errors.ts';
import type { Guard, GuardedResult } from '../../store/guard/guard.ts';
import { QueryError } from '../../store/guard/query-error.ts';
import { drain, readBody } from '../body.ts';
import { listenOnLoopback } from '../listen.ts';
import { hostCheck } from '../same-host.ts';
import type { WholeAnswers } from '../whole-answers.ts';
import { fromBlocks, inBlocks } from './compressed-blocks.ts';
import { contentType } from './formats.ts';
import { HANDSHAKE, handshakeBlock } from './handshake.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const MIN_COMPRESSED_BYTES = 1024;
const DEFAULT_FORMAT = 'TabSeparated';

const assertSameHost = hostCheck();

export interface ClickHouseDeps {
  /** Undefined while the store is opening. */
  guard: () => Guard | undefined;
  /** Whoever sends it as password may read; the user's name does not matter. */
  key: string;
  answers: WholeAnswers;
  onDefect: (message: string) => void;
}

/**
 * Listens on the loopback address.
 * @param port 0 for any free one
 * @throws MUSTER_PORT_IN_USE
 */
export async function listenAsClickHouse(deps: ClickHouseDeps, port: number): Promise<{ server: Server; url: string }> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 65_000 }, (request, response) => {
    answer(deps, request, response).catch((error: unknown) => fail(deps, request, response, error));
  });
  server.maxConnections = 1_000;
  const url = await listenOnLoopback(server, port, 'choose another with --clickhouse-port, or leave it out with --clickhouse-port off');
  return { server, url };
}

interface EndpointQuery {
  sql: string;
  format: string;
  parameters: Record<string, string>;
  /** Of tables, as ClickHouse writes a map. */
  filters?: string;
  isHandshake: boolean;
}

async function answer(deps: ClickHouseDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  assertSameHost(request);
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname === '/ping' || (pathname === '/' && request.method === 'GET' && !searchParams.has('query'))) {
    response.end('Ok.\n');
    return;
  }
  if (pathname !== '/') throw refusal('UNKNOWN_TABLE', 60, 'there is nothing at this path; queries go to /');
  if (request.method !== 'GET' && request.method !== 'POST') throw refusal('BAD_ARGUMENTS', 36, 'expected GET or POST');
  if (!knowsKey(deps.key, request, searchParams))
    throw refusal(
      'AUTHENTICATION_FAILED',
      516,
      'the password is not the key of this endpoint, which is in clickhouse.key in the data directory',
    );
  const { bytes: body } = await readBody(request, { maxBytes: MAX_BODY_BYTES, form: 'bytes' });
  const sql = isOn(searchParams, 'decompress') ? fromBlocks(body, MAX_BODY_BYTES) : body;
  const asked = askedFor(request, searchParams, sql.toString());
  const guard = deps.guard();
  if (!guard) throw refusal('SERVER_OVERLOADED', 745, 'the store is still starting; send this query again');
  const leaving = new AbortController();
  response.once('close', () => leaving.abort());
  const result = await guard.query({ ...asked, source: sourceOf(request, searchParams), signal: leaving.signal });
  const told = asked.isHandshake ? handshakeResult(result) : result;
  const isInBlocks = isOn(searchParams, 'compress');
  await send(deps, request, response, isInBlocks ? { ...told, bytes: await inBlocks(told.bytes) } : told, searchParams.get('query_id'));
}

function askedFor(request: IncomingMessage, search: URLSearchParams, body: string): EndpointQuery {
  const database = search.get('database') ?? headerOf(request, 'x-clickhouse-database') ?? '';
  if (!['', 'default', 'muster'].includes(database)) throw refusal('UNKNOWN_DATABASE', 81, 'there is one database, muster');
  const asked = `${search.get('query') ?? ''}${body}`;
  const isHandshake = search.has('client_protocol_version') && HANDSHAKE.test(asked);
  // The name of this machine is nobody's to know.
  const sql = isHandshake ? asked.replace(/displayName\(\)/i, "'muster'") : asked;
  const filters = search.get('additional_table_filters');
  const parameters = [...search].flatMap(([name, value]) => {
    const parameter = /^param_(\w{1,64})$/.exec(name)?.[1];
    return parameter === undefined ? [] : [[parameter, value] as const];
  });
  return {
    sql,
    // The handshake is written out by hand: see handshake.ts.
    format: isHandshake ? 'TSVRaw' : (headerOf(request, 'x-clickhouse-format') ?? search.get('default_format') ?? DEFAULT_FORMAT),
    parameters: Object.fromEntries(parameters),
    ...(filters !== null && { filters }),
    isHandshake,
  };
}

/** Who asks, as far as one tells them apart that have the same key: the name they give, their program, where they are. */
function sourceOf(request: IncomingMessage, search: URLSearchParams): string {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const user = basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':')[0];
  const name = user ?? headerOf(request, 'x-clickhouse-user') ?? search.get('user') ?? '';
  return [name, headerOf(request, 'user-agent') ?? '', request.socket.remoteAddress ?? ''].join('\n');
}

/** Whether a flag of the address is set, as ClickHouse reads one. */
const isOn = (search: URLSearchParams, name: string): boolean => ['1', 'true'].includes(search.get(name) ?? '');

function handshakeResult(result: GuardedResult): GuardedResult {
  const [name = '', version = '', , zone = 'UTC'] = result.bytes.toString().trimEnd().split('\t');
  return { ...result, bytes: handshakeBlock(name, version, zone), format: 'Native' };
}

const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** Basic, ClickHouse's own headers, or the query string. */
function knowsKey(key: string, request: IncomingMessage, search: URLSearchParams): boolean {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const password = basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':').slice(1).join(':');
  const given = password ?? headerOf(request, 'x-clickhouse-key') ?? search.get('password') ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(key));
}

async function send(
  { answers }: ClickHouseDeps,
  request: IncomingMessage,
  response: ServerResponse,
  result: GuardedResult,
  queryId: string | null,
): Promise<void> {
  const { bytes, format, rows, bytesRead, elapsedSeconds } = result;
  const isCompressed = bytes.length >= MIN_COMPRESSED_BYTES && /\bgzip\b/.test(headerOf(request, 'accept-encoding') ?? '');
  const head = {
    'content-type': contentType(format),
    'x-clickhouse-format': format,
    'x-clickhouse-timezone': 'UTC',
    'x-clickhouse-query-id': queryId !== null && /^[\w-]{1,64}$/.test(queryId) ? queryId : randomUUID(),
    'x-clickhouse-summary': JSON.stringify({
      read_rows: String(rows),
      read_bytes: String(bytesRead),
      result_rows: String(rows),
      result_bytes: String(bytes.length),
      written_rows: '0',
      written_bytes: '0',
      elapsed_ns: String(Math.round(elapsedSeconds * 1e9)),
    }),
  };
  await answers.send(response, head, bytes, isCompressed);
}

const refusal = (name: string, code: number, message: string) => new QueryError('MUSTER_QUERY_REFUSED', message, { code, name });

/** A store that opens, and a queue that is full, are over after some seconds. */
const RETRY_AFTER_SECONDS = 5;

/** Statuses as ClickHouse gives them, by its own codes. */
const STATUSES: Readonly<Record<number, number>> = {
  36: 400,
  62: 400,
  46: 404,
  47: 404,
  60: 404,
  73: 400,
  81: 404,
  48: 501,
  164: 403,
  497: 403,
  516: 403,
  202: 503,
  745: 503,
};

function fail(deps: ClickHouseDeps, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  drain(request);
  if (response.headersSent || response.destroyed) return;
  const { clickhouse, message } = clickhouseError(deps, error);
  const text = `Code: ${clickhouse.code}. DB::Exception: ${message}. (${clickhouse.name})\n`;
  const status = STATUSES[clickhouse.code] ?? 500;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=UTF-8',
    'x-clickhouse-exception-code': String(clickhouse.code),
    ...(status === 503 && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
  });
  response.end(text);
}

function clickhouseError(deps: ClickHouseDeps, error: unknown): { clickhouse: { code: number; name: string }; message: string } {
  if (error instanceof QueryError) return error;
  // What is wrong with the request itself: its host, its size, its encoding.
  if (error instanceof MusterError) return { clickhouse: { code: 36, name: 'BAD_ARGUMENTS' }, message: error.message };
  const id = randomUUID();
  deps.onDefect(`query ${id} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return {
    clickhouse: { code: 1002, name: 'UNKNOWN_EXCEPTION' },
    message: `something went wrong inside Muster; its log has the details under query ${id}`,
  };
}
