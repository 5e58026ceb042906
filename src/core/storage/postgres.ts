/** The core's store in PostgreSQL, for more than one process. */
import { Pool, type PoolClient, types } from 'pg';
import { MusterError, systemCode } from '../../errors.ts';
import { migrateCore } from './migrate.ts';
import type { CoreStorage, Statements, Value } from './storage.ts';

const MAX_CONNECTIONS = 16;
const CONNECT_MS = 5_000;
/** A statement that takes longer hangs: nothing here reads more than some thousand rows. */
const STATEMENT_MS = 15_000;
/** One process at a time brings the schema up to date; the number only has to be ours. */
const MIGRATION_LOCK = 7_357_001;
/** serialization_failure and deadlock_detected: PostgreSQL asks for the transaction to be done again (manual, section 13.5). */
const AGAIN = new Set(['40001', '40P01']);
const MAX_TRIES = 5;

/** Numbers here are counts and milliseconds, far below 2^53. */
const parsers = { getTypeParser: (id: number, format?: 'text') => (id === types.builtins.INT8 ? Number : types.getTypeParser(id, format)) };

/** `?` as `$1`, `$2`, …: no statement of the core has a question mark in a text. */
const numbered = new Map<string, string>();
function inPostgres(sql: string): string {
  const known = numbered.get(sql);
  if (known !== undefined) return known;
  let n = 0;
  const text = sql.replace(/\?/g, () => `$${++n}`);
  numbered.set(sql, text);
  return text;
}

type Queryable = Pick<PoolClient, 'query'>;

const of = (queryable: Queryable): Statements => {
  const query = (sql: string, values: readonly Value[]) => queryable.query({ text: inPostgres(sql), values: values.map(bound) });
  return {
    one: async <Row>(sql: string, ...values: Value[]) => (await query(sql, values)).rows[0] as Row | undefined,
    all: async <Row>(sql: string, ...values: Value[]) => (await query(sql, values)).rows as Row[],
    run: async (sql, ...values) => (await query(sql, values)).rowCount ?? 0,
    alone: async (name) => void (await query('SELECT pg_advisory_xact_lock(hashtextextended(?, 0))', [name])),
  };
};

/** The driver takes bytes as a Buffer. @throws MUSTER_BAD_ARGUMENT for a text that PostgreSQL cannot keep */
function bound(value: Value) {
  if (typeof value === 'string' && value.includes('\0')) throw new MusterError('MUSTER_BAD_ARGUMENT', 'a text holds a zero character');
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

/**
 * Opens a database, such as postgres://user:password@host/muster.
 * @throws MUSTER_CORE_UNREACHABLE
 */
export async function openPostgres(url: string): Promise<CoreStorage> {
  const pool = new Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    // Not `statement_timeout`, which goes with the start of a connection: poolers such as PgBouncer refuse what they do not know there.
    query_timeout: STATEMENT_MS,
    types: parsers as typeof types,
    application_name: 'muster-core',
  });
  // A connection that breaks is replaced by the pool, and whoever used it is told by their statement; without listeners it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  const storage: CoreStorage = {
    ...reachable(of(pool)),
    async transaction(work) {
      for (let tries = 1; ; tries++) {
        try {
          return await once(pool, work);
        } catch (error) {
          if (tries === MAX_TRIES || !AGAIN.has(systemCode(error) ?? '')) throw unreachable(error);
        }
      }
    },
    async scrub() {
      for (const table of ['enrollments', 'factors', 'kept_answers', 'outbox', 'sends', 'people']) await storage.run(`VACUUM ${table}`);
    },
    close: () => pool.end(),
  };
  try {
    await storage.transaction(async (statements) => {
      await statements.run(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
      await migrateCore(statements, 'postgres');
    });
  } catch (error) {
    await pool.end();
    throw error;
  }
  return storage;
}

async function once<T>(pool: Pool, work: (statements: Statements) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((cause: unknown) => {
    throw new MusterError('MUSTER_CORE_UNREACHABLE', UNREACHABLE, { cause });
  });
  let broken: Error | undefined;
  try {
    await client.query(`BEGIN; SET LOCAL statement_timeout = ${STATEMENT_MS}`);
    const result = await work(of(client));
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    // A connection that could not roll back may still be inside its transaction.
    client.release(broken);
  }
}

function reachable(statements: Statements): Statements {
  const told = async <T>(result: Promise<T>) => {
    try {
      return await result;
    } catch (error) {
      throw unreachable(error);
    }
  };
  return {
    one: (sql, ...values) => told(statements.one(sql, ...values)),
    all: (sql, ...values) => told(statements.all(sql, ...values)),
    run: (sql, ...values) => told(statements.run(sql, ...values)),
    alone: (name) => told(statements.alone(name)),
  };
}

/** Errors of the connection as our own; those of a statement are defects, and stay as they are. */
function unreachable(error: unknown): unknown {
  if (error instanceof MusterError || !(error instanceof Error)) return error;
  const code = systemCode(error) ?? '';
  // Class 08: connection exceptions; 57P0x: the server stops or starts; 53300: too many connections; 28 and 3D000: who and where. The driver's
  // own errors have no code.
  const isConnection = code === '' ? LOST.test(error.message) : /^(?:E[A-Z]+|08...|57P0.|53300|28...|3D000)$/.test(code);
  return isConnection ? new MusterError('MUSTER_CORE_UNREACHABLE', UNREACHABLE, { cause: error }) : error;
}
const LOST =
  /^(?:Connection terminated|Client (?:has encountered a connection error|was closed)|timeout e(?:xceeded|xpired)|Query read timeout)/;
const UNREACHABLE = 'the database of the core does not answer; see MUSTER_CORE_DATABASE_URL, and send this request again';
