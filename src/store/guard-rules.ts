/** What SQL from outside may contain: functions and tables by list, never by what is forbidden. Pure: texts of the engine's own parser in. */
import { TABLES } from '../names.ts';

/** Groups of functions, as the engine documents them, that only compute. */
const FUNCTION_CATEGORIES = [
  'Aggregate Functions',
  'Arithmetic',
  'Arrays',
  'Bit',
  'Bitmap',
  'Comparison',
  'Conditional',
  'Dates and Times',
  'Distance',
  'Encoding',
  'Financial',
  'Hash',
  'IP Address',
  'JSON',
  'Logical',
  'Map',
  'Mathematical',
  'Null',
  'Random Number',
  'Rounding',
  'String',
  'String Replacement',
  'String Search',
  'String Splitting',
  'Time Series',
  'Time Window',
  'Tuple',
  'Type Conversion',
  'URL',
  'UUID',
] as const;

/** Of the group "Other", which also reads files and the process. */
const OTHER_FUNCTIONS =
  'bar blockNumber byteSize countDigits currentDatabase currentUser defaultValueOfTypeName displayName finalizeAggregation formatReadableDecimalSize formatReadableQuantity formatReadableSize formatReadableTimeDelta identity ignore indexHint initializeAggregation isConstant materialize neighbor parseReadableSize parseReadableSizeOrNull parseTimeDelta revision rowNumberInAllBlocks rowNumberInBlock runningAccumulate runningDifference toColumnTypeName toTypeName transform uptime version visibleWidth'.split(
    ' ',
  );
/** What the parser makes of operators and lambdas. */
const SYNTAX = ['lambda', 'exists', 'grouping', 'untuple', '_CAST', 'nested'];
const REFUSED = ['aggThrow', 'flameGraph', 'throwIf', 'formatRow', 'formatRowNoNewline'];
const TABLE_FUNCTIONS = ['numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'generate_series', 'generateSeries', 'values'];
/** Endings that make another aggregate function of one (ClickHouse, "Aggregate function combinators"). */
const COMBINATORS =
  /(If|Array|Map|SimpleState|State|Merge|MergeState|ForEach|Distinct|OrDefault|OrNull|Resample|ArgMin|ArgMax|RespectNulls)$/;

/** Tables of the engine itself: catalogue and the row of a SELECT without FROM. */
const SYSTEM_TABLES = ['one', 'numbers', 'functions'];
/** Those of the embedded engine show nothing but what is ours; a server's show all that its user may see. */
const EMBEDDED_TABLES = [...SYSTEM_TABLES, 'databases', 'tables', 'columns'];
/** Columns of the catalogue that tell of this machine. */
const HIDDEN_COLUMNS = /column_name: (data_path|data_paths|metadata_path|uuid|create_table_query|engine_full|source_id)\b/;

/** Names (lower case) of the functions that may be called. */
export interface AllowedFunctions {
  all: ReadonlySet<string>;
  aggregate: ReadonlySet<string>;
}

/** Gives the functions of the engine that may be called: `name`, `categories`, `is_aggregate`. */
export const FUNCTIONS_SQL = `SELECT f.name AS name, f.is_aggregate AS is_aggregate, trim(if(f.alias_to = '', f.categories, b.categories)) AS category, if(f.alias_to = '', f.name, f.alias_to) AS base
FROM system.functions AS f LEFT JOIN system.functions AS b ON b.name = f.alias_to`;

export interface EngineFunction {
  name: string;
  is_aggregate: number;
  category: string;
  base: string;
}

/** The allow-list, from what the engine says of its functions. */
export function allowedFunctions(functions: readonly EngineFunction[]): AllowedFunctions {
  const isAllowed = ({ category, base }: EngineFunction) =>
    !REFUSED.includes(base) && ((FUNCTION_CATEGORIES as readonly string[]).includes(category) || OTHER_FUNCTIONS.includes(base));
  const lower = (names: readonly { name: string }[]) => names.map(({ name }) => name.toLowerCase());
  // A name that only differs in case from one that is refused is refused.
  const refused = new Set(lower(functions.filter((each) => !isAllowed(each))));
  const allowed = functions.filter((each) => isAllowed(each) && !refused.has(each.name.toLowerCase()));
  return {
    all: new Set([...lower(allowed), ...[...SYNTAX, ...TABLE_FUNCTIONS].map((name) => name.toLowerCase())]),
    aggregate: new Set(lower(allowed.filter(({ is_aggregate }) => is_aggregate === 1))),
  };
}

function isAllowedFunction(name: string, { all, aggregate }: AllowedFunctions): boolean {
  if (all.has(name.toLowerCase())) return true;
  const base = name.replace(COMBINATORS, '');
  return base !== name && (aggregate.has(base.toLowerCase()) || isAllowedFunction(base, { all: aggregate, aggregate }));
}

/**
 * Why a statement is refused, by its syntax tree; undefined when it is not.
 * @param ast what `EXPLAIN AST` says
 */
export function refusedByAst(ast: string, functions: AllowedFunctions): string | undefined {
  const lines = ast.split('\n');
  if (!lines[0]?.startsWith('SelectWithUnionQuery')) return 'only SELECT is taken here';
  for (const line of lines) {
    const node = /^ *(\w+)(?: (.*))?$/.exec(line);
    if (node?.[1] === 'Set') return 'settings cannot be changed here';
    if (node?.[1] !== 'Function') continue;
    const name = (node[2] ?? '').replace(/ \((alias|children) .*$/, '');
    if (!isAllowedFunction(name, functions)) return `the function ${name.slice(0, 60)} is not allowed here`;
  }
  return undefined;
}

/**
 * Why a statement is refused, by what it would read; undefined when it is not.
 * @param tree what `EXPLAIN QUERY TREE` says: every table that any part of the statement resolves to
 */
export function refusedByTree(tree: string, database: string, isEmbedded: boolean): string | undefined {
  const systemTables = isEmbedded ? EMBEDDED_TABLES : SYSTEM_TABLES;
  for (const line of tree.split('\n')) {
    if (HIDDEN_COLUMNS.test(line)) return 'this column of the catalogue is not shown; name the columns that you need';
    const node = /^ *(TABLE|TABLE_FUNCTION) id: \d+(.*)$/.exec(line);
    if (!node) continue;
    const [, kind, rest = ''] = node;
    if (kind === 'TABLE_FUNCTION') {
      const name = /table_function_name: (\w+)(?:,|$)/.exec(rest)?.[1] ?? '';
      if (!TABLE_FUNCTIONS.includes(name)) return `the table function ${name} is not allowed here`;
      continue;
    }
    const name = /table_name: (\w+\.\w+)(?:,|$)/.exec(rest)?.[1];
    const isOurs = TABLES.some((table) => name === `${database}.${table}`);
    if (!isOurs && !systemTables.some((table) => name === `system.${table}`))
      return `${name ?? 'this table'} cannot be read here; there are ${TABLES.join(', ')}`;
  }
  return undefined;
}
