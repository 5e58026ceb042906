/**
 * The gate for SQL from outside: what the engine's own parser says of a statement is held against lists before it runs, on a connection
 * of its own with bounded time, memory and result. Whoever runs SQL that Muster did not write goes through here.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TABLES } from '../../names.ts';
import { type Engine, escapedValue, type RawSession } from '../engine.ts';
import { withCatalogueViews } from './catalogue.ts';
import { QueryError, queryError, refused, unknownTable } from './query-error.ts';
import { parseQueryTree } from './query-tree.ts';
import { type Catalogue, refusedAsResolved, refusedAsWritten } from './rules.ts';
import { assertBoundedText, assertPlainNames, hasLineFeeds, shapeOf } from './statement.ts';
import { turnstile } from './turns.ts';

/** What one statement may take. */
export const QUERY_LIMITS = { seconds: 30, memoryBytes: 512 * 1024 * 1024, rows: 1_000_000, resultBytes: 128 * 1024 * 1024 } as const;
/** Statements that run at a time; each holds a thread of the pool that `fsync` needs too. */
const TURNS = { running: 3, waiting: 100 };
const MAX_PARAMETERS = 100;
const MAX_PARAMETER_BYTES = 512 * 1024;
/** After its limit a statement is ended from outside; what does not heed that either is stuck. */
const END_AFTER_SECONDS = 5;
const STUCK_AFTER_SECONDS = 15;

/** Spilling to disk is off, since memory is the bound. */
const settingsFor = (seconds: number) => ({
  max_execution_time: seconds,
  max_memory_usage: QUERY_LIMITS.memoryBytes,
  max_result_rows: QUERY_LIMITS.rows,
  max_result_bytes: QUERY_LIMITS.resultBytes,
  max_bytes_ratio_before_external_group_by: 0,
  max_bytes_ratio_before_external_sort: 0,
  max_threads: 1,
  // Limits of time are looked at between blocks.
  max_block_size: 8_192,
  function_range_max_elements_in_block: 2_000_000,
  max_parser_depth: 300,
  max_parser_backtracks: 50_000,
  max_ast_depth: 200,
  max_ast_elements: 20_000,
  // Values of parameters are sent in a statement.
  max_query_size: 2 * 1024 * 1024,
  // Else what a subquery folds to stands in its place in the resolved tree, which is there to be looked through.
  enable_scalar_subquery_optimization: 0,
  // Below intake and evaluator, which share the processors.
  os_threads_nice_value_query: 10,
});

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

export interface Guard {
  /** @throws QueryError when it is refused, wrong, or takes too much */
  query(query: GuardedQuery): Promise<GuardedResult>;
  /** Ends what runs. Resolves whether all of it has ended: else the engine must not be closed, which would wait for it. */
  end(): Promise<boolean>;
}

export interface GuardOptions {
  /** How long a statement may run. @default 30 */
  seconds?: number;
  /** Told of the shape of a statement that neither its limit nor a KILL ends: it holds a thread for as long as this process lives. */
  onStuck?: (shape: string) => void;
  /** Shapes of statements that did not end in a process before this one: they are refused. @default none */
  stuck?: readonly string[];
}

/** The gate of an engine. */
export function createGuard(engine: Engine, { seconds = QUERY_LIMITS.seconds, onStuck = () => {}, stuck = [] }: GuardOptions = {}): Guard {
  let catalogue: Promise<Catalogue> | undefined;
  const turns = turnstile(TURNS);
  const running = new Map<string, { shape: string; ended: Promise<unknown> }>();

  const run = async (query: GuardedQuery): Promise<GuardedResult> => {
    assertBoundedText(query.sql);
    assertBoundedParameters(query.parameters);
    const shape = shapeOf(query.sql);
    if (stuck.includes(shape)) throw refused('a statement like this did not end before, and made Muster start again; write it another way');
    catalogue ??= readCatalogue(engine).catch((error: unknown) => {
      catalogue = undefined;
      throw error;
    });
    const known = await catalogue;
    const name = `muster-guarded-${randomUUID()}`;
    const session = await engine.untrusted({ ...settingsFor(seconds), log_comment: name });
    const kill = () => void stop(engine, name);
    const answer = async () => {
      const statement = await checked(session, query, known);
      query.signal?.throwIfAborted();
      const result = await session.run(statement.sql, statement.format, query.parameters);
      return { ...result, format: statement.format };
    };
    query.signal?.addEventListener('abort', kill);
    const work = answer();
    // A connection whose statement still runs must not be closed: that would wait for it.
    const ended = work
      .catch(() => {})
      .then(() => {
        running.delete(name);
        session.close();
      });
    running.set(name, { shape, ended });
    try {
      // What hangs in a server is no thread of this process.
      return await inTime(work, seconds, kill, () => engine.isEmbedded && onStuck(shape));
    } catch (error) {
      throw queryError(error);
    } finally {
      query.signal?.removeEventListener('abort', kill);
    }
  };
  return {
    query: (query) => turns(() => run(query)),
    async end() {
      if (!engine.isEmbedded) return true;
      const all = [...running];
      for (const [name] of all) void stop(engine, name);
      await Promise.race([Promise.all(all.map(([, { ended }]) => ended)), sleep(END_AFTER_SECONDS * 1000, undefined, { ref: false })]);
      for (const { shape } of running.values()) onStuck(shape);
      return running.size === 0;
    },
  };
}

