/**
 * The gate for SQL from outside: what the engine's own parser says of a statement is held against lists before it runs, on a connection
 * of its own with bounded time, memory and result. Whoever runs SQL that Muster did not write goes through here.
 */
import { randomUUID } from 'node:crypto';
import { MusterError } from '../errors.ts';
import { TABLES } from '../names.ts';
import { type Engine, escapedValue, type RawSession } from './engine.ts';
import { type AllowedFunctions, allowedFunctions, type EngineFunction, FUNCTIONS_SQL, refusedByAst, refusedByTree } from './guard-rules.ts';

/** What one statement may take. */
export const QUERY_LIMITS = { seconds: 30, memoryBytes: 512 * 1024 * 1024, rows: 1_000_000, resultBytes: 128 * 1024 * 1024 } as const;
const MAX_SQL_BYTES = 256 * 1024;
/** Statements that run at a time; each holds a thread of the pool that `fsync` needs too. */
const MAX_RUNNING = 3;
const MAX_WAITING = 100;

/** Spilling to disk is off, since memory is the bound. */
const SETTINGS = {
  max_execution_time: QUERY_LIMITS.seconds,
  max_memory_usage: QUERY_LIMITS.memoryBytes,
  max_result_rows: QUERY_LIMITS.rows,
  max_result_bytes: QUERY_LIMITS.resultBytes,
  max_bytes_ratio_before_external_group_by: 0,
  max_bytes_ratio_before_external_sort: 0,
  max_threads: 1,
  max_ast_depth: 200,
  max_ast_elements: 20_000,
  // Below intake and evaluator, which share the processors.
  os_threads_nice_value_query: 10,
};

export interface GuardedQuery {
  sql: string;
  /** Any output format of ClickHouse; one in the SQL wins. */
  format: string;
  /** Values of `{name:Type}`, escaped as in a tab-separated file: the form of ClickHouse's HTTP interface. */
  parameters?: Readonly<Record<string, string>>;
  /** Ends the query when nobody waits for it any more. */
  signal?: AbortSignal;
}

export interface GuardedResult {
  bytes: Buffer;
  format: string;
  rowsRead: number;
  bytesRead: number;
  elapsedSeconds: number;
}

/** Why a query failed, in ClickHouse's terms too. */
export class QueryError extends MusterError {
  /** ClickHouse's error code and its name, such as 60 and `UNKNOWN_TABLE`. */
  readonly clickhouse: { code: number; name: string };
  constructor(...[code, message, clickhouse]: [ConstructorParameters<typeof MusterError>[0], string, { code: number; name: string }]) {
    super(code, message);
    this.clickhouse = clickhouse;
  }
}

const refused = (reason: string) => new QueryError('MUSTER_QUERY_REFUSED', reason, { code: 497, name: 'ACCESS_DENIED' });

/** Limits of time, speed, memory, rows, depth and size. */
const LIMIT_CODES = [158, 159, 160, 162, 167, 168, 173, 241, 306, 307, 396];
const REFUSED_CODES = [164, 291, 497];

/** The engine's error as ours. */
function queryError(error: unknown): unknown {
  if (error instanceof MusterError || !(error instanceof Error)) return error;
  const match =
    /Code: (\d+)\. DB::Exception: (?:Code: \d+\. DB::Exception: )?(.*?)(?: \(version [^)]*\))?\.?(?: \(([A-Z][A-Z0-9_]+)\))?\s*$/s.exec(
      error.message,
    );
  if (!match) return error;
  const [, code, message = '', name = 'UNKNOWN_EXCEPTION'] = match;
  const number = Number(code);
  const kind = LIMIT_CODES.includes(number)
    ? 'MUSTER_QUERY_LIMIT'
    : REFUSED_CODES.includes(number)
      ? 'MUSTER_QUERY_REFUSED'
      : 'MUSTER_BAD_QUERY';
  return new QueryError(kind, message.replace(/ \([A-Z][A-Z0-9_]+\)$/, ''), { code: number, name });
}

export interface Guard {
  /** @throws QueryError when it is refused, wrong, or takes too much */
  query(query: GuardedQuery): Promise<GuardedResult>;
}

/** The gate of an engine. */
export function createGuard(engine: Engine): Guard {
  let functions: Promise<AllowedFunctions> | undefined;
  const turns = turnstile();

  const run = async (query: GuardedQuery): Promise<GuardedResult> => {
    functions ??= engine
      .session('panels')
      .rows<EngineFunction>(FUNCTIONS_SQL)
      .then(allowedFunctions)
      .catch((error: unknown) => {
        functions = undefined;
        throw error;
      });
    const name = `muster-guarded-${randomUUID()}`;
    const session = await engine.untrusted({ ...SETTINGS, log_comment: name });
    const kill = () => void stop(engine, name);
    try {
      const statement = await checked(session, query, await functions, engine.isEmbedded);
      query.signal?.throwIfAborted();
      query.signal?.addEventListener('abort', kill);
      const result = await session.run(statement.sql, statement.format);
      return { ...result, format: statement.format };
    } catch (error) {
      throw queryError(error);
    } finally {
      query.signal?.removeEventListener('abort', kill);
      session.close();
    }
  };
  return { query: (query) => turns(() => run(query)) };
}

