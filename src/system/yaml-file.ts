/** YAML files that people write, with the line of whatever is wrong in them. */
import { type Document, LineCounter, parseAllDocuments } from 'yaml';

export interface YamlDocument {
  value: unknown;
  /** `file:line` of a field, such as `spec.objectives.0.target`, or of the nearest one above it that is there. */
  where(path: string): string;
}

/**
 * The documents of a file.
 * @param fail makes the error of what is not YAML at all
 */
export function yamlDocuments(text: string, file: string, fail: (where: string, problem: string) => Error): YamlDocument[] {
  const lines = new LineCounter();
  return parseAllDocuments(text, { lineCounter: lines }).map((document) => {
    const at = (offset: number) => `${file}:${Math.max(1, lines.linePos(offset).line)}`;
    const [broken] = document.errors;
    if (broken) throw fail(at(broken.pos[0]), (broken.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, ''));
    return { value: document.toJS({ maxAliasCount: 100 }) as unknown, where: (path) => at(offsetOf(document, path.split('.'))) };
  });
}

function offsetOf(document: Document, path: readonly string[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) return Number(node.range[0]);
  }
  return document.contents?.range?.[0] ?? 0;
}
