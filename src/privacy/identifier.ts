/** Identifiers of people: opaque and case-sensitive as their issuer wrote them; two of them are never one account. */

/**
 * What an identifier is looked up by where events of many systems meet: itself, but mail addresses in lower case, as one system writes them
 * in one way and another in another. Only A to Z: `\u212a` is no `k`.
 */
export const lookedUpBy = (identifier: string): string =>
  identifier.includes('@') ? identifier.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : identifier;

/** Whom an event means: one form of each character, and none that is not seen, as a copied address brings along. Case stays. */
export const asNamed = (identifier: string): string =>
  // Most are plain, and then there is nothing to do.
  /^[ -~]*$/.test(identifier) ? identifier : identifier.normalize('NFKC').replace(/[\0\p{Default_Ignorable_Code_Point}]/gu, '');

/** How texts are compared when somebody is searched for: whatever the spelling. */
export const searchedAs = (text: string): string => text.normalize('NFKC').toLowerCase();

/** Who is meant when somebody is forgotten: a mail address in any spelling is one person's, whatever else is opaque. */
export const personOf = (identifier: string): string => {
  const named = asNamed(identifier);
  const searched = searchedAs(named.trim());
  return searched.includes('@') ? searched : named;
};

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

/** What is not seen, and may stand between any two characters. */
const UNSEEN = (code: 'u' | 'x') => `[${UNSEEN_RANGES.map((range) => range.map((point) => `\\${code}{${point}}`).join('-')).join('')}]*`;
/** Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), in hex: RE2 does not know the property. */
const UNSEEN_RANGES = [
  ['ad'],
  ['34f'],
  ['61c'],
  ['115f', '1160'],
  ['17b4', '17b5'],
  ['180b', '180f'],
  ['200b', '200f'],
  ['202a', '202e'],
  ['2060', '206f'],
  ['3164'],
  ['fe00', 'fe0f'],
  ['feff'],
  ['ffa0'],
  ['e0000', 'e0fff'],
] as const;
/** What people put beside a sign so that no program makes a link of it. */
const BLANKS = '(?:\\s|\\\\[nrt]){0,3}';

/** A character as it is, or as URLs, HTML, JSON and programs write it. */
function written(character: string, code: 'u' | 'x'): string {
  const point = (character.codePointAt(0) as number).toString(16);
  const decimal = character.codePointAt(0);
  const percent = [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  // Percents of percents, as a link within a link has them; in quoted-printable the sign is another.
  const escaped = percent.replaceAll('%', '(?:%(?:25){0,3}|=)');
  const dashes = character === '-' ? [`[\\${code}{2010}-\\${code}{2015}\\${code}{2212}]`] : [];
  const forms = [
    `\\${code}{${point}}`,
    escaped,
    `&#0*${decimal};?`,
    `&#x0*${point};?`,
    `\\\\+u\\{?0*${point}\\}?`,
    `\\\\+x0*${point}`,
    ...dashes,
  ];
  const isSign = !/[\p{L}\p{N}]/u.test(character);
  return `${/['"\\/]/.test(character) ? '\\\\*' : ''}${isSign ? BLANKS : ''}(?:${forms.join('|')})${isSign ? BLANKS : ''}`;
}

/** A name in base64, wherever it begins in a group of three bytes, and in hex; in lower case, as all text is that is searched. */
function packed(name: string): string[] {
  const bytes = Buffer.from(name);
  const base64 = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replaceAll('=', '');
    // What the neighbours have a part in is left out.
    return text.slice(before === 0 ? 0 : before + 1, (before + bytes.length) % 3 === 0 ? undefined : -1);
  });
  return [...base64, bytes.toString('hex')]
    .filter((text) => text.length >= 12)
    .map((text) => text.toLowerCase().replaceAll('+', '[+-]').replaceAll('/', '[/_]'));
}

/**
 * @param names as `searchedAs` has them; each is found as a whole word only: `ada1234` is not in `nada1234`. Found is, too, what is written for
 * programs: in percents, entities, escapes, base64 or hex, or with what is not seen in between
 */
export function namingOf(names: readonly string[]): Naming {
  const among = (code: 'u' | 'x') =>
    names.flatMap((name) => {
      const spelled = [...name].map((character) => written(character, code)).join(UNSEEN(code));
      const whole = name.includes('@') ? `(?:${BEFORE_MAIL})${spelled}(?:${AFTER_MAIL})` : `(?:${BEFORE})${spelled}(?:${AFTER})`;
      return [whole, ...packed(name)];
    });
  const pattern = names.length === 0 ? undefined : new RegExp(among('u').join('|'), 'u');
  return { isIn: (text) => pattern?.test(searchedAs(text)) ?? false, re2: names.length === 0 ? '\\z.' : among('x').join('|') };
}
