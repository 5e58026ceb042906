/**
 * The gate for SQL from outside: what the engine's own parser says of a statement is held against lists before it runs, on a connection
 * of its own with bounded time, memory and result. Whoever runs SQL that Muster did not write goes through here.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TABLES } from '../../names.ts';
import type { Engine } from '../engine/engine.ts';
import { createChecker } from './check.ts';
import { type Connection, connectionPool } from './connections.ts';
import { createMemoryWatch } from './memory-watch.ts';
import { QueryError, queryError, refused } from './query-error.ts';
import { assertBoundedText, shapeOf } from './statement.ts';
import { turnstile } from './turns.ts';

/** What one statement may take. */
export const QUERY_LIMITS = { seconds: 30, memoryBytes: 512 * 1024 * 1024, rows: 1_000_000, resultBytes: 64 * 1024 * 1024 } as const;
/** Statements that run at a time; each holds a thread of the pool that `fsync` needs too. */
const TURNS = { running: 4, waiting: 100, urgent: 1, perSource: 2 };
const MAX_PARAMETERS = 100;
const MAX_PARAMETER_BYTES = 512 * 1024;
/** After its limit a statement is ended from outside; what does not heed that either is stuck. */
const END_AFTER_SECONDS = 5;
const STUCK_AFTER_SECONDS = 15;
const KILL_AGAIN_MS = 1_000;
/** What the text of an answer may take beside its rows, and what intake and rolls may meanwhile. */
const TEXT_BYTES = 256 * 1024 * 1024;
const OTHERS_BYTES = 768 * 1024 * 1024;

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
  // As the standard has it.
  union_default_mode: 'DISTINCT',
  max_ast_depth: 200,
  max_ast_elements: 20_000,
  // Of the tree with names replaced and stars resolved.
  max_expanded_ast_elements: 50_000,
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
  /** Filters of tables, as ClickHouse writes a map: `{'attempts':'region = \'eu\''}`. */
  filters?: string;
  /** Who asks: one source leaves room for others. */
  source?: string;
  /** Ends the query when nobody waits for it any more. */
  signal?: AbortSignal;
}

export interface GuardedResult {
  bytes: Buffer;
  format: string;
  /** Of the answer. */
  rows: number;
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
  const checker = createChecker(engine);
  const connections = connectionPool(engine, { idle: TURNS.running, settings: settingsFor(seconds) });
  const turns = turnstile(TURNS);
  const running = new Map<Connection, { shape: string; sinceMs: number; ended: Promise<unknown> }>();
  let isBroken = false;
  const kill = (connection: Connection) => {
    connection.isSpent = true;
    void stop(engine, connection.name);
  };

  const memory = createMemoryWatch({
    perStatement: QUERY_LIMITS.memoryBytes + TEXT_BYTES,
    others: OTHERS_BYTES,
    residentBytes: () => process.memoryUsage.rss(),
  });

