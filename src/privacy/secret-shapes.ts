/** What secrets look like that no word says anything of: seeds, recovery codes and tokens, told from words, versions and names by their letters. */

/** Lengths of seeds of 10, 15, 16, 20, 25, 30, 32, 35, 40 and 64 bytes in base32 without padding. */
const SEED_LENGTHS = new Set([16, 24, 26, 32, 40, 48, 52, 56, 64, 103]);
/** In lower case, shorter ones look like ids of programs. */
const MIN_LOWER_SEED = 26;
const ANY_LENGTH_FROM = 32;
/** How often a pattern is found. */
export const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;
const longestConsonants = (text: string) => Math.max(0, ...(text.match(/[B-DF-HJ-NP-TV-Z]+/gi) ?? []).map(({ length }) => length));

/** Parts of the names of errors, which are written together, and which no random letters have. */
const OF_ERRORS =
  /ERROR|FAIL|INVALID|REQUIRED|TION|SYNC|STATE|HTTP|PROVIDER|STRATEGY|STRUCT|UNKNOWN|THRESHOLD|CREDENTIAL|PASSWORD|ACCESS|TIMEOUT|DENIED|LOCKED|EXPIRED|MISSING|STRENGTH/;
/** Names of protocols look like groups of a seed. */
const PROTOCOLS =
  /^(?:https?|smtps?|imaps?|ldaps?|dhcp|tcp[46]?|udp[46]?|dns[46]?|ipv[46]|sctp|mqtt|grpc|oidc|saml|scim|totp|hotp|fido|u2f|jwks|json|yaml|xml|html|utf8)$/i;

/** Six letters as they follow one another: somebody's example. */
const hasSequence = (text: string) => {
  let length = 1;
  for (let i = 1; i < text.length && length < 6; i++) length = text.charCodeAt(i) === text.charCodeAt(i - 1) + 1 ? length + 1 : 1;
  return length >= 6;
};

/** Random letters of base32 in one piece, and not words written together. */
export function isSeed(text: string): boolean {
  const letters = text.replace(/=+$/, '');
  const { length } = letters;
  const digits = count(letters, /[2-7]/g);
  if (!SEED_LENGTHS.has(length) && (length < ANY_LENGTH_FROM || digits < 3)) return false;
  // Content ids of version 1 in base32.
  if (hasSequence(letters) || /^baf[ky][a-z2-7]{55,}$/.test(letters)) return false;
  if (letters === letters.toUpperCase()) return digits >= 2 || (longestConsonants(letters) >= 5 - digits && !OF_ERRORS.test(letters));
  // Hexadecimal digits and words are in lower case too.
  return length >= MIN_LOWER_SEED && digits >= 2 && /[g-z]/.test(letters);
}

/** The same in groups of four, as pages show it: two that mix letters and digits, or half of them neither words nor numbers. */
export function isGroupedSeed(text: string): boolean {
  const groups = text.split(/[ ._:-]/);
  if (groups.some((group) => PROTOCOLS.test(group))) return false;
  const isMixed = (group: string) => /\d/.test(group) && /[a-z]/i.test(group);
  const isWordOrNumber = (group: string) => !isMixed(group) && (/\d/.test(group) || /[aeiou]/i.test(group));
  return groups.filter(isMixed).length >= 2 || groups.filter((group) => !isWordOrNumber(group)).length * 2 >= groups.length;
}

/** Digits before letters, as in no word, number, or word with a number. */
const isInterleaved = (group: string) => /\d[a-z]/i.test(group) && !/^[a-z]{2}\d[a-z]$/i.test(group);

/** Groups of one length that could be neither names nor versions: all of two, or two of more, are of letters between digits. */
export function isRecoveryCode(text: string): boolean {
  const groups = text.split('-');
  const [first = ''] = groups;
  // Of one length, or the last one longer, as those of the reference core are.
  const areAlike = groups.slice(0, -1).every(({ length }) => length === first.length);
  const last = groups.at(-1)?.length ?? 0;
  const isOwn = groups.length >= 4 && areAlike && last === first.length + 1 && groups.every((group) => /^[0-9A-Z]+$/.test(group));
  return isOwn ? /\d/.test(text) && /[A-Z]/.test(text) : areAlike && last === first.length && groups.filter(isInterleaved).length >= 2;
}

/** Three digits, or letters of both cases with one, as in no words joined by dashes. */
export function isToken(value: string): boolean {
  return count(value, /\d/g) >= 3 || (/\d/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value)) || value.length >= 40;
}

/** Eight letters and digits of base32 at a time, as some pages show a seed. */
export const isSeedOfEights = (text: string): boolean =>
  count(text, /[2-7]/g) >= 2 && text.split(/[ -]/).some((group) => /[2-7][A-Z]/.test(group));

/** A name and a password behind `Basic`. */
export function isBasic(value: string): boolean {
  return /^[\x20-\x7e]+:[\x20-\x7e]*$/.test(Buffer.from(value, 'base64').toString('latin1'));
}
