/**
 * What SQL from outside may contain: functions and tables by list, never by what is forbidden. Pure: query trees in, a reason out.
 *
 * The raw tree (before any pass of the engine) shows each function and table as it was written, those of scalar subqueries too, and nothing
 * was evaluated for it. The resolved tree shows what names came to mean, but subqueries that fold to a constant are gone from it. A
 * statement passes both, the raw one first.
 */
import { TABLES } from '../../names.ts';
import { CATALOGUE_VIEWS } from './catalogue.ts';
import { AGGREGATE_FUNCTIONS, FUNCTIONS, IN_FUNCTIONS, NAMED_BY_TEXT, REGULAR_EXPRESSIONS, TABLE_FUNCTIONS } from './functions.ts';
import type { QueryTree, TreeNode } from './query-tree.ts';

/** Nodes that a tree may hold, each of which is looked at here or has nothing in it that could name a function or a table. */
const NODES = new Set(
  'QUERY,UNION,LIST,FUNCTION,IDENTIFIER,CONSTANT,LAMBDA,MATCHER,JOIN,CROSS JOIN,ARRAY_JOIN,TABLE_FUNCTION,WINDOW,SORT,INTERPOLATE,APPLY COLUMN TRANSFORMER,EXCEPT COLUMN TRANSFORMER,REPLACE COLUMN TRANSFORMER'.split(
    ',',
  ),
);
const TABLE_SECTIONS = new Set(['JOIN TREE', 'TABLE EXPRESSION', 'LEFT TABLE EXPRESSION', 'RIGHT TABLE EXPRESSION']);
/** What the engine's own passes put in the place of subqueries and conversions. */
const MADE_BY_PASSES = new Set(['__getscalar', '__scalarsubqueryresult', '__actionname']);

/** Endings that make another aggregate function of one (ClickHouse, "Aggregate function combinators"). */
const COMBINATORS =
  /(If|Array|Map|SimpleState|State|Merge|MergeState|ForEach|Distinct|OrDefault|OrNull|Resample|ArgMin|ArgMax|RespectNulls)$/i;

/** Tables of the engine itself that hold nothing of ours: the row of a SELECT without FROM, numbers, and what functions there are. */
const SYSTEM_TABLES = ['system.one', 'system.numbers', 'system.functions'];

const MAX_PATTERN_LENGTH = 1_000;
/** Nodes of a statement once each name stands for what it names: doubling is a matter of thirty lines. */
const MAX_EXPANDED_NODES = 20_000;
/** A table counts as many nodes: the engine's plan for three thousand of them takes ten seconds. */
const TABLE_WEIGHT = 100;

export interface Catalogue {
  database: string;
  /** Names (lower case) of all functions of the engine. */
  functions: ReadonlySet<string>;
  /** Names of the columns of {@link TABLES}. */
  columns: ReadonlySet<string>;
}

/** Whether a function may be called, by its name as written. */
export function isAllowedFunction(name: string): boolean {
  return FUNCTIONS.has(name.toLowerCase()) || isAllowedAggregate(name);
}

function isAllowedAggregate(name: string): boolean {
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
  for (const node of tree.nodes) {
    const refusal = NODES.has(node.kind)
      ? refusedNode(node, tree, aliases, catalogue)
      : { reason: `${node.kind.toLowerCase()} is not taken here` };
    if (refusal) return refusal;
  }
  if (expandedSize(tree, aliases) > MAX_EXPANDED_NODES)
    return {
      reason: `names that stand for others make this statement larger than ${MAX_EXPANDED_NODES} parts; write it with fewer of them`,
    };
  return undefined;
}

type Named = ReadonlyMap<string, readonly TreeNode[]>;

function byName(nodes: readonly TreeNode[], nameOf: (node: TreeNode) => string | undefined): Named {
  const found = new Map<string, TreeNode[]>();
  for (const node of nodes) {
    const name = nameOf(node);
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), node]);
  }
  return found;
}

function refusedNode(node: TreeNode, tree: QueryTree, aliases: Named, catalogue: Catalogue): Refusal | undefined {
  const { kind, fields, section } = node;
  if (kind === 'TABLE_FUNCTION') {
    const name = fields.table_function_name ?? '';
    return TABLE_FUNCTIONS.has(name.toLowerCase()) ? undefined : noTableFunction(name);
  }
  if (kind === 'FUNCTION') return refusedCall(node, aliases, catalogue);
  if (kind !== 'IDENTIFIER') return undefined;
  const name = fields.identifier ?? '';
  if (TABLE_SECTIONS.has(section)) return isAllowedTable(name, catalogue) || isCommonTable(name, node) ? undefined : noTable(name);
  if (
    isArgument(node) &&
    !isAllowedFunction(name) &&
    catalogue.functions.has(name.toLowerCase()) &&
    !mayBeAColumn(name, tree, aliases, catalogue)
  )
    return notAllowed(name, '; if it is the name of a column, call that something else');
  return undefined;
}

/** A function with its arguments. */
function refusedCall(node: TreeNode, aliases: Named, catalogue: Catalogue): Refusal | undefined {
  const name = node.fields.function_name ?? '';
  const isLambda = aliases.get(name)?.every(({ kind }) => kind === 'LAMBDA') && !catalogue.functions.has(name.toLowerCase());
  if (!isAllowedFunction(name) && !isLambda) return notAllowed(name);
  const lower = name.toLowerCase();
  const given = node.children.find(({ section }) => section === 'ARGUMENTS')?.children ?? [];
  if (NAMED_BY_TEXT.has(lower)) {
    const named = /^'(\w+)(?:\(.*\))?'$/s.exec(given[0]?.fields.constant_value ?? '')?.[1];
    if (named === undefined || !isAllowedAggregate(named))
      return { reason: `the first argument of ${name} is the name of an aggregate function that is allowed here, written out` };
  }
  if (REGULAR_EXPRESSIONS.has(lower)) return refusedPattern(name, given[1]);
  if (IN_FUNCTIONS.has(lower)) return refusedSet(given[1], aliases, catalogue);
  return undefined;
}

