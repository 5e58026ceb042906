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

export const unknownTable = (reason: string): QueryError => new QueryError('MUSTER_BAD_QUERY', reason, { code: 60, name: 'UNKNOWN_TABLE' });

/** Limits of time, speed, memory, rows, depth and size. */
const LIMIT_CODES = [158, 159, 160, 162, 167, 168, 173, 241, 306, 307, 396];
const REFUSED_CODES = [164, 291, 497];

/** The engine's error as ours. */
export function queryError(error: unknown): unknown {
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
