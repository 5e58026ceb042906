/** Identifiers of people: opaque and case-sensitive as their issuer wrote them; two of them are never one account. */

/**
 * What an identifier is looked up by where events of many systems meet: itself, but mail addresses in lower case, as one system writes them
 * in one way and another in another. Only A to Z: `\u212a` is no `k`.
 */
export const lookedUpBy = (identifier: string): string =>
  identifier.includes('@') ? identifier.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : identifier;

/** How texts are compared when somebody is searched for: whatever the spelling. */
export const searchedAs = (text: string): string => text.normalize('NFKC').toLowerCase();

/** Whether a search for an identifier finds the person: a short word, or a short number, stands in many texts by chance. */
export const isTelling = (identifier: string): boolean =>
  identifier.length >= 8 || (identifier.length >= 4 && /[@\d]/.test(identifier) && /\D/.test(identifier));

/** Letters and digits that part one identifier from a longer one, of text in lower case; scripts that put no blank between words part by themselves. */
const WORD = 'a-z0-9ß-ɏ';
/** A line feed and the like, as JSON and ClickHouse write it. */
const ESCAPE = '\\\\[nrtbf]';
const BEFORE = `^|[^${WORD}]|${ESCAPE}`;
const AFTER = `$|[^${WORD}]`;
/** `ada@example.org` stands neither in `la.ada@example.org` nor in `ada@example.org.uk`, and does at the end of a sentence. */
const BEFORE_MAIL = `^|[^${WORD}.+_-]|(?:^|[^${WORD}])\\.|${ESCAPE}`;
const AFTER_MAIL = `$|[^${WORD}.-]|[.-](?:$|[^${WORD}])`;

/** Finds people by their names in texts. */
export interface Naming {
  isIn(text: string): boolean;
  /** The same for RE2, to be matched against text in lower case and NFKC; one that never matches where there is no name. */
  re2: string;
}

/** @param names as `searchedAs` has them; each is found as a whole word only: `ada1234` is not in `nada1234` */
export function namingOf(names: readonly string[]): Naming {
  // Whoever writes a text into JSON puts a stroke before some characters.
  const spelled = (name: string, code: 'u' | 'x') =>
    name.replace(/[^\p{L}\p{N}]/gu, (sign) => `${/['"\\/]/.test(sign) ? '\\\\*' : ''}\\${code}{${sign.codePointAt(0)?.toString(16)}}`);
  const among = (code: 'u' | 'x') =>
    names.map((name) =>
      name.includes('@') ? `(?:${BEFORE_MAIL})${spelled(name, code)}(?:${AFTER_MAIL})` : `(?:${BEFORE})${spelled(name, code)}(?:${AFTER})`,
    );
  const pattern = names.length === 0 ? undefined : new RegExp(among('u').join('|'), 'u');
  return { isIn: (text) => pattern?.test(searchedAs(text)) ?? false, re2: names.length === 0 ? '\\z.' : among('x').join('|') };
}
