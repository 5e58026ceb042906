/** YAML files that people write, with the line of whatever is wrong in them. */
import { type Document, isScalar, LineCounter, parseAllDocuments, visit } from 'yaml';

export interface YamlDocument {
  value: unknown;
  /** `file:line` of a field, such as `spec.objectives.0.target`, or of the nearest one above it that is there. */
  where(path: string): string;
}

/** Of a file: larger ones are no work of people. */
const MAX_LETTERS = 1_024 * 1_024;
/** Of values in values; what is deeper may hold itself. */
const MAX_DEPTH = 50;
const MAX_ALIASES = 100;
const TOO_DEEP = 'is nested too deeply, or holds itself';

/**
 * The documents of a file.
 * @param fail makes the error of what is not YAML at all, holds a key twice, or has no end
 */
export function yamlDocuments(text: string, file: string, fail: (where: string, problem: string) => Error): YamlDocument[] {
  if (text.length > MAX_LETTERS) throw fail(file, `larger than ${MAX_LETTERS / 1_024} KiB`);
  const lines = new LineCounter();
  // The library compares each key of a map with each other one.
  return parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false }).map((document) => {
    const at = (offset: number) => `${file}:${Math.max(1, lines.linePos(offset).line)}`;
    const [broken] = document.errors;
    if (broken?.message.startsWith('Maximum call stack')) throw fail(at(broken.pos[0]), TOO_DEEP);
    if (broken) throw fail(at(broken.pos[0]), (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, ''));
    const twice = keyTwice(document);
    if (twice) throw fail(at(twice.offset), `the key ${JSON.stringify(twice.key).slice(0, 64)} stands twice in one map`);
    return { value: treeOf(document, () => at(0), fail), where: (path) => at(offsetOf(document, path.split('.'))) };
  });
}

function keyTwice(document: Document): { key: string; offset: number } | undefined {
  let found: { key: string; offset: number } | undefined;
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) found = { key: name, offset: key.range?.[0] ?? 0 };
        if (found) return visit.BREAK;
        seen.add(name);
      }
      return undefined;
    },
  });
  return found;
}

function treeOf(document: Document, where: () => string, fail: (where: string, problem: string) => Error): unknown {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw fail(where(), error instanceof RangeError ? TOO_DEEP : error instanceof Error ? error.message : String(error));
  }
  if (!endsWithin(value, MAX_DEPTH)) throw fail(where(), TOO_DEEP);
  return value;
}

const endsWithin = (value: unknown, depth: number): boolean =>
  typeof value !== 'object' || value === null || (depth > 0 && Object.values(value).every((each) => endsWithin(each, depth - 1)));

function offsetOf(document: Document, path: readonly string[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) return Number(node.range[0]);
  }
  return document.contents?.range?.[0] ?? 0;
}
