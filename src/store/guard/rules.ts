/**
 * What SQL from outside may contain: functions and tables by list, never by what is forbidden. Pure: query trees in, a reason out.
 *
 * The raw tree (before any pass of the engine) shows each function and table as it was written, those of scalar subqueries too, and nothing
 * was evaluated for it. The resolved tree shows what names came to mean, but subqueries that fold to a constant are gone from it. A
 * statement passes both, the raw one first.
 */
import { TABLES } from '../../names.ts';
import { CATALOGUE_VIEWS } from './catalogue.ts';
import { expandedSize } from './expanded-size.ts';
import {
  AGGREGATE_FUNCTIONS,
  FUNCTIONS,
  IN_FUNCTIONS,
  LENGTHS,
  NAMED_BY_TEXT,
  TABLE_FUNCTIONS,
  TYPED,
  WITH_COLUMNS,
  WRITTEN_OUT,
} from './functions.ts';
import type { QueryTree, TreeNode } from './query-tree.ts';
import { byName, commonTable, type Named, queriesAround } from './reach.ts';
import { type AllowsZone, ZONED, ZONES_TAKEN } from './time-zones.ts';
import { arePlainColumns, isPlainType, textOf } from './type-text.ts';

/** Nodes that a tree may hold, each of which is looked at here or has nothing in it that could name a function or a table. */
const NODES = new Set(
  'QUERY,UNION,LIST,FUNCTION,IDENTIFIER,CONSTANT,LAMBDA,MATCHER,JOIN,CROSS JOIN,ARRAY_JOIN,TABLE_FUNCTION,WINDOW,SORT,INTERPOLATE,APPLY COLUMN TRANSFORMER,EXCEPT COLUMN TRANSFORMER,REPLACE COLUMN TRANSFORMER'.split(
    ',',
  ),
);
const TABLE_SECTIONS = new Set(['JOIN TREE', 'TABLE EXPRESSION', 'LEFT TABLE EXPRESSION', 'RIGHT TABLE EXPRESSION']);
/** What the engine's own passes put in the place of subqueries and conversions. */
const MADE_BY_PASSES = new Set(['__getscalar', '__scalarsubqueryresult', '__actionname']);

/**
 * Endings that make another aggregate function of one (ClickHouse, "Aggregate function combinators"). Not `Resample`: sizes that are multiplied
 * overflow in the engine.
 */
const COMBINATORS = /(If|Array|Map|SimpleState|State|Merge|MergeState|ForEach|Distinct|OrDefault|OrNull|ArgMin|ArgMax|RespectNulls)$/i;
/** No name that anybody writes is longer. */
const MAX_NAME_LENGTH = 200;
/** Parts of a statement that one name stands for. */
const MAX_ALIKE = 100;

/** Tables of the engine itself that hold nothing of ours: the row of a SELECT without FROM, numbers, and what functions there are. */
const SYSTEM_TABLES = ['system.one', 'system.numbers', 'system.functions'];

/** Of a pattern or a text that is looked for. */
const MAX_TEXT_LENGTH = 1_000;
/** Of what such a text, or a list of them, is put together from. */
const MAX_TEXTS_LENGTH = 20_000;
/** Keys that rows are grouped by in more than one way: each way has a table of its own in memory. */
const MAX_GROUPINGS = 50;
/** Of `CUBE`, which groups in as many ways as these have subsets. */
const MAX_CUBED = 6;
/** Of a list that is made of one element. */
const MAX_LENGTH = 10_000;
/** Nodes of a statement once each name stands for what it names: doubling is a matter of thirty lines. */
const MAX_EXPANDED_NODES = 20_000;

/** Of the columns that a `*` stands for. */
const MAX_TRANSFORMERS = 20;
/** Tables and subqueries that are read: as many as those nodes allow. */
const MAX_TABLES = 200;

/** What there is in the engine. */
export interface Names {
  database: string;
  /** Names (lower case) of all functions of the engine. */
  functions: ReadonlySet<string>;
  /** Endings (lower case) that make another aggregate function of one, all that the engine has. */
  combinators: ReadonlySet<string>;
  /** Names of all tables and views in it, those that are not shown among them. */
  tables: ReadonlySet<string>;
}

