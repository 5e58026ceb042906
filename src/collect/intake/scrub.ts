/** Free text of an event on its way to storage: looked through once, remembered while it is common. */
import { LRUCache } from 'lru-cache';
import type { SensitiveKind } from '../../privacy/detector.ts';
import { LEFT_OUT, type Redacted, redact, type TextKind } from '../../privacy/redact.ts';

/** Something that was found and left out, and where; of attributes the field is `attributes`. */
export interface Find {
  field: string;
  kind: SensitiveKind;
}

/** Texts remembered with what is left of them: most are labels and messages that come again. */
const known: Readonly<Record<TextKind, LRUCache<string, Redacted>>> = {
  text: new LRUCache({ max: 20_000 }),
  label: new LRUCache({ max: 10_000 }),
  version: new LRUCache({ max: 5_000 }),
};
/** Longer texts do not come again, and would fill the memory. */
const MAX_KNOWN = 256;

/** Words with which the name of an attribute ends that says a person or a secret by itself: whatever stands there is left out. */
const TELLING = new Set(
  `email mail phone msisdn mobile telefon tel fax cell recipient login upn sub user username nickname surname password passwd pwd pass pw passwort passphrase
  passcode secret token otp totp hotp pin seed cookie session jsessionid sid bearer jwt csrf credential authorization otpauth ssn iban birthday birthdate dob
  emailaddress phonenumber apikey privatekey secretkey accesskey pincode otpcode smscode verifycode recoverycode backupcode passwordhash creds oldpwd newpwd`.split(
    /\s+/,
  ),
);
/** The same of two words. */
const TELLING_PAIRS =
  /(?:^| )(?:(?:e?mail|phone|mobile) (?:address|number|no)|phone e164|mail to|(?:user|first|last|full|display|given|family|login) name|(?:user|enduser|session) id|(?:api|access|private|secret|recovery|backup) key|(?:otp|totp|recovery|backup|verification|verify|security|sms|mfa|pass|pin|entered|challenge|time|login|auth|activation|confirmation|reset) codes?|(?:otp|totp|secret|token|seed|password) (?:value|input|hex|b32|base32|old|new|hash|raw)|birth (?:day|date)|of birth)$/;

/** Ids of what a provider keeps, which begin like those of sessions. */
const TELLING_NOTHING = /(?:^| )(?:message|account|service|verification|call|factor|entity|challenge) sid$/;

const wordsOf = (key: string): string[] =>
  key
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);

/** Whether the name of an attribute, in whatever way its words are joined, says that its value is somebody's or a secret. */
function isTelling(key: string): boolean {
  const words = wordsOf(key);
  if (TELLING_NOTHING.test(words.join(' '))) return false;
  // One of several, or the second of its kind.
  const last = (words.findLast((word) => !/^\d+$/.test(word)) ?? '').replace(/\d+$/, '');
  // By itself, of a request, or as somebody typed it.
  const isCode =
    /^(?:(?:query|param|params|form|body|input|request|request body|request query|url query|http request body) )?codes?$|(?:^| )(?:code|otp|pin|passcode) (?:entered|input|typed|submitted|provided)$|(?:^| )(?:entered|typed|submitted)$/.test(
      words.join(' '),
    );
  return (
    TELLING.has(last) ||
    TELLING.has(words.slice(-2).join('')) ||
    TELLING.has(last.replace(/s$/, '')) ||
    isCode ||
    TELLING_PAIRS.test(words.join(' '))
  );
}

/** Fields that are labels and codes: they are judged by what they are, and may look like anything. */
const LABELS = new Set(['segment', 'tenant', 'region', 'environment', 'provider', 'error_code', 'action']);
const VERSIONS = new Set(['client_version', 'deployment']);
/** The same of attributes, by the last word of their names. */
const LABEL_WORDS = new Set(
  'code status type kind id pod host hostname instance node container service namespace revision commit sha hash zone region environment env cluster image tag flag plan method route job queue topic table invoice order ticket case reference receipt aaguid'.split(
    ' ',
  ),
);
const VERSION_WORDS = new Set(['version', 'release', 'deployment', 'build']);

/** What the value of an attribute is, by the name of it. */
function kindOfAttribute(key: string): TextKind {
  const words = wordsOf(key);
  if (words.slice(-2).some((word) => VERSION_WORDS.has(word))) return 'version';
  return LABEL_WORDS.has(words.at(-1) ?? '') ? 'label' : 'text';
}

const kindOfField = (field: string): TextKind => (VERSIONS.has(field) ? 'version' : LABELS.has(field) ? 'label' : 'text');

/**
 * A field's text without what must not be stored; what was found is added to `finds`.
 * @param kind of the text, where the field does not say it
 */
export function scrub(field: string, text: string, finds: Find[], kind: TextKind = kindOfField(field)): string {
  const redacted = known[kind].get(text) ?? remember(text, kind);
  for (const found of redacted.found) finds.push({ field, kind: found });
  return redacted.text;
}

function remember(text: string, kind: TextKind): Redacted {
  // A NUL ends texts in other programs: what shows that it was there takes its place.
  const redacted = redact(text.replaceAll('\0', '\ufffd'), kind);
  if (text.length <= MAX_KNOWN) known[kind].set(text, redacted);
  return redacted;
}

/** Attributes without what must not be stored, in the order of their keys. */
export function scrubAttributes(attributes: Record<string, string>, finds: Find[]): Record<string, string> {
  const entries = Object.entries(attributes).map(([key, value]): [string, string] => [
    scrub('attributes', key, finds),
    isTelling(key) ? LEFT_OUT : scrub('attributes', value, finds, kindOfAttribute(key)),
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
