/** The query tree that the engine prints of a statement, read back: what stands in it, and what stands in what. */

/** Lines that open a node; titles of sections ("JOIN TREE") stand between them. */
const NODE = /^( *)([A-Z][A-Z_ ]*?) id: (\d+)(?:, (.*))?$/;
const TITLE = /^( *)([A-Z][A-Z_ ]*?) *$/;
/** Behind the kind of a node: `alias: x, function_name: max`. Names from outside hold no such separator, see `statement.ts`. */
const SEPARATOR = /, (?=[a-z_]+: )/;

export interface TreeNode {
  /** `FUNCTION`, `IDENTIFIER`, `QUERY` … */
  kind: string;
  /** Such as `function_name`, `identifier`, `alias`. */
  fields: Readonly<Record<string, string>>;
  /** The section of its parent that it stands in: `WITH`, `JOIN TREE`, `ARGUMENTS`; empty where there is none. */
  section: string;
  parent: TreeNode | undefined;
  children: TreeNode[];
}

export interface QueryTree {
  root: TreeNode;
  /** In the order in which they are printed. */
  nodes: readonly TreeNode[];
  /** Whether any part of the statement brings settings. */
  hasSettings: boolean;
}

/**
 * Reads what `EXPLAIN QUERY TREE` printed.
 * @param isRaw whether no pass has run yet: its nodes are numbered one after the other
 * @returns undefined when the numbering of a raw tree shows lines that the engine did not print, but a name or a pattern brought in
 */
export function parseQueryTree(text: string, isRaw: boolean): QueryTree | undefined {
  const nodes: TreeNode[] = [];
  const open: { indent: number; node: TreeNode }[] = [];
  const titles: { indent: number; title: string }[] = [];
  let hasSettings = false;
  let seen = -1;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    if (/^ *SETTINGS( |$)/.test(line)) hasSettings = true;
    const match = NODE.exec(line);
    const indent = (match?.[1] ?? TITLE.exec(line)?.[1])?.length;
    if (indent === undefined) continue;
    while ((titles.at(-1)?.indent ?? -1) >= indent) titles.pop();
    if (!match) {
      titles.push({ indent, title: (TITLE.exec(line)?.[2] ?? '').trim() });
      continue;
    }
    const id = Number(match[3]);
    if (isRaw && id !== seen + 1) return undefined;
    seen = id;
    while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
    const above = open.at(-1);
    const title = titles.at(-1);
    const node: TreeNode = {
      kind: match[2] as string,
      fields: Object.fromEntries((match[4] ?? '').split(SEPARATOR).map(nameAndValue)),
      section: title && title.indent > (above?.indent ?? -1) ? title.title : '',
      parent: above?.node,
      children: [],
    };
    if (!above && nodes.length > 0) return undefined;
    above?.node.children.push(node);
    open.push({ indent, node });
    nodes.push(node);
  }
  const [root] = nodes;
  return root && { root, nodes, hasSettings };
}

function nameAndValue(field: string): [string, string] {
  const at = field.indexOf(': ');
  return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 2)];
}
