/** How large a statement becomes once names stand for what they name: thirty lines that double what came before make a billion parts. */
import type { QueryTree, TreeNode } from './query-tree.ts';
import { argumentNames, byName, lambdaOf, type Named } from './reach.ts';

/** A table counts as many nodes: the engine's plan for three thousand of them takes ten seconds. */
const TABLE_WEIGHT = 100;
/** Of a table, at most: `events_v` has 47. */
const TABLE_COLUMNS = 50;
/** The engine compares the columns of a join with those of every other beside it: twelve take seconds, forty have no end. */
const JOIN_WEIGHT = 24;
/** The resolved tree repeats texts and names at each of their uses: so many letters count as a node. */
const LETTERS_PER_NODE = 64;
/** So that sums of it stay numbers. */
const MAX_SIZE = 1e9;
/** Names that stand for names, one behind the other: a chain of more is too large, whatever it ends in. */
const MAX_CHAIN = 400;
/** Functions whose second argument may be a table. */
const IN = /^(?:global)?(?:not)?(?:null)?in(?:ignoreset)?$/i;

/**
 * Nodes of a statement with each name replaced by what it names, and each `*` by the columns of what it selects from. What a name stands for is
 * looked up once, however often it is written. Columns of a subquery stand for themselves: the engine repeats a subquery where it is selected from.
 * @param tables sections whose nodes are tables
 */
export function expandedSize(tree: QueryTree, aliases: Named, tables: ReadonlySet<string>): number {
  const common = byName(tree.nodes, ({ fields }) => fields.cte_name);
  const argumentsOf = kept(argumentNames);
  const columnsOf = columnCounter(common, tables);
  let depth = 0;
  const sizeOf = kept((node: TreeNode): number => {
    if (depth >= MAX_CHAIN) return MAX_SIZE;
    depth += 1;
    const own = (tables.has(node.section) ? TABLE_WEIGHT : 1) + joinSize(node) + Math.floor(lettersOf(node) / LETTERS_PER_NODE);
    const inner = node.children.reduce((total, child) => total + sizeOf(child), 0);
    const size = Math.min(MAX_SIZE, own + inner + sizeOfNamed(node));
    depth -= 1;
    return size;
  }, 1);
  const largest = (nodes: readonly TreeNode[]): number => nodes.reduce((most, node) => Math.max(most, sizeOf(node)), 0);
  // A name that leads back to itself: the engine says so.
  const asTable = kept((name: string) => Math.max(largest(common.get(name) ?? []), largest(aliases.get(name) ?? [])), 0);
  const asValue = kept((name: string) => largest((aliases.get(name) ?? []).filter(({ section }) => !tables.has(section))), 0);
  const besideLambda = kept((lambda: TreeNode) => largest((lambda.parent?.children ?? []).filter((each) => each !== lambda)), 0);
  const sizeOfNamed = (node: TreeNode): number => {
    if (node.kind === 'MATCHER') return node.query ? columnsOf(node.query) * sizeOfEach(node) : 0;
    const name = node.fields.identifier ?? node.fields.function_name;
    if (name === undefined) return 0;
    const named = tables.has(node.section) || IN.test(node.parent?.parent?.fields.function_name ?? '') ? asTable : asValue;
    // An element of a tuple, or a column of a table: the first part is what may stand for more.
    const sizes = [...new Set([name, name.split('.')[0] ?? name])].map((each) => {
      const lambda = lambdaOf(each, node, argumentsOf);
      return Math.max(named(each), lambda ? besideLambda(lambda) : 0);
    });
    return Math.max(...sizes);
  };
  /** What becomes of each column that a `*` stands for: one transformer is put around the other. */
  const sizeOfEach = (matcher: TreeNode): number =>
    transformersOf(matcher).reduce((size, each) => Math.min(MAX_SIZE, sizeOf(each) + usesOf(each) * size), 1);
  return sizeOf(tree.root);
}

/** Columns that a `*` in a query stands for, those with a long name as several. */
function columnCounter(common: Named, tables: ReadonlySet<string>): (query: TreeNode) => number {
  const sum = (nodes: readonly TreeNode[], of: (node: TreeNode) => number) =>
    nodes.reduce((total, node) => Math.min(MAX_SIZE, total + of(node)), 0);
  const letters = kept((node: TreeNode): number => lettersOf(node) + sum(node.children, letters));
  const ofSection = (node: TreeNode, section: string) =>
    node.children.filter((child) => child.section === section).flatMap(({ children }) => children);
  const selected = kept(
    (query: TreeNode): number =>
      sum(ofSection(query, 'PROJECTION'), (column) =>
        column.kind === 'MATCHER' ? columnsOf(query) : 1 + Math.floor((column.fields.alias?.length ?? letters(column)) / LETTERS_PER_NODE),
      ),
    0,
  );
  const offered = kept((table: TreeNode): number => {
    if (table.kind === 'QUERY') return selected(table);
    if (table.kind === 'UNION') return Math.max(0, ...ofSection(table, 'QUERIES').map(offered));
    const beside = sum(
      table.children.filter(({ section }) => tables.has(section)),
      offered,
    );
    if (table.kind !== 'IDENTIFIER') return Math.max(TABLE_COLUMNS, beside + ofSection(table, 'JOIN EXPRESSIONS').length);
    const named = common.get(table.fields.identifier ?? '');
    return named ? Math.max(...named.map(offered)) : TABLE_COLUMNS;
  }, 0);
  const columnsOf = (query: TreeNode): number =>
    sum(
      query.children.filter(({ section }) => section === 'JOIN TREE'),
      offered,
    );
  return columnsOf;
}

/** Of a chain of joins the last counts most. */
function joinSize(node: TreeNode): number {
  let length = 0;
  for (let at: TreeNode | undefined = node; at?.kind === 'JOIN'; at = at.children.find(({ kind }) => kind === 'JOIN')) length += 1;
  return JOIN_WEIGHT * length ** 2;
}

const lettersOf = ({ fields: { constant_value: value = '', alias = '', identifier = '' } }: TreeNode): number =>
  value.length + alias.length + identifier.length;

const transformersOf = (matcher: TreeNode): TreeNode[] => matcher.children.flatMap((list) => list.children);

/** How often the expression of a transformer uses the column that it is applied to. */
function usesOf(transformer: TreeNode): number {
  const [expression] = transformer.children;
  if (expression?.kind !== 'LAMBDA') return 1;
  const names = argumentNames(expression);
  const uses = (node: TreeNode): number =>
    node.children.reduce((sum, child) => sum + uses(child), names.has(node.fields.identifier?.split('.')[0] ?? '') ? 1 : 0);
  return Math.max(1, uses(expression));
}

/** Remembers what it has worked out; what leads back to itself is `meanwhile`. */
function kept<Key, Value>(work: (key: Key) => Value, meanwhile?: Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    if (meanwhile !== undefined) known.set(key, meanwhile);
    const value = work(key);
    known.set(key, value);
    return value;
  };
}
