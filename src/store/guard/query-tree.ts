/** The query tree that the engine prints of a statement, read back: what stands in it, and what stands in what. */

/** Lines that open a node. Names in them may hold any character but a line feed. */
const NODE = /^( *)([A-Z][A-Z_ ]*?) id: (\d+)(?:, (.*))?$/s;
/** Titles of sections that stand between them. */
const TITLES = new Set(
  `WITH,PROJECTION,PROJECTION COLUMNS,JOIN TREE,PREWHERE,WHERE,GROUP BY,HAVING,WINDOW,QUALIFY,ORDER BY,INTERPOLATE,INTERPOLATE_EXPRESSION,
LIMIT BY LIMIT,LIMIT BY OFFSET,LIMIT BY,LIMIT,OFFSET,ARGUMENTS,PARAMETERS,EXPRESSION,QUERIES,TABLE EXPRESSION,LEFT TABLE EXPRESSION,
RIGHT TABLE EXPRESSION,JOIN EXPRESSION,JOIN EXPRESSIONS,PARTITION BY,FRAME BEGIN OFFSET,FRAME END OFFSET,FILL FROM,FILL TO,FILL STEP,
FILL STALENESS,DISTINCT ON,SAMPLE SIZE,SAMPLE OFFSET`.split(/,\s*/),
);
/** What else stands in a raw tree: the text of what is sorted by, and names of what `REPLACE` replaces. */
const OTHER = /^ *(EXPRESSION .*|REPLACEMENTS \d+|REPLACEMENT NAME .* EXPRESSION)$/s;
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
  /** The query that it stands in; undefined of the outermost. */
  query: TreeNode | undefined;
  children: TreeNode[];
}

export interface QueryTree {
  root: TreeNode;
  /** In the order in which they are printed. */
  nodes: readonly TreeNode[];
  /** Whether any part of the statement brings settings. */
  hasSettings: boolean;
  /** Whether columns are chosen by a pattern, which is printed as it is, line feeds too. */
  hasPatterns: boolean;
}

/**
 * Reads what `EXPLAIN QUERY TREE` printed.
 * @param isRaw whether no pass has run yet: its nodes are numbered one after the other
 * @returns undefined when a raw tree has lines that the engine does not print, or numbers them in another way
 */
export function parseQueryTree(text: string, isRaw: boolean): QueryTree | undefined {
  const nodes: TreeNode[] = [];
  const open: { indent: number; node: TreeNode }[] = [];
  const titles: { indent: number; title: string }[] = [];
  let hasSettings = false;
  let seen = -1;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    if (/^ *SETTINGS( |$)/.test(line)) {
      hasSettings = true;
      continue;
    }
    const match = NODE.exec(line);
    const indent = line.length - line.trimStart().length;
    const isTitle = TITLES.has(line.trim());
    if (!match && !isTitle) {
      if (isRaw && !OTHER.test(line)) return undefined;
      continue;
    }
    while ((titles.at(-1)?.indent ?? -1) >= indent) titles.pop();
    if (!match) {
      titles.push({ indent, title: line.trim() });
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
      fields: fieldsOf(match[2] as string, match[4] ?? ''),
      section: title && title.indent > (above?.indent ?? -1) ? title.title : '',
      parent: above?.node,
      query: above?.node.kind === 'QUERY' ? above.node : above?.node.query,
      children: [],
    };
    if (!above && nodes.length > 0) return undefined;
    above?.node.children.push(node);
    open.push({ indent, node });
    nodes.push(node);
  }
  const [root] = nodes;
  const hasPatterns = nodes.some(({ fields }) => Object.keys(fields).some((name) => name.endsWith('pattern')));
  return root && { root, nodes, hasSettings, hasPatterns };
}

/** A text holds whatever its author likes: of a constant, what stands between its value and its type is the value. */
const CONSTANT_VALUE = /(?:^|, )constant_value: (.*), constant_value_type: .*$/s;

/** Of a field that is there twice, the first is the engine's. */
function fieldsOf(kind: string, text: string): Record<string, string> {
  const value = kind === 'CONSTANT' ? CONSTANT_VALUE.exec(text) : null;
  const plain = value ? text.slice(0, value.index) : text;
  const fields = Object.fromEntries(plain.split(SEPARATOR).map(nameAndValue).reverse());
  return value ? { ...fields, constant_value: value[1] as string } : fields;
}

function nameAndValue(field: string): [string, string] {
  const at = field.indexOf(': ');
  return at < 0 ? [field, ''] : [field.slice(0, at), field.slice(at + 2)];
}
