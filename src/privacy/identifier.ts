/** Identifiers of people: opaque and case-sensitive as their issuer wrote them; two of them are never one account. */

/**
 * What an identifier is looked up by where events of many systems meet: itself, but mail addresses in lower case, as one system writes them
 * in one way and another in another. Only A to Z: `\u212a` is no `k`.
 */
export const lookedUpBy = (identifier: string): string =>
  identifier.includes('@') ? identifier.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : identifier;

/** How texts are compared when somebody is searched for: whatever the spelling. */
export const searchedAs = (text: string): string => text.normalize('NFKC').toLowerCase();

/** Whether a search for an identifier finds the person: a short word stands in many texts by chance. */
export const isTelling = (identifier: string): boolean => identifier.length >= 8 || (identifier.length >= 4 && /[@\d]/.test(identifier));