export interface Catalogue extends Names {
  allowsZone: AllowsZone;
}

/** Whether a function may be called, by its name as written. */
export function isAllowedFunction(name: string): boolean {
  return FUNCTIONS.has(name.toLowerCase()) || isAllowedAggregate(name);
}

function isAllowedAggregate(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH) return false;
  if (AGGREGATE_FUNCTIONS.has(name.toLowerCase())) return true;
  const base = name.replace(COMBINATORS, '');
  return base !== name && isAllowedAggregate(base);
}

const short = (name: string) => name.slice(0, 60);
const notAllowed = (name: string, hint = ''): Refusal => ({ reason: `the function ${short(name)} is not allowed here${hint}` });
const noTableFunction = (name: string): Refusal => ({ reason: `the table function ${short(name)} is not allowed here` });

function isAllowedTable(name: string, { database }: Catalogue): boolean {
  const own = name.startsWith(`${database}.`) ? name.slice(database.length + 1) : name;
  return (TABLES as readonly string[]).includes(own) || CATALOGUE_VIEWS.includes(own) || SYSTEM_TABLES.includes(name);
}

/** Why a statement is refused. */
export interface Refusal {
  reason: string;
  /** The table that it may not read, where there may be none of that name. */
  table?: string;
}

const noTable = (name: string, hint = ''): Refusal => ({
  reason: `${short(name)} cannot be read here; there are ${TABLES.join(', ')}${hint}`,
  table: name,
});

/**
 * Why a statement is refused by what is written in it; undefined when it is not.
 * @param tree of `EXPLAIN QUERY TREE run_passes = 0`
 */
export function refusedAsWritten(tree: QueryTree, catalogue: Catalogue): Refusal | undefined {
  if (tree.hasSettings) return { reason: 'settings cannot be changed here' };
  const aliases = byName(tree.nodes, ({ fields }) => fields.alias);
  if (tree.nodes.filter(({ section }) => TABLE_SECTIONS.has(section)).length > MAX_TABLES)
    return { reason: `at most ${MAX_TABLES} tables and subqueries are taken here` };
  for (const node of tree.nodes) {
    const refusal = NODES.has(node.kind)
      ? refusedNode(node, aliases, catalogue)
      : { reason: `${node.kind.toLowerCase()} is not taken here` };
    if (refusal) return refusal;
  }
  if (expandedSize(tree, TABLE_SECTIONS) > MAX_EXPANDED_NODES)
    return {
      reason: `names that stand for others make this statement larger than ${MAX_EXPANDED_NODES} parts; write it with fewer of them`,
    };
  return undefined;
}

function refusedNode(node: TreeNode, aliases: Named, catalogue: Catalogue): Refusal | undefined {
  const { kind, fields, section } = node;
  if (kind === 'TABLE_FUNCTION') return refusedTableFunction(node, catalogue);
  if (kind === 'FUNCTION') return refusedCall(node, aliases, catalogue);
  if (kind === 'QUERY') return refusedGrouping(node);
  if (kind === 'MATCHER') return refusedTransformers(node);
  if (kind !== 'IDENTIFIER') return undefined;
  const name = fields.identifier ?? '';
  if (TABLE_SECTIONS.has(section)) return isAllowedTable(name, catalogue) || commonTable(name, node) ? undefined : noTable(name);
  // Whether it means a column or a function is the engine's to say, and it evaluates on the way: none of our columns is called like one of these.
  if (!isAllowedFunction(name) && isFunction(name, catalogue))
    return notAllowed(name, '; if it is the name of a column or an argument, call that something else');
  return isTyped(name) ? { reason: `${short(name)} names a part of a value by a type, which is not taken here` } : undefined;
}

/** Whether a name has, behind a dot, what could be a type: parts of values of any type are named so, and the engine makes one of that type. */
const isTyped = (name: string): boolean => /\.(?::|[^.]*\((?!\)$))/.test(name);

