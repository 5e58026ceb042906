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

/** Whether a name is that of a WITH in whose reach the node stands: of a query around it, and defined before it unless recursive. */
export function isCommonTable(name: string, node: TreeNode): boolean {
  // With a dot the engine takes it for a table of a database as well, by rules of its own.
  if (!/^\w+$/.test(name)) return false;
  const path = new Set(pathOf(node));
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

/** What a name may stand for where it is the argument of a lambda around the node: whatever the function with that lambda is given. */
export function lambdaArguments(name: string, node: TreeNode): readonly TreeNode[] {
  const lambda = pathOf(node).find(
    ({ kind, children }) =>
      kind === 'LAMBDA' &&
      children.find(({ section }) => section === 'ARGUMENTS')?.children.some(({ fields }) => fields.identifier === name),
  );
  return (lambda?.parent?.children ?? []).filter((each) => each !== lambda);
}

/** Whether an alias is given in a query around the node. */
export function isAliasInReach(alias: TreeNode, node: TreeNode): boolean {
  const query = pathOf(alias)
    .slice(1)
    .find(({ kind }) => kind === 'QUERY');
  return query !== undefined && pathOf(node).includes(query);
}
