/** What is looked at in the text of a statement from outside: before the engine parses it its size, afterwards its names. */
import { createHash } from 'node:crypto';
import { QueryError } from './query-error.ts';
import { quotedParts, replaceParts } from './quotes.ts';

/** Above them parsing alone takes seconds: the engine's formatter takes the square of what is nested or chained. */
export const TEXT_LIMITS = { bytes: 64 * 1024, brackets: 3_000, nested: 60, selects: 200 } as const;

const syntaxError = (message: string) => new QueryError('MUSTER_BAD_QUERY', message, { code: 62, name: 'SYNTAX_ERROR' });
const tooBig = (message: string) => new QueryError('MUSTER_QUERY_LIMIT', message, { code: 168, name: 'TOO_BIG_AST' });

/**
 * Holds a text against {@link TEXT_LIMITS}, in time that grows with its length. What is quoted counts too: whether a quote ends where it
 * seems to is for the engine to say.
 * @throws QueryError
 */
export function assertBoundedText(sql: string): void {
  const bytes = Buffer.byteLength(sql);
  if (bytes > TEXT_LIMITS.bytes)
    throw tooBig(`expected at most ${TEXT_LIMITS.bytes} bytes of SQL, got ${bytes}: send large lists as values of parameters`);
  if (sql.includes('\0')) throw syntaxError('expected SQL without NUL');
  let depth = 0;
  let brackets = 0;
  for (const character of sql) {
    if ('([{'.includes(character)) {
      brackets += 1;
      depth += 1;
      if (depth > TEXT_LIMITS.nested) throw tooBig(`expected at most ${TEXT_LIMITS.nested} brackets within one another`);
    } else if (')]}'.includes(character)) depth = Math.max(0, depth - 1);
  }
  if (brackets > TEXT_LIMITS.brackets) throw tooBig(`expected at most ${TEXT_LIMITS.brackets} opening brackets, got ${brackets}`);
  const selects = sql.match(/\bselect\b/gi)?.length ?? 0;
  if (selects > TEXT_LIMITS.selects) throw tooBig(`expected at most ${TEXT_LIMITS.selects} SELECTs, got ${selects}`);
}

/** What is the same in two statements that only differ in their values, as those of a panel do from one minute to the next. */
export const shapeOf = (sql: string): string =>
  createHash('sha256')
    .update(
      replaceParts(sql, {
        quoted: ({ quote, start, end }) => (quote === "'" ? '?' : sql.slice(start, end)),
        plain: (text) => text.replace(/\d+/g, '?'),
      })
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .digest('hex')
    .slice(0, 16);

/** Whether a text in a statement has a line feed, as the formatter writes it: behind an even number of backslashes. */
export const hasLineFeeds = (canonical: string): boolean => {
  for (const { quote, inner } of quotedParts(canonical)) if (quote === "'" && /^(?:[^\\]|\\[^n])*\\n/s.test(inner)) return true;
  return false;
};

/**
 * Refuses names that could be taken for lines of the engine's query tree, which is printed without quotes; texts are escaped there.
 * @param canonical what the engine's formatter wrote: no comments, one way to quote
 * @throws QueryError
 */
export function assertPlainNames(canonical: string): void {
  for (const { quote, inner: name } of quotedParts(canonical)) {
    if (quote === "'") continue;
    if (/[\0-\x1f\x7f\x85\u2028\u2029]|\\(?!['"])|, [a-z_]+: /.test(name))
      throw syntaxError(`a name with control characters, backslashes or ", word: " in it: ${name.slice(0, 60)}`);
  }
}
