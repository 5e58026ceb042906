/** What a name in a statement may stand for, by where it stands: ancestors in the raw query tree. */
import type { TreeNode } from './query-tree.ts';

export type Named = ReadonlyMap<string, readonly TreeNode[]>;

/** Nodes by a name that they have; those without one are left out. */
export function byName(nodes: readonly TreeNode[], nameOf: (node: TreeNode) => string | undefined): Named {
  const found = new Map<string, TreeNode[]>();
  for (const node of nodes) {
    const name = nameOf(node);
    if (name === undefined) continue;
    const alike = found.get(name);
    if (alike) alike.push(node);
    else found.set(name, [node]);
  }
  return found;
}

/** A node and all that it stands in, outwards. */
export function pathOf(node: TreeNode): TreeNode[] {
  const path: TreeNode[] = [];
  for (let at: TreeNode | undefined = node; at; at = at.parent) path.push(at);
  return path;
}

/** What a WITH calls so in whose reach the node stands: of a query around it, and defined before it unless recursive. */
export function commonTable(name: string, node: TreeNode): TreeNode | undefined {
  // With a dot the engine takes it for a table of a database as well, by rules of its own.
  if (!/^\w+$/.test(name)) return undefined;
  const path = new Set(pathOf(node));
  for (const query of path) {
    if (query.kind !== 'QUERY') continue;
    const defined = query.children.find(({ section }) => section === 'WITH')?.children ?? [];
    const around = defined.findIndex((each) => path.has(each));
    const visible = defined.filter(
      (each, index) => around < 0 || index < around || (index === around && each.fields.is_recursive_cte === '1'),
    );
    const found = visible.find(({ fields }) => fields.cte_name === name);
    if (found) return found;
  }
  return undefined;
}

/** The lambda around a node that has an argument of this name; what the function with that lambda is given stands beside it. */
export function lambdaOf(name: string, node: TreeNode, argumentsOf: (lambda: TreeNode) => ReadonlySet<string>): TreeNode | undefined {
  for (let at = node.parent; at; at = at.parent) if (at.kind === 'LAMBDA' && argumentsOf(at).has(name)) return at;
  return undefined;
}

/** Names of the arguments of a lambda. */
export const argumentNames = (lambda: TreeNode): ReadonlySet<string> =>
  new Set(
    lambda.children
      .find(({ section }) => section === 'ARGUMENTS')
      ?.children.flatMap(({ fields }) => (fields.identifier === undefined ? [] : [fields.identifier])),
  );

/** Queries around a node, from the inside. */
export function queriesAround(node: TreeNode): Set<TreeNode> {
  const around = new Set<TreeNode>();
  for (let query = node.query; query; query = query.query) around.add(query);
  return around;
}
