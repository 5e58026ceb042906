/** How large a statement becomes once names stand for what they name: thirty lines that double what came before make a billion parts. */
import type { QueryTree, TreeNode } from './query-tree.ts';
import { byName, lambdaArguments, type Named, pathOf } from './reach.ts';

/** A table counts as many nodes: the engine's plan for three thousand of them takes ten seconds. */
const TABLE_WEIGHT = 100;
/** So that sums of it stay numbers. */
const MAX_SIZE = 1e9;

/**
 * Nodes of a statement with each name replaced by what it names, and each `*` by the columns of what it selects from.
 * @param tables sections whose nodes are tables
 */
export function expandedSize(tree: QueryTree, aliases: Named, tables: ReadonlySet<string>): number {
  const common = byName(tree.nodes, ({ fields }) => fields.cte_name);
  const sizes = new Map<TreeNode, number>();
  const standsFor = (node: TreeNode): TreeNode[] => {
    const name = node.fields.identifier ?? node.fields.function_name;
    if (node.kind === 'MATCHER') {
      const query = pathOf(node).find(({ kind }) => kind === 'QUERY');
      return query?.children.filter(({ section }) => section === 'JOIN TREE') ?? [];
    }
    if (name === undefined) return [];
    // An element of a tuple, or a column of a table: the first part is what may stand for more.
    return [name, name.split('.')[0] ?? name]
      .flatMap((each) => [...(common.get(each) ?? []), ...(aliases.get(each) ?? []), ...lambdaArguments(each, node)])
      .filter((each) => each !== node);
  };
  const sizeOf = (node: TreeNode): number => {
    const known = sizes.get(node);
    if (known !== undefined) return known;
    // A name that leads back to itself: the engine says so.
    sizes.set(node, 1);
    const own = tables.has(node.section) ? TABLE_WEIGHT : 1;
    const inner = node.children.reduce((total, child) => total + sizeOf(child), 0);
    const size = Math.min(MAX_SIZE, own + inner + Math.max(0, ...standsFor(node).map(sizeOf)));
    sizes.set(node, size);
    return size;
  };
  return sizeOf(tree.root);
}