/** Waits for an answer, but not for ever. */
async function inTime<T>(work: Promise<T>, seconds: number, kill: () => void, onStuck: () => unknown): Promise<T> {
  const end = setTimeout(kill, (seconds + END_AFTER_SECONDS) * 1000);
  let giveUp: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    giveUp = setTimeout(
      () => {
        onStuck();
        reject(
          new QueryError('MUSTER_QUERY_LIMIT', `this statement did not end after ${seconds} s, nor when it was told to`, {
            code: 159,
            name: 'TIMEOUT_EXCEEDED',
          }),
        );
      },
      (seconds + STUCK_AFTER_SECONDS) * 1000,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(end);
    clearTimeout(giveUp);
  }
}

/** What the lists are held against. */
async function readCatalogue(engine: Engine): Promise<Catalogue> {
  const session = engine.session('panels');
  const functions = await session.rows<{ name: string }>('SELECT name FROM system.functions');
  const tables = await session.rows<{ name: string }>(`SELECT name FROM system.tables WHERE database = '${engine.database}'`);
  const columns = await session.rows<{ name: string }>(
    `SELECT DISTINCT name FROM system.columns WHERE database = '${engine.database}' AND table IN (${TABLES.map((name) => `'${name}'`).join(', ')})`,
  );
  return {
    database: engine.database,
    functions: new Set(functions.map(({ name }) => name.toLowerCase())),
    columns: new Set(columns.map(({ name }) => name)),
    tables: new Set(tables.map(({ name }) => name)),
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

/** The statement as the engine's parser writes it, after it was held against the lists. Nothing of it is evaluated before it passed. */
async function checked(session: RawSession, { sql, format, parameters }: GuardedQuery, catalogue: Catalogue): Promise<Statement> {
  const text = async (query: string, values?: Readonly<Record<string, string>>) =>
    (await session.run(query, 'TSVRaw', values)).bytes.toString();
  // One statement comes out, without comments, each of its clauses on a line, line breaks in literals escaped; two are a syntax error.
  const canonical = (await text('SELECT formatQuery({sql:String})', { sql: escapedValue(sql) })).trim();
  const found = catalogueQuery(canonical, catalogue.database);
  if (found !== undefined) return { sql: found, format: knownFormat(format) };
  assertPlainNames(canonical);
  assertPlainIdentifiers(canonical, parameters);
  const { select, own } = withoutOptions(withCatalogueViews(canonical, catalogue.database));
  if (!/^[(\s]*(SELECT|WITH|FROM)\b/.test(select)) throw refused('only SELECT is taken here');
  const hold = async (rule: typeof refusedAsWritten, passes: string) => {
    const tree = parseQueryTree(await text(`EXPLAIN QUERY TREE ${passes} ${select}`, parameters), rule === refusedAsWritten);
    const isPlain = tree && !(tree.hasPatterns && hasLineFeeds(select));
    const refusal = isPlain
      ? rule(tree, catalogue)
      : { reason: 'this statement cannot be looked through: write it with simpler names and texts' };
    // Most often a name that is misspelt.
    const isMissing = refusal?.table !== undefined && /^\w+$/.test(refusal.table) && !catalogue.tables.has(refusal.table);
    if (refusal) throw isMissing ? unknownTable(refusal.reason) : refused(refusal.reason);
  };
  await hold(refusedAsWritten, 'run_passes = 0');
  await hold(refusedAsResolved, 'run_passes = 1, passes = 1');
  return { sql: select, format: knownFormat(own ?? format) };
}

/** A statement without the FORMAT behind it, which is the only thing that may stand there. */
function withoutOptions(canonical: string): { select: string; own: string | undefined } {
  const lines = canonical.split('\n');
  const tail = lines.findIndex((line) => /^(INTO |FORMAT |SETTINGS )/.test(line));
  const options = tail < 0 ? [] : lines.slice(tail);
  const own = /^FORMAT [`"]?(\w+)[`"]?$/.exec(options[0] ?? '')?.[1];
  if (options.length > 1 || (options.length === 1 && own === undefined))
    throw refused(
      `only one FORMAT and its name may follow a SELECT here, not ${options.find((line) => !line.startsWith('FORMAT '))?.split(/[ =]/, 1)[0] ?? 'two'}`,
    );
  return { select: (tail < 0 ? lines : lines.slice(0, tail)).join('\n'), own };
}

function assertBoundedParameters(parameters: Readonly<Record<string, string>> = {}): void {
  const entries = Object.entries(parameters);
  if (entries.some(([name]) => !/^\w{1,64}$/.test(name))) throw refused('names of parameters are letters, digits and underscores');
  const bytes = entries.reduce((total, [, value]) => total + Buffer.byteLength(value), 0);
  if (entries.length > MAX_PARAMETERS || bytes > MAX_PARAMETER_BYTES)
    throw new QueryError('MUSTER_QUERY_LIMIT', `expected at most ${MAX_PARAMETERS} parameters of ${MAX_PARAMETER_BYTES} bytes in all`, {
      code: 168,
      name: 'TOO_BIG_AST',
    });
}

/** What a parameter names is held to what a plain name may be: it does not stand in the text that was looked through. */
function assertPlainIdentifiers(canonical: string, parameters: Readonly<Record<string, string>> = {}): void {
  for (const [, name = ''] of canonical.matchAll(/\{ ?[`"]?(\w+)[`"]? ?: ?Identifier ?\}/gi)) {
    const value = parameters[name];
    if (value !== undefined && !/^\w+(\.\w+)?$/.test(value))
      throw refused(`the parameter ${name} names a table or column: letters, digits, underscores and a dot`);
  }
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