function refusedTableFunction(node: TreeNode, catalogue: Catalogue): Refusal | undefined {
  const name = node.fields.table_function_name ?? '';
  if (!TABLE_FUNCTIONS.has(name.toLowerCase())) return noTableFunction(name);
  if (!WITH_COLUMNS.has(name.toLowerCase())) return undefined;
  const first = node.children.find(({ section }) => section === 'ARGUMENTS')?.children[0];
  const value = first?.kind === 'CONSTANT' ? (first.fields.constant_value ?? '') : undefined;
  const isRow = first?.kind === 'FUNCTION' && first.fields.function_name === 'tuple';
  if (isRow || (value !== undefined && (!value.startsWith("'") || arePlainColumns(textOf(value), catalogue.allowsZone)))) return undefined;
  return { reason: `the first argument of ${name} is a row, or names and types of columns, written out: 'name String, n UInt64'` };
}

function refusedGrouping({ fields, children }: TreeNode): Refusal | undefined {
  const keys = children.find(({ section }) => section === 'GROUP BY')?.children.length ?? 0;
  if (fields.group_by_type === undefined || keys <= (fields.group_by_type === 'cube' ? MAX_CUBED : MAX_GROUPINGS)) return undefined;
  return { reason: `CUBE takes at most ${MAX_CUBED} keys, ROLLUP and GROUPING SETS ${MAX_GROUPINGS}` };
}

/** `* APPLY(f) APPLY(g)`: each stands in the one before it, for each column. */
const refusedTransformers = ({ children }: TreeNode): Refusal | undefined =>
  children.length > MAX_TRANSFORMERS || children.some((each) => each.kind === 'LIST' && each.children.length > MAX_TRANSFORMERS)
    ? { reason: `at most ${MAX_TRANSFORMERS} of APPLY, EXCEPT and REPLACE are taken behind one another` }
    : undefined;

/** Whether the engine has a function of this name, made of another by combinators or not. */
function isFunction(name: string, catalogue: Catalogue): boolean {
  if (name.length > MAX_NAME_LENGTH) return true;
  const lower = name.toLowerCase();
  if (catalogue.functions.has(lower)) return true;
  for (const ending of catalogue.combinators)
    if (lower.endsWith(ending) && lower !== ending && isFunction(lower.slice(0, -ending.length), catalogue)) return true;
  return false;
}

/** Whether a query around a node calls a lambda so, and nothing else in the statement is called so. */
function namesLambda(name: string, node: TreeNode, aliases: Named): boolean {
  const alike = aliases.get(name) ?? [];
  if (alike.length > MAX_ALIKE || !alike.every(({ kind }) => kind === 'LAMBDA')) return false;
  const around = queriesAround(node);
  return alike.some(({ query }) => query !== undefined && around.has(query));
}

/** A function with its arguments. */
function refusedCall(node: TreeNode, aliases: Named, catalogue: Catalogue): Refusal | undefined {
  const name = node.fields.function_name ?? '';
  const isLambda = !isAllowedFunction(name) && namesLambda(name, node, aliases) && !isFunction(name, catalogue);
  if (!isAllowedFunction(name) && !isLambda) return notAllowed(name);
  const lower = name.toLowerCase();
  const given = node.children.find(({ section }) => section === 'ARGUMENTS')?.children ?? [];
  return (
    refusedType(name, given.at(TYPED.get(lower) ?? given.length), catalogue) ??
    refusedZone(name, ZONED.get(lower) ?? [], given, catalogue) ??
    (lower === 'tupleelement' ? refusedElement(given[1]) : undefined) ??
    (lower === 'getsubcolumn' ? refusedPart(given[1]) : undefined) ??
    (NAMED_BY_TEXT.has(lower) ? refusedName(name, given[0]) : undefined) ??
    (IN_FUNCTIONS.has(lower) ? refusedSet(given[1], aliases, catalogue) : undefined) ??
    refusedArgument(name, 'what is looked for', WRITTEN_OUT.get(lower), given, areShortTexts) ??
    refusedArgument(name, 'the length', LENGTHS.get(lower), given, isSmallNumber)
  );
}

