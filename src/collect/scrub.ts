/** Free text of an event on its way to storage: looked through once, remembered while it is common. */
import { LRUCache } from 'lru-cache';
import type { Kind } from '../privacy/detector.ts';
import { LEFT_OUT, type Redacted, redact } from '../privacy/redact.ts';

/** Something that was found and left out, and where; of attributes the field is `attributes`. */
export interface Find {
  field: string;
  kind: Kind;
}

/** Texts remembered with what is left of them: most are labels and messages that come again. */
const known = new LRUCache<string, Redacted>({ max: 20_000 });
/** Longer texts do not come again, and would fill the memory. */
const MAX_KNOWN = 256;

/** Words with which the name of an attribute ends that says a person or a secret by itself: whatever stands there is left out. */
const TELLING = new Set(
  'email mail phone msisdn mobile login upn sub username surname password passwd pwd passphrase passcode secret token otp totp hotp pin seed cookie authorization ssn iban birthday birthdate'.split(
    ' ',
  ),
);
/** The same of two words. */
const TELLING_PAIRS =
  /(?:^| )(?:(?:e?mail|phone|mobile) (?:address|number|no)|(?:user|first|last|full|display|given|family) name|user id|(?:api|access|private|secret) key|(?:otp|totp|recovery|backup|verification|security|sms|mfa|pass) codes?|birth (?:day|date))$/;

/** Whether the name of an attribute, in whatever way its words are joined, says that its value is somebody's or a secret. */
function isTelling(key: string): boolean {
  const words = key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  return TELLING.has(words.at(-1) ?? '') || words.join(' ') === 'code' || TELLING_PAIRS.test(words.join(' '));
}

/**
 * Fields that hold versions: four numbers are one rather than an address where the first is small or the last is 0, as in 2.4.1.7 and
 * 120.0.0.0.
 */
const VERSION_FIELDS = new Set(['client_version', 'deployment']);
const VERSION = /^[a-z-]{0,16}v?(?:\d(?:\.\d{1,3}){3}|\d{1,3}(?:\.\d{1,3}){2}\.0)(?:[-+][a-z0-9]{1,12})?$/i;

/** A field's text without what must not be stored; what was found is added to `finds`. */
export function scrub(field: string, text: string, finds: Find[]): string {
  if (VERSION_FIELDS.has(field) && VERSION.test(text)) return text;
  const redacted = known.get(text) ?? remember(text);
  for (const kind of redacted.found) finds.push({ field, kind });
  return redacted.text;
}

function remember(text: string): Redacted {
  const redacted = redact(text);
  if (text.length <= MAX_KNOWN) known.set(text, redacted);
  return redacted;
}

/** Attributes without what must not be stored, in the order of their keys. */
export function scrubAttributes(attributes: Record<string, string>, finds: Find[]): Record<string, string> {
  const entries = Object.entries(attributes).map(([key, value]): [string, string] => [
    scrub('attributes', key, finds),
    isTelling(key) ? LEFT_OUT : scrub('attributes', value, finds),
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
