/** What names in a statement stand for, by the query that they stand in: its aliases, then the columns that it selects from, then those around it. */
import type { QueryTree, TreeNode } from './query-tree.ts';
import { byName, commonTable, type Named, pathOf } from './reach.ts';
import { kept } from './sums.ts';

export interface Scopes {
  /** Expressions that a name may stand for where a node has it: the same list whenever it is the same. */
  valueNamed(name: string, node: TreeNode): readonly TreeNode[];
  /** What a WITH calls so, seen from where a node has the name. */
  tableNamed(name: string, node: TreeNode): TreeNode | undefined;
  /** The lambda that a WITH calls so. */
  lambdaNamed(name: string, node: TreeNode): TreeNode | undefined;
  /** Tables and subqueries that a query selects from. */
  sourcesOf(query: TreeNode): readonly TreeNode[];
  /** The queries that a source is made of; none of a table. */
  queriesOf(source: TreeNode): readonly TreeNode[];
  /** Expressions and stars that a query selects. */
  columnsSelected(query: TreeNode): readonly TreeNode[];
}

const NONE: readonly TreeNode[] = [];

/** The scopes of a statement. @param tables sections whose nodes are tables */
export function createScopes(tree: QueryTree, tables: ReadonlySet<string>): Scopes {
  const nodesOf = new Map<TreeNode, TreeNode[]>();
  for (const node of tree.nodes) {
    if (!node.query || node.fields.alias === undefined || tables.has(node.section)) continue;
    const known = nodesOf.get(node.query);
    if (known) known.push(node);
    else nodesOf.set(node.query, [node]);
  }
  const aliasesIn = kept((query: TreeNode): Named => byName(nodesOf.get(query) ?? [], ({ fields }) => fields.alias));
  const inSection = (node: TreeNode, section: string) =>
    node.children.filter((child) => child.section === section).flatMap(({ children }) => children);

  const sourcesWithin = (node: TreeNode): TreeNode[] =>
    node.kind === 'QUERY' || node.kind === 'UNION' || node.kind === 'IDENTIFIER' || node.kind === 'TABLE_FUNCTION'
      ? [node]
      : node.children.filter(({ section }) => tables.has(section)).flatMap(sourcesWithin);
  const sourcesOf = kept((query: TreeNode) => query.children.filter(({ section }) => section === 'JOIN TREE').flatMap(sourcesWithin));
  const queriesOf = kept((source: TreeNode): readonly TreeNode[] => {
    if (source.kind === 'QUERY') return [source];
    if (source.kind === 'UNION') return inSection(source, 'QUERIES').flatMap(queriesOf);
    const named = commonTable(source.fields.identifier ?? '', source);
    return named ? queriesOf(named) : NONE;
  }, NONE);
  const columnsSelected = kept((query: TreeNode) => inSection(query, 'PROJECTION'));

  /** Columns by their names, those that a star hands on among them. */
  const columnsIn = kept((query: TreeNode) => {
    const named = new Map<string, TreeNode[]>();
    for (const column of columnsSelected(query)) {
      const name = column.fields.alias ?? column.fields.identifier?.split('.').at(-1);
      if (name === undefined) continue;
      const alike = named.get(name);
      if (alike) alike.push(column);
      else named.set(name, [column]);
    }
    return { named, hasStar: columnsSelected(query).some(({ kind }) => kind === 'MATCHER') };
  });
  const columnsBelow = perName((query: TreeNode, name: string): TreeNode[] =>
    sourcesOf(query).flatMap((source) =>
      queriesOf(source).flatMap((each) => {
        const { named, hasStar } = columnsIn(each);
        return [...(named.get(name) ?? NONE), ...(hasStar ? columnsBelow(each, name) : NONE)];
      }),
    ),
  );
  /** Within what an alias names, its name is that of a column. */
  const isWithinAlias = (node: TreeNode, name: string, query: TreeNode) =>
    pathOf(node).some((each) => each.query === query && each.fields.alias === name);
  const columnsNamed = perName((query: TreeNode, name: string) => {
    const parts = name.split('.');
    return [...new Set([name, parts[0] ?? name, parts.at(-1) ?? name])].flatMap((each) => columnsBelow(query, each));
  });
  const allNamed = perName((query: TreeNode, name: string) => [...(aliasesIn(query).get(name) ?? NONE), ...columnsNamed(query, name)]);
  const found = (name: string, node: TreeNode): readonly TreeNode[] => {
    for (let query = node.query; query; query = query.query) {
      const isOwn = aliasesIn(query).has(name) && isWithinAlias(node, name, query);
      const values = isOwn ? columnsNamed(query, name) : allNamed(query, name);
      if (values.length > 0) return values;
    }
    return NONE;
  };

  return {
    valueNamed(name, node) {
      const whole = found(name, node);
      const head = name.split('.', 1)[0] ?? name;
      // An element of a tuple, or a column of a table.
      return whole.length > 0 || head === name ? whole : found(head, node);
    },
    tableNamed: commonTable,
    lambdaNamed: (name, node) => (name === '' ? undefined : found(name, node).find(({ kind }) => kind === 'LAMBDA')),
    sourcesOf,
    queriesOf,
    columnsSelected,
  };
}

/** Remembers lists by node and name; one that leads back to itself is empty. */
function perName(work: (query: TreeNode, name: string) => TreeNode[]): (query: TreeNode, name: string) => readonly TreeNode[] {
  const known = new WeakMap<TreeNode, Map<string, readonly TreeNode[]>>();
  return (query, name) => {
    const names = known.get(query) ?? new Map<string, readonly TreeNode[]>();
    known.set(query, names);
    const before = names.get(name);
    if (before) return before;
    names.set(name, NONE);
    const made = work(query, name);
    names.set(name, made);
    return made;
  };
}
