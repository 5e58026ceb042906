/** The core's own store: one interface over SQLite, which is there by default, and PostgreSQL, when one process is outgrown. */
export type Value = string | number | null | Uint8Array;

/** Statements with `?` for each value, in the words that both databases know. */
export interface Statements {
  one<Row>(sql: string, ...values: Value[]): Promise<Row | undefined>;
  all<Row>(sql: string, ...values: Value[]): Promise<Row[]>;
  /** Rows changed. */
  run(sql: string, ...values: Value[]): Promise<number>;
  /** Until the transaction ends, nobody else is inside of one with this name. Always asked for in the same order. */
  alone(name: string): Promise<void>;
}

/** Statements outside of a transaction see what was committed. */
export interface CoreStorage extends Statements {
  /**
   * Everything inside happens and is durable when this resolves, or nothing does. The work waits for nothing but its own statements:
   * with SQLite others wait for it. It may be done again from its start, and so does nothing else.
   */
  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T>;
  /** Leaves no trace of deleted rows in the files that are this storage's own. */
  scrub(): Promise<void>;
  close(): Promise<void>;
}
