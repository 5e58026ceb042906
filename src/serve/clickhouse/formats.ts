/** Content types of ClickHouse's output formats, as its server says them. */

/** By how the name of the format begins. */
const TYPES: readonly [string, string][] = [
  ['JSONEachRow', 'application/x-ndjson; charset=UTF-8'],
  ['JSONCompactEachRow', 'application/x-ndjson; charset=UTF-8'],
  ['JSON', 'application/json; charset=UTF-8'],
  ['CSV', 'text/csv; charset=UTF-8; header=absent'],
  ['TabSeparated', 'text/tab-separated-values; charset=UTF-8'],
  ['TSV', 'text/tab-separated-values; charset=UTF-8'],
  ['Pretty', 'text/plain; charset=UTF-8'],
  ['Vertical', 'text/plain; charset=UTF-8'],
  ['Markdown', 'text/markdown; charset=UTF-8'],
  ['XML', 'application/xml; charset=UTF-8'],
];

/** The content type of a format of results; bytes for one that is not text. */
export const contentType = (format: string): string =>
  TYPES.find(([prefix]) => format.startsWith(prefix))?.[1] ?? 'application/octet-stream';
