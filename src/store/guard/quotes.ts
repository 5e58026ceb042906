/** What is quoted in SQL, found in one pass: a pattern that can read a text in two ways takes for ever to find that neither fits. */

export interface QuotedPart {
  quote: "'" | '`' | '"';
  start: number;
  /** Behind the closing quote; the end of the text where there is none. */
  end: number;
  /** Without its quotes, its escapes as they are written. */
  inner: string;
}

/** Quoted texts and names from a position on. A quote is escaped by a backslash, or by another quote. */
export function* quotedParts(sql: string, from = 0): Generator<QuotedPart, undefined> {
  const opening = /['`"]/g;
  opening.lastIndex = from;
  for (let found = opening.exec(sql); found; found = opening.exec(sql)) {
    const quote = found[0] as QuotedPart['quote'];
    const end = endOfQuoted(sql, found.index, quote);
    yield { quote, start: found.index, end: Math.min(end, sql.length), inner: sql.slice(found.index + 1, end - 1) };
    opening.lastIndex = end;
  }
}

/** One quoted part that begins at a position, or undefined. */
export const quotedAt = (sql: string, at: number): QuotedPart | undefined =>
  /['`"]/.test(sql.charAt(at)) ? (quotedParts(sql, at).next().value ?? undefined) : undefined;

/** A text with what is quoted in it replaced by what `quoted` makes of it, and the rest by what `plain` does. */
export function replaceParts(
  sql: string,
  { quoted, plain }: { quoted: (part: QuotedPart) => string; plain: (text: string) => string },
): string {
  let result = '';
  let end = 0;
  for (const part of quotedParts(sql)) {
    result += plain(sql.slice(end, part.start)) + quoted(part);
    end = part.end;
  }
  return result + plain(sql.slice(end));
}

function endOfQuoted(sql: string, start: number, quote: string): number {
  const special = quote === "'" ? /[\\']/g : quote === '`' ? /[\\`]/g : /[\\"]/g;
  special.lastIndex = start + 1;
  for (let found = special.exec(sql); found; found = special.exec(sql)) {
    if (found[0] === quote && sql.charAt(found.index + 1) !== quote) return found.index + 1;
    special.lastIndex = found.index + 2;
  }
  return sql.length + 1;
}
