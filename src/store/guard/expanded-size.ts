/** How large a statement becomes once names stand for what they name: thirty lines that double what came before make a billion parts. */
import type { QueryTree, TreeNode } from './query-tree.ts';
import { argumentNames, lambdaOf } from './reach.ts';
import { createScopes } from './scopes.ts';
import { kept, MAX_SIZE, total } from './sums.ts';

/** A table counts as many nodes: the engine's plan for three thousand of them takes ten seconds. */
const TABLE_WEIGHT = 100;
/** The same of a table for a `*`: it has up to 47 columns, each of which the engine looks up by itself. */
const COLUMNS_WEIGHT = 200;
/** The engine compares the columns of a join with those of every other beside it: twelve take seconds, forty have no end. */
const JOIN_WEIGHT = 24;
/** Keys cost more than what is only selected. */
const KEY_WEIGHT = 10;
/** The resolved tree repeats texts and names at each of their uses: so many letters count as a node. */
const LETTERS_PER_NODE = 64;
/** Names that stand for names, one behind the other: a chain of more is too large, whatever it ends in. */
const MAX_CHAIN = 400;
/** Functions whose second argument may be a table. */
const IN = /^(?:global)?(?:not)?(?:null)?in(?:ignoreset)?$/i;

/**
 * Nodes of a statement with each name replaced by what it names, and each `*` by the columns of what it selects from. What a name stands for is
 * looked up once, however often it is written. A column of a subquery counts as what it is made of: the planner moves filters down to there.
 * @param tables sections whose nodes are tables
 */
export function expandedSize(tree: QueryTree, tables: ReadonlySet<string>): number {
  const scopes = createScopes(tree, tables);
  const argumentsOf = kept(argumentNames);
  let depth = 0;

  const sizeOf = kept((node: TreeNode): number => {
    if (depth >= MAX_CHAIN) return MAX_SIZE;
    depth += 1;
    const size = Math.min(MAX_SIZE, ownSize(node, tables) + keysSize(node) + innerSize(node) + sizeOfNamed(node));
    depth -= 1;
    return size;
  }, 1);
  const largest = (nodes: readonly TreeNode[]): number => nodes.reduce((most, node) => Math.max(most, sizeOf(node)), 0);
  const plainSize = kept((node: TreeNode): number => ownSize(node, tables) + total(node.children, plainSize), 1);

  /** What a lambda makes of what it is given: once for each use of its arguments. */
  const applied = (lambda: TreeNode, given: number): number => {
    const isPlain = sizeOf(lambda) === plainSize(lambda);
    return Math.min(MAX_SIZE, sizeOf(lambda) + (isPlain ? Math.max(1, usesOf(lambda)) : sizeOf(lambda)) * given);
  };
  const innerSize = (node: TreeNode): number => {
    // What a WITH defines is made anew wherever it is selected from, and nowhere else.
    const inner = total(node.children, (child) => (child.fields.cte_name === undefined ? sizeOf(child) : plainSize(child)));
    const lambda = node.kind === 'FUNCTION' ? scopes.lambdaNamed(node.fields.function_name ?? '', node) : undefined;
    return lambda ? applied(lambda, inner) : inner;
  };
  const keysSize = (node: TreeNode): number => {
    const isAll = node.fields.is_group_by_all === '1' || node.fields.is_distinct === '1' || node.fields.is_order_by_all === '1';
    const keys = node.section === 'GROUP BY' || node.section === 'LIMIT BY' ? total(node.children, sizeOf) : 0;
    return Math.min(MAX_SIZE, KEY_WEIGHT * (keys + (isAll ? selectedColumns(node) : 0)));
  };

  const memberSize = kept((found: readonly TreeNode[]) => largest(found), 0);
  /** What stands beside a lambda is what it is given. */
  const besideLambda = kept(
    (lambda: TreeNode) =>
      lambda.parent?.parent?.kind === 'FUNCTION' ? largest(lambda.parent.children.filter((each) => each !== lambda)) : 0,
    0,
  );
  const sizeOfNamed = (node: TreeNode): number => {
    if (node.kind === 'MATCHER') return node.query ? Math.min(MAX_SIZE, columnsOf(node.query) * sizeOfEach(node)) : 0;
    const name = node.fields.identifier;
    if (name === undefined) return 0;
    const table = tables.has(node.section) || isInArgument(node) ? scopes.tableNamed(name, node) : undefined;
    const asTable = table ? sizeOf(table) : 0;
    if (tables.has(node.section)) return asTable;
    const head = name.split('.', 1)[0] ?? name;
    const lambda = lambdaOf(name, node, argumentsOf) ?? lambdaOf(head, node, argumentsOf);
    return Math.max(lambda ? besideLambda(lambda) : 0, asTable, memberSize(scopes.valueNamed(name, node)));
  };
  /** What becomes of each column that a `*` stands for: one transformer is put around the other. */
  const sizeOfEach = (matcher: TreeNode): number =>
    transformersOf(matcher).reduce((size, transformer) => {
      const [expression] = transformer.children;
      return expression?.kind === 'LAMBDA' ? applied(expression, size) : Math.min(MAX_SIZE, sizeOf(transformer) + size);
    }, 1);

  /** Columns of what a query selects from, those with a long name as several. */
  const columnsOf = (query: TreeNode): number => total(scopes.sourcesOf(query), offeredBy);
  const offeredBy = kept((source: TreeNode): number => {
    const queries = scopes.queriesOf(source);
    return queries.length === 0 ? COLUMNS_WEIGHT : queries.reduce((most, query) => Math.max(most, selectedColumns(query)), 0);
  }, 0);
  const selectedColumns = kept((query: TreeNode): number => {
    const columns = scopes.columnsSelected(query);
    return total(columns, (column) =>
      column.kind === 'MATCHER'
        ? columnsOf(query)
        : 1 + Math.floor((column.fields.alias?.length ?? lettersWithin(column)) / LETTERS_PER_NODE),
    );
  }, 0);

  return sizeOf(tree.root);
}

const isInArgument = (node: TreeNode): boolean => IN.test(node.parent?.parent?.fields.function_name ?? '');

const ownSize = (node: TreeNode, tables: ReadonlySet<string>): number =>
  (tables.has(node.section) ? TABLE_WEIGHT : 1) + joinSize(node) + Math.floor(lettersOf(node) / LETTERS_PER_NODE);

/** Of a chain of joins the last counts most. */
function joinSize(node: TreeNode): number {
  let length = 0;
  for (let at: TreeNode | undefined = node; at?.kind === 'JOIN'; at = at.children.find(({ kind }) => kind === 'JOIN')) length += 1;
  return JOIN_WEIGHT * length ** 2;
}

const lettersOf = ({ fields: { constant_value: value = '', alias = '', identifier = '' } }: TreeNode): number =>
  value.length + alias.length + identifier.length;
const lettersWithin = kept((node: TreeNode): number => lettersOf(node) + total(node.children, lettersWithin), 0);

const transformersOf = (matcher: TreeNode): TreeNode[] => matcher.children.flatMap((list) => list.children);

/** How often a lambda uses its arguments. */
const usesOf = kept((lambda: TreeNode): number => {
  const names = argumentNames(lambda);
  const isUse = ({ fields }: TreeNode) => names.has(fields.identifier?.split('.', 1)[0] ?? '');
  const uses = (node: TreeNode): number => (isUse(node) ? 1 : 0) + total(node.children, uses);
  return total(
    lambda.children.filter(({ section }) => section !== 'ARGUMENTS'),
    uses,
  );
});
