/** What Muster asks of ClickHouse, embedded or in a server: a queue of statements per role, rows in bulk, SQL from outside. */

/** One connection is one queue: whoever must not wait for another has a role of its own. */
export const ROLES = ['load', 'roll', 'read', 'panels', 'evaluate', 'explain', 'detect', 'tidy'] as const;
export type Role = (typeof ROLES)[number];

export type Parameters = Record<string, string | number | boolean | readonly string[]>;

/** A queue of statements on one connection. */
export interface Session {
  /** Rows of a SELECT as objects. Values from outside go in as `parameters`, never into the text. */
  rows<Row>(sql: string, parameters?: Parameters): Promise<Row[]>;
  /** A statement without a result. */
  run(sql: string): Promise<void>;
}

/** Rows in bulk, on their way into the engine. */
export interface BulkRows {
  /** One text, or pieces of it. */
  data: string | Buffer | readonly Buffer[];
  format: 'TSV' | 'JSONCompactEachRow';
  /** Names and types of the columns, as `file()` and `input()` take them. */
  structure: string;
}

export interface RawResult {
  bytes: Buffer;
  /** Of the answer. */
  rows: number;
  bytesRead: number;
  elapsedSeconds: number;
}

/** Of every session: what a time without a zone means must not hang on the machine or the server that it is asked on. */
export const SESSION_ZONE = 'UTC';

/** The longest answer of a {@link RawSession}, in bytes. */
export const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/** An answer beyond it, in the engine's words. */
export const answerTooLong = (): Error =>
  new Error(`Code: 396. DB::Exception: the answer is longer than ${MAX_ANSWER_BYTES} bytes: ask for fewer rows (TOO_MANY_ROWS_OR_BYTES)`);

/** A connection that answers in any format, as bytes. */
export interface RawSession {
  /** @param values of the `{name:Type}` in the text, escaped as in a tab-separated file: the form of ClickHouse's HTTP interface */
  run(sql: string, format: string, values?: Readonly<Record<string, string>>): Promise<RawResult>;
  close(): void;
}

export interface Engine {
  /** Name of the ClickHouse database. */
  readonly database: string;
  /** Whether its files lie in the data directory. */
  readonly isEmbedded: boolean;
  session(role: Role): Session;
  /** Runs an INSERT … SELECT from rows in bulk; `statement` is given what to select from. */
  insert(role: Role, rows: BulkRows, statement: (source: string) => string): Promise<void>;
  /** Hands `use` the name of what the statements of a role can select the rows from; it is gone afterwards. */
  withRows<T>(role: Role, rows: BulkRows, use: (source: string) => Promise<T>): Promise<T>;
  /** Writes what a SELECT gives into a file of this machine, as Parquet. */
  exportTo(path: string, select: string): Promise<void>;
  /**
   * A connection of its own for one statement from outside: what others left behind is not there, and nothing can be changed.
   * @param settings bounds of what it may take
   */
  untrusted(settings: Readonly<Record<string, string | number>>): Promise<RawSession>;
  /** Lets statements from outside read the views that they may, once those are there. */
  offer(): Promise<void>;
  /** Ends what waits for an answer: nothing more can be asked. What runs in the process itself goes on to its end. */
  abandon(): Promise<void>;
  close(): Promise<void>;
}

/** Text as a literal of ClickHouse's SQL. */
export const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Text as a value of a parameter, see {@link RawSession.run}. */
export const escapedValue = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r');

/** Checks a name before it becomes part of a statement. */
export function databaseName(name: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`not a database name: ${name}`);
  return name;
}
