/** What is looked for in text that people and programs wrote, and how a find is marked. */

/** Every kind of find; a `secret` that arrives is a finding in itself. */
export const SENSITIVE_KINDS = {
  private_key: 'secret',
  otpauth_uri: 'secret',
  jwt: 'secret',
  bearer_token: 'secret',
  api_token: 'secret',
  credential: 'secret',
  recovery_code: 'secret',
  one_time_code: 'secret',
  base32_seed: 'secret',
  email: 'personal',
  iban: 'personal',
  card_number: 'personal',
  ip_address: 'personal',
  phone: 'personal',
} as const satisfies Record<string, 'secret' | 'personal'>;

export type SensitiveKind = keyof typeof SENSITIVE_KINDS;

/** What a kind is called in a sentence. */
export const SENSITIVE_KIND_NAMES: Readonly<Record<SensitiveKind, string>> = {
  private_key: 'a private key',
  otpauth_uri: 'an otpauth URI',
  jwt: 'a JSON Web Token',
  bearer_token: 'a bearer token',
  api_token: 'an API token',
  credential: 'a password or secret',
  recovery_code: 'a recovery code',
  one_time_code: 'a one-time code',
  base32_seed: 'a seed in base32',
  email: 'an e-mail address',
  iban: 'a bank account number',
  card_number: 'a card number',
  ip_address: 'an IP address',
  phone: 'a phone number',
};

export interface Detector {
  kind: SensitiveKind;
  /** Text without it holds none: spares most texts the pattern. */
  hint?: string;
  /** The same of some words, one of which there must be, in small letters. */
  words?: readonly string[];
  /** The same of digits: so many there must be. */
  digits?: number;
  /**
   * Global, linear in the length of the text, every repetition bounded. Where only the end of a match is the find, that is the group
   * `value`; what stands before it is kept.
   */
  pattern: RegExp;
  /** Whether it goes by its look alone: labels, codes and versions may look the same, and are not looked through for it. */
  isLook?: true;
  /** How many characters of a match (of `value`, if there is one), from its start, are such a thing in truth: 0 when it only looks like one. */
  extent?: (match: string) => number;
}

/** An {@link Detector.extent} of all or nothing. */
export const whole = (isReal: (match: string) => boolean) => (match: string) => (isReal(match) ? match.length : 0);
