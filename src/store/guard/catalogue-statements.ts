/** What people and clients ask to find their way, beside SELECT: answered by a SELECT of ours over what may be read anyway. */
import { TABLES } from '../../names.ts';
import { unknownTable } from './query-error.ts';

const NAMES = TABLES.map((name) => `'${name}'`).join(', ');
/** Of a text as the engine's formatter quotes it. */
const TEXT = String.raw`'(?:[^'\\]|\\.)*'`;
const NAME = '[`"]?(\\w+)[`"]?';
const TABLE = `(?:${NAME}\\.)?${NAME}`;
const LIKE = `( NOT)?(?: (I?LIKE) (${TEXT}))?(?: LIMIT (\\d{1,9}))?`;
const SHOW_TABLES = new RegExp(`^SHOW TABLES(?: FROM ${NAME})?${LIKE}$`);
const SHOW_DATABASES = new RegExp(`^SHOW DATABASES${LIKE}$`);
const SHOW_COLUMNS = new RegExp(`^SHOW (?:EXTENDED )?(?:FULL )?COLUMNS FROM ${NAME}(?: FROM ${NAME})?${LIKE}$`);
const DESCRIBE = new RegExp(`^DESCRIBE TABLE ${TABLE}$`);
const EXISTS = new RegExp(`^EXISTS (TABLE|VIEW|DATABASE) ${TABLE}$`);

/**
 * The SELECT that answers a statement; undefined for one that is none of these.
 * @param canonical what the engine's formatter wrote, without options
 * @throws QueryError for a table that is not there
 */
export function catalogueSelect(canonical: string, database: string): string | undefined {
  const isOurs = (named: string | undefined) => named === undefined || named === database;
  const shown = SHOW_TABLES.exec(canonical);
  if (shown && isOurs(shown[1]))
    return `SELECT name FROM system.tables
      WHERE database = '${database}' AND name IN (${NAMES})${filtered('name', shown.slice(2), 'name')}`;
  const databases = SHOW_DATABASES.exec(canonical);
  if (databases) return `SELECT name FROM system.databases WHERE name = '${database}'${filtered('name', databases.slice(1), 'name')}`;
  const columns = SHOW_COLUMNS.exec(canonical);
  if (columns && isOurs(columns[2])) {
    const nullable = `startsWith(type, 'Nullable(') OR startsWith(type, 'LowCardinality(Nullable(')`;
    return `SELECT name AS field, type, if(${nullable}, 'YES', 'NO') AS \`null\`, '' AS key, NULL AS default, '' AS extra
      FROM system.columns WHERE ${columnsOf(columns[1] ?? '', database)}${filtered('name', columns.slice(3), 'position')}`;
  }
  const described = DESCRIBE.exec(canonical);
  if (described && isOurs(described[1]))
    return `SELECT name, type, '' AS default_type, '' AS default_expression, comment, '' AS codec_expression, '' AS ttl_expression
      FROM system.columns WHERE ${columnsOf(described[2] ?? '', database)} ORDER BY position`;
  const asked = EXISTS.exec(canonical);
  if (!asked) return undefined;
  const [, kind, of, name = ''] = asked;
  const isThere = kind === 'DATABASE' ? name === database : isOurs(of) && isTable(name);
  return `SELECT toUInt8(${Number(isThere)}) AS result`;
}

const isTable = (name: string): boolean => (TABLES as readonly string[]).includes(name);

/** @throws QueryError: a server says that there is no such table, rather than that it has no columns */
function columnsOf(table: string, database: string): string {
  if (!isTable(table)) throw unknownTable(`no table is called ${table}; there are ${TABLES.join(', ')}`);
  return `database = '${database}' AND table = '${table}'`;
}

/** LIKE and LIMIT of a SHOW. @param parts `NOT`, `LIKE` or `ILIKE`, the pattern as the engine quotes it, the limit */
function filtered(column: string, [not = '', like, pattern, limit]: readonly (string | undefined)[], order: string): string {
  const condition = like === undefined ? '' : ` AND ${column}${not} ${like} ${pattern}`;
  return `${condition} ORDER BY ${order}${limit === undefined ? '' : ` LIMIT ${limit}`}`;
}