  const run = async (query: GuardedQuery): Promise<GuardedResult> => {
    assertBoundedText(query.sql);
    assertBoundedParameters(query.parameters);
    const shape = shapeOf(query.sql);
    if (stuck.includes(shape)) throw refused('a statement like this did not end before, and made Muster start again; write it another way');
    let connection: Connection | undefined;
    let isTooMuch = false;
    // Told again until it has ended: the statement may only be about to begin.
    const end = () => {
      if (connection) kill(connection);
      const again = setInterval(() => connection && kill(connection), KILL_AGAIN_MS);
      void ended.then(() => clearInterval(again));
    };
    const answer = async () => {
      const use = (taken: Connection) => {
        connection = taken;
        running.set(taken, { shape, sinceMs: performance.now(), ended });
        return taken;
      };
      let taken = use(await connections.take());
      const statement = await checker.check(taken, query);
      const settings = withinLimit(statement.settings, seconds);
      if (Object.keys(settings).length > 0) {
        const own = await connections.take(settings);
        running.delete(taken);
        connections.give(taken);
        taken = use(own);
      }
      if (query.signal?.aborted)
        throw new QueryError('MUSTER_BAD_QUERY', 'Query was cancelled', { code: 394, name: 'QUERY_WAS_CANCELLED' });
      const result = await taken.run(statement.sql, statement.format, query.parameters);
      return { ...result, format: statement.format };
    };
    query.signal?.addEventListener('abort', end);
    const unwatch = memory.watch(() => {
      if (!isTooMuch) end();
      isTooMuch = true;
    });
    // Begun once what waits for its end is there.
    const work = Promise.resolve().then(answer);
    // A connection whose statement still runs must not be closed: that would wait for it.
    const ended: Promise<unknown> = work
      .catch(() => {
        if (connection) connection.isSpent = true;
      })
      .then(() => {
        unwatch();
        if (!connection) return;
        running.delete(connection);
        connections.give(connection);
      });
    try {
      // What hangs in a server is no thread of this process.
      return await inTime(work, seconds, end, () => engine.isEmbedded && onStuck(shape));
    } catch (error) {
      // An engine that has broken answers nothing any more.
      // What is told so first has most likely broken it.
      if (!isBroken && engine.isEmbedded && error instanceof Error && /due to a fatal error/.test(error.message)) {
        isBroken = true;
        onStuck(shape);
      }
      throw isTooMuch ? tooMuchMemory() : queryError(error);
    } finally {
      query.signal?.removeEventListener('abort', end);
    }
  };
  return {
    query: (query) => turns(() => run(query), { source: query.source ?? '', isUrgent: isOfAlerts(query.sql) }),
    async end() {
      checker.close();
      connections.close();
      if (!engine.isEmbedded) return true;
      const all = [...running];
      for (const [connection] of all) kill(connection);
      await Promise.race([Promise.all(all.map(([, { ended }]) => ended)), sleep(END_AFTER_SECONDS * 1000, undefined, { ref: false })]);
      // What waits beside a statement that does not end has done nothing.
      const [first, ...others] = [...running.values()].sort((a, b) => a.sinceMs - b.sinceMs);
      const isOver = ({ sinceMs }: { sinceMs: number }) => performance.now() - sinceMs > seconds * 1000;
      for (const { shape } of first ? [first, ...others.filter(isOver)] : []) onStuck(shape);
      return running.size === 0;
    },
  };
}

/** A limit of time may be shorter than the usual one, and not longer. */
function withinLimit({ max_execution_time: asked, ...others }: Record<string, string | number>, seconds: number) {
  return typeof asked === 'number' && asked < seconds ? { ...others, max_execution_time: asked } : others;
}

/** What alert rules read, and hardly anybody else. */
const ALERT_TABLES = ['alert_inputs', 'alert_states', 'findings'];
const OTHER_TABLES = new RegExp(`\\b(?:${TABLES.filter((name) => !ALERT_TABLES.includes(name)).join('|')})\\b`);
const OF_ALERTS = new RegExp(`\\b(?:${ALERT_TABLES.join('|')})\\b`);

/** Whether a statement asks what fires: a rule of Grafana's must not wait behind panels. */
const isOfAlerts = (sql: string): boolean => OF_ALERTS.test(sql) && !OTHER_TABLES.test(sql);

const tooMuchMemory = () =>
  new QueryError(
    'MUSTER_QUERY_LIMIT',
    'the answer of this statement takes more memory than it may: ask for fewer rows, or for columns with shorter names',
    { code: 241, name: 'MEMORY_LIMIT_EXCEEDED' },
  );

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

/** Ends a running query: rejecting its promise would not. */
async function stop(engine: Engine, name: string): Promise<void> {
  await engine
    .session('panels')
    .run(`KILL QUERY WHERE Settings['log_comment'] = '${name}' ASYNC`)
    .catch(() => {});
}