/** A type in a text: what stands in it is evaluated when it is read. */
function refusedType(name: string, type: TreeNode | undefined, { allowsZone }: Catalogue): Refusal | undefined {
  if (type === undefined || (type.kind === 'CONSTANT' && isPlainType(textOf(type.fields.constant_value ?? ''), allowsZone)))
    return undefined;
  return {
    reason: `the type in ${name} is written out: numbers, texts, times and lists of them, such as Array(Nullable(String)); ${ZONES_TAKEN}`,
  };
}

/** A time zone, written out or a parameter: how many there are of them must be known. */
function refusedZone(
  name: string,
  positions: readonly number[],
  given: readonly TreeNode[],
  { allowsZone }: Catalogue,
): Refusal | undefined {
  const isWrong = (argument: TreeNode | undefined) => {
    if (argument === undefined || isNoText(argument)) return false;
    const zone = textOf(constantsOf(argument, CONVERSIONS)?.[0] ?? '');
    return zone === undefined || !allowsZone(zone);
  };
  return positions.some((position) => isWrong(given[position]))
    ? { reason: `the time zone in ${name} is written out, or a parameter; ${ZONES_TAKEN}` }
    : undefined;
}

/** A number, or a moment, where a zone may stand as well. */
const isNoText = ({ kind, fields, children }: TreeNode): boolean =>
  (kind === 'FUNCTION' && children.length === 0 && /^(?:server)?time_?zone$/i.test(fields.function_name ?? '')) ||
  (kind === 'CONSTANT' && textOf(fields.constant_value ?? '') === undefined) ||
  (kind === 'FUNCTION' && MOMENTS.test(fields.function_name ?? ''));
const MOMENTS = /^(?:toDateTime(?:64|32)?|toDate(?:32)?|now|now64|fromUnixTimestamp64(?:Second|Milli|Micro|Nano)|toInterval[A-Z][a-z]+)$/;

/** An element of a tuple by its name. */
const refusedElement = (element: TreeNode | undefined): Refusal | undefined => {
  const name = textOf(element?.fields.constant_value ?? '');
  return element?.kind === 'CONSTANT' && (name === undefined || /^\w+$/.test(name))
    ? undefined
    : { reason: 'an element of a tuple is named by letters, digits and underscores, written out, or by its number' };
};

/** A part of a value: its name could be a type, which the engine would make. */
const refusedPart = (part: TreeNode | undefined): Refusal | undefined =>
  part?.kind === 'CONSTANT' && /^\w+(?:\.\w+)*$/.test(textOf(part.fields.constant_value ?? '') ?? '')
    ? undefined
    : { reason: 'a part of a value is named by letters, digits and underscores, written out' };

/** A function named by a text: parameters of an aggregate function in that text would be evaluated, whatever they are. */
function refusedName(name: string, text: TreeNode | undefined): Refusal | undefined {
  const named = /^'(\w+)(?:\([\d., ]*\))?'$/.exec(text?.fields.constant_value ?? '')?.[1];
  if (named !== undefined && isAllowedAggregate(named)) return undefined;
  return {
    reason: `the first argument of ${name} is the name of an aggregate function that is allowed here, written out, with numbers as parameters`,
  };
}

/** An argument on which the cost hangs, by its position: written out, or a parameter, which is a constant in a conversion. */
function refusedArgument(
  name: string,
  what: string,
  position: number | undefined,
  given: readonly TreeNode[],
  fits: (argument: TreeNode) => boolean,
): Refusal | undefined {
  const argument = position === undefined ? undefined : given[position];
  if (argument === undefined || fits(argument)) return undefined;
  return {
    reason: `${what} in ${name} is written out or a parameter, and at most ${MAX_TEXT_LENGTH} characters or ${MAX_LENGTH} elements`,
  };
}

const CONVERSIONS = /^(_?cast|array)$/i;
/** What patterns are put together with, such as `LIKE concat('%', {text:String}, '%')`; none makes more of a text than is in it. */
const JOINING = /^(_?cast|array|tuple|concat|lower|upper|lowerUTF8|upperUTF8|char)$/i;