/** A pattern that comes out of rows is compiled for each of them. A parameter is a constant in a conversion. */
function refusedPattern(name: string, pattern: TreeNode | undefined): Refusal | undefined {
  const constant =
    pattern?.kind === 'FUNCTION' && /^_?cast$/i.test(pattern.fields.function_name ?? '') ? pattern.children[0]?.children[0] : pattern;
  if (constant === undefined) return undefined;
  if (constant.kind !== 'CONSTANT') return { reason: `the pattern of ${name} is a text, written out or a parameter` };
  if ((constant.fields.constant_value ?? '').length > MAX_PATTERN_LENGTH)
    return { reason: `expected a pattern of ${name} of at most ${MAX_PATTERN_LENGTH} characters` };
  return undefined;
}

/** The right side of IN: a table where it is the name of one. */
function refusedSet(set: TreeNode | undefined, aliases: Named, catalogue: Catalogue): Refusal | undefined {
  if (set?.kind !== 'IDENTIFIER') return undefined;
  const name = set.fields.identifier ?? '';
  if (isAllowedTable(name, catalogue) || isCommonTable(name, set)) return undefined;
  // What an alias names must be written out: another name would be looked up as a table.
  if (aliases.get(name)?.every(({ kind }) => kind === 'CONSTANT' || kind === 'FUNCTION')) return undefined;
  return noTable(name, `; to look into a column that is a list, write has(${short(name)}, …)`);
}

/** Whether a name is that of a WITH in whose reach the node stands: of a query around it, and defined before it unless recursive. */
function isCommonTable(name: string, node: TreeNode): boolean {
  const path = new Set<TreeNode>();
  for (let at: TreeNode | undefined = node; at; at = at.parent) path.add(at);
  for (const query of path) {
    if (query.kind !== 'QUERY') continue;
    const defined = query.children.find(({ section }) => section === 'WITH')?.children ?? [];
    const around = defined.findIndex((each) => path.has(each));
    const visible = defined.filter(
      (each, index) => around < 0 || index < around || (index === around && each.fields.is_recursive_cte === '1'),
    );
    if (visible.some(({ fields }) => fields.cte_name === name)) return true;
  }
  return false;
}

/** Whether a name stands among the arguments of a function, where the engine also takes names of functions. */
const isArgument = ({ parent }: TreeNode): boolean => parent?.kind === 'LIST' && parent.parent?.kind === 'FUNCTION';

/**
 * A name that is a column as well as a function is decided by the resolved tree, unless a subquery might have been folded away from that.
 */
function mayBeAColumn(name: string, tree: QueryTree, aliases: Named, { columns }: Catalogue): boolean {
  const isLambdaArgument = tree.nodes.some(
    ({ kind, fields, parent }) =>
      kind === 'IDENTIFIER' && fields.identifier === name && parent?.section === 'ARGUMENTS' && parent.parent?.kind === 'LAMBDA',
  );
  if (!columns.has(name) && !aliases.has(name) && !isLambdaArgument) return false;
  return !tree.nodes.some(isFoldable);
}

/** A query in the place of a value. */
const isFoldable = ({ kind, section, parent, fields }: TreeNode): boolean =>
  (kind === 'QUERY' || kind === 'UNION') &&
  parent !== undefined &&
  !TABLE_SECTIONS.has(section) &&
  fields.is_cte !== '1' &&
  !(parent.kind === 'LIST' && parent.section === 'QUERIES');

/** How many nodes a statement has once each name is replaced by what it names, as the engine does it. */
function expandedSize(tree: QueryTree, aliases: Named): number {
  const tables = byName(tree.nodes, ({ fields }) => fields.cte_name);
  const sizes = new Map<TreeNode, number>();
  const sizeOf = (node: TreeNode): number => {
    const known = sizes.get(node);
    if (known !== undefined) return known;
    // A name that leads back to itself: the engine says so.
    sizes.set(node, 1);
    const name = node.fields.identifier ?? node.fields.function_name;
    const named = name === undefined ? [] : [...(tables.get(name) ?? []), ...(aliases.get(name) ?? []).filter((each) => each !== node)];
    const own = TABLE_SECTIONS.has(node.section) ? TABLE_WEIGHT : 1;
    const size = own + sum(node.children.map(sizeOf)) + Math.max(0, ...named.map(sizeOf));
    sizes.set(node, Math.min(size, Number.MAX_SAFE_INTEGER / 1024));
    return size;
  };
  return sizeOf(tree.root);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/**
 * Why a statement is refused by what its names came to mean; undefined when it is not.
 * @param tree of `EXPLAIN QUERY TREE run_passes = 1, passes = 1`
 */
export function refusedAsResolved(tree: QueryTree, catalogue: Catalogue): Refusal | undefined {
  for (const { kind, fields } of tree.nodes) {
    if (kind === 'FUNCTION') {
      const name = fields.function_name ?? '';
      if (!isAllowedFunction(name) && !MADE_BY_PASSES.has(name.toLowerCase())) return notAllowed(name);
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