/** So many at a time, and so many that wait. */
function turnstile() {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= MAX_RUNNING) {
      if (waiting.length >= MAX_WAITING)
        throw new QueryError('MUSTER_QUERY_BUSY', `${MAX_WAITING} queries wait already; send this one again later`, {
          code: 202,
          name: 'TOO_MANY_SIMULTANEOUS_QUERIES',
        });
      await new Promise<void>((go) => waiting.push(go));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

/** Ends a running query: rejecting its promise would not. */
async function stop(engine: Engine, name: string): Promise<void> {
  await engine
    .session('panels')
    .run(`KILL QUERY WHERE Settings['log_comment'] = '${name}' ASYNC`)
    .catch(() => {});
}

interface Statement {
  sql: string;
  format: string;
}

/** The statement as the engine's parser writes it, after it was held against the lists. */
async function checked(
  session: RawSession,
  { sql, format, parameters = {} }: GuardedQuery,
  functions: AllowedFunctions,
  isEmbedded: boolean,
): Promise<Statement> {
  if (Buffer.byteLength(sql) > MAX_SQL_BYTES || sql.includes('\0'))
    throw new QueryError('MUSTER_BAD_QUERY', `expected at most ${MAX_SQL_BYTES} bytes of SQL, without NUL`, {
      code: 62,
      name: 'SYNTAX_ERROR',
    });
  const text = async (query: string, values?: Readonly<Record<string, string>>) =>
    (await session.run(query, 'TSVRaw', values)).bytes.toString();
  const database = (await text('SELECT currentDatabase()')).trim();
  // One statement comes out, without comments, each of its clauses on a line, line breaks in literals escaped; two are a syntax error.
  const canonical = (await text('SELECT formatQuery({sql:String})', { sql: escapedValue(sql) })).trim();
  const catalogue = catalogueQuery(canonical, database);
  if (catalogue !== undefined) return { sql: catalogue, format: knownFormat(format) };
  const lines = canonical.split('\n');
  const tail = lines.findIndex((line) => /^(INTO |FORMAT |SETTINGS )/.test(line));
  const options = tail < 0 ? [] : lines.slice(tail);
  const own = /^FORMAT (\w+)$/.exec(options[0] ?? '')?.[1];
  if (options.length > 1 || (options.length === 1 && own === undefined))
    throw refused(
      `${options
        .find((line) => !line.startsWith('FORMAT '))
        ?.split(/[ =]/, 2)
        .join(' ')}: only FORMAT may follow a SELECT here`,
    );
  const written = (tail < 0 ? lines : lines.slice(0, tail)).join('\n');
  const hasValues = Object.keys(parameters).length > 0;
  if (Object.keys(parameters).some((name) => !/^\w{1,64}$/.test(name)))
    throw refused('names of parameters are letters, digits and underscores');
  const select = !hasValues ? written : await text(`EXPLAIN SYNTAX ${written}`, parameters);
  const byAst = refusedByAst(await text(`EXPLAIN AST ${select}`), functions);
  if (byAst !== undefined) throw refused(byAst);
  const byTree = refusedByTree(await text(`EXPLAIN QUERY TREE ${select}`), database, isEmbedded);
  if (byTree !== undefined) throw refused(byTree);
  return { sql: select, format: knownFormat(own ?? format) };
}

function knownFormat(format: string): string {
  if (/^[A-Za-z0-9]{1,64}$/.test(format)) return format;
  throw new QueryError('MUSTER_BAD_QUERY', `no format is called ${JSON.stringify(format.slice(0, 60))}`, {
    code: 73,
    name: 'UNKNOWN_FORMAT',
  });
}

/** What people and clients ask to find their way, beside SELECT. */
function catalogueQuery(canonical: string, database: string): string | undefined {
  const names = TABLES.map((name) => `'${name}'`).join(', ');
  if (canonical === 'SHOW TABLES')
    return `SELECT name FROM system.tables WHERE database = '${database}' AND name IN (${names}) ORDER BY name`;
  if (canonical === 'SHOW DATABASES') return `SELECT name FROM system.databases WHERE name = '${database}'`;
  const described = /^DESCRIBE TABLE (?:[`"]?(\w+)[`"]?\.)?[`"]?(\w+)[`"]?$/.exec(canonical);
  if (!described) return undefined;
  const [, from = database, table = ''] = described;
  return `SELECT name, type, '' AS default_type, '' AS default_expression, comment FROM system.columns WHERE database = '${from}' AND database = '${database}' AND table = '${table}' AND table IN (${names}) ORDER BY position`;
}
