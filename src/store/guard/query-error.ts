/** Why a query from outside failed, in ClickHouse's terms too. */
import { MusterError } from '../../errors.ts';

export class QueryError extends MusterError {
  /** ClickHouse's error code and its name, such as 60 and `UNKNOWN_TABLE`. */
  readonly clickhouse: { code: number; name: string };
  constructor(...[code, message, clickhouse]: [ConstructorParameters<typeof MusterError>[0], string, { code: number; name: string }]) {
    super(code, message);
    this.clickhouse = clickhouse;
  }
}

/** @param reason a sentence for whoever sent the statement */
export const refused = (reason: string): QueryError => new QueryError('MUSTER_QUERY_REFUSED', reason, { code: 497, name: 'ACCESS_DENIED' });

/** @param reason a sentence for whoever sent the statement */
export const unknownTable = (reason: string): QueryError => new QueryError('MUSTER_BAD_QUERY', reason, { code: 60, name: 'UNKNOWN_TABLE' });

/** Limits of time, speed, memory, rows, depth and size. */
const LIMIT_CODES = [158, 159, 160, 162, 167, 168, 173, 241, 306, 307, 396];
const REFUSED_CODES = [164, 291, 497];

/** Of an error's text; the engine may quote a value of any length in it. */
const MAX_MESSAGE = 4_000;
const CODE = /^Code: (\d+)\. DB::\w*Exception: (?:Code: \d+\. DB::\w*Exception: )?/;
/** What the text ends with: the engine's version, and the name of the code. */
const NAMED = / \(([A-Z][A-Z0-9_]{1,60})\)\s{0,10}$/;
const VERSION = /(?: \(version [^()]{0,200}(?:\([^()]{0,100}\))?\))?\.?$/;

/** The engine's error as ours, in a time that does not hang on how long its text is. */
export function queryError(error: unknown): unknown {
  if (error instanceof MusterError || !(error instanceof Error)) return error;
  const { message: text } = error;
  const head = CODE.exec(text.slice(0, 200));
  if (!head) return error;
  const tail = text.slice(-300);
  const name = NAMED.exec(tail)?.[1];
  const isLong = text.length > MAX_MESSAGE;
  const told = (isLong ? `${text.slice(head[0].length, MAX_MESSAGE)} …` : text.slice(head[0].length).replace(NAMED, '')).replace(
    VERSION,
    '',
  );
  const number = Number(head[1]);
  const kind = LIMIT_CODES.includes(number)
    ? 'MUSTER_QUERY_LIMIT'
    : REFUSED_CODES.includes(number)
      ? 'MUSTER_QUERY_REFUSED'
      : 'MUSTER_BAD_QUERY';
  return new QueryError(kind, told.replace(NAMED, ''), { code: number, name: name ?? 'UNKNOWN_EXCEPTION' });
}
