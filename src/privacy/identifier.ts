/** One person, one identifier: composed Unicode form, no outer spaces, e-mail addresses in lower case. */
export function normalised(identifier: string): string {
  const trimmed = identifier.normalize('NFKC').trim();
  return trimmed.includes('@') ? trimmed.toLowerCase() : trimmed;
}