/** The values of the constants that an argument is made of by some functions; undefined when it is made of anything else. */
function constantsOf(node: TreeNode, functions: RegExp): string[] | undefined {
  if (node.kind === 'CONSTANT') return [node.fields.constant_value ?? ''];
  if (node.kind !== 'FUNCTION' || !functions.test(node.fields.function_name ?? '')) return undefined;
  const inner = (node.children[0]?.children ?? []).map((each) => constantsOf(each, functions));
  return inner.every((each) => each !== undefined) ? inner.flat() : undefined;
}

function areShortTexts(argument: TreeNode): boolean {
  const texts = constantsOf(argument, JOINING);
  if (texts === undefined) return false;
  const longest = argument.fields.function_name?.toLowerCase() === 'array' ? MAX_TEXTS_LENGTH : MAX_TEXT_LENGTH;
  return texts.every(({ length }) => length <= MAX_TEXT_LENGTH) && texts.reduce((sum, { length }) => sum + length, 0) <= longest;
}

/** `UInt64_5`, or a text that is converted, and the type that it is converted to. */
const isSmallNumber = (argument: TreeNode): boolean =>
  constantsOf(argument, CONVERSIONS)?.every((value) => {
    const number = /^(?:U?Int64_|')(\d{1,9})'?$/.exec(value)?.[1];
    return number === undefined ? /^'[A-Za-z]+\d*'$/.test(value) : Number(number) <= MAX_LENGTH;
  }) ?? false;

/** The right side of IN: a table where it is the name of one. */
function refusedSet(set: TreeNode | undefined, aliases: Named, catalogue: Catalogue): Refusal | undefined {
  if (set?.kind !== 'IDENTIFIER') return undefined;
  const name = set.fields.identifier ?? '';
  if (isAllowedTable(name, catalogue) || commonTable(name, set)) return undefined;
  // What an alias names must be written out: another name would be looked up as a table.
  const alike = aliases.get(name) ?? [];
  if (alike.length > MAX_ALIKE) return { reason: `${short(name)} stands for more than ${MAX_ALIKE} things in this statement` };
  const around = queriesAround(set);
  const named = alike.filter(({ query }) => query !== undefined && around.has(query));
  const isValue = named.length > 0 && named.every(({ kind }) => ['CONSTANT', 'FUNCTION', 'QUERY', 'UNION'].includes(kind));
  if (isValue && !name.includes('.') && !catalogue.tables.has(name)) return undefined;
  return noTable(name, `; to look into a column that is a list, write has(${short(name)}, …)`);
}

/**
 * Why a statement is refused by what its names came to mean; undefined when it is not.
 * @param tree of `EXPLAIN QUERY TREE run_passes = 1, passes = 1`
 */
export function refusedAsResolved(tree: QueryTree, catalogue: Catalogue): Refusal | undefined {
  for (const node of tree.nodes) {
    const { kind, fields } = node;
    if (kind === 'FUNCTION') {
      const name = fields.function_name ?? '';
      if (!isAllowedFunction(name) && !MADE_BY_PASSES.has(name.toLowerCase())) return notAllowed(name);
      // Made of `value.part` in a query around the one that has the value.
      const given = name === 'getSubcolumn' ? node.children.find(({ section }) => section === 'ARGUMENTS')?.children : undefined;
      const refusal = given && refusedPart(given[1]);
      if (refusal) return refusal;
    } else if (kind === 'TABLE_FUNCTION') {
      const name = fields.table_function_name ?? '';
      if (!TABLE_FUNCTIONS.has(name.toLowerCase())) return noTableFunction(name);
    } else if (kind === 'TABLE') {
      const name = fields.table_name ?? 'this table';
      // Those of WITH RECURSIVE are the statement's own.
      const isOwn = name.startsWith('_temporary_and_external_tables.') && fields.temporary_table_name !== undefined;
      if (!isOwn && !isAllowedTable(name, catalogue)) return noTable(name);
    }
  }
  return undefined;
}
