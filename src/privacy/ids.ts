/**
 * What an id must not carry. Ids are never rewritten, and refusing one loses an event: only what no program makes up by itself counts here.
 * Codes, bare digits and short seeds inside an id cannot be told from ordinary ids.
 */
import { isIPv4 } from 'node:net';
import validator from 'validator';
import { type Detector, type SensitiveKind, whole } from './detector.ts';
import { isAddress6, isInternational, PERSONAL } from './personal.ts';
import { pass, withoutEncoded } from './redact.ts';
import { isSeed } from './secret-shapes.ts';
import { SECRETS } from './secrets.ts';

const AS_IN_TEXT = new Set<SensitiveKind>(['jwt', 'otpauth_uri', 'private_key', 'api_token', 'credential', 'email', 'iban']);
/** Shorter seeds look like ids, but where they are the whole of one. */
const MIN_SEED = 26;
const SHORT_SEED = 16;

const IN_IDS: readonly Detector[] = [
  ...SECRETS.filter(({ kind }) => AS_IN_TEXT.has(kind)),
  ...PERSONAL.filter(({ kind }) => AS_IN_TEXT.has(kind)),
  {
    kind: 'base32_seed',
    pattern: /(?<![A-Za-z0-9+])[A-Z2-7]{26,128}={0,6}(?![A-Za-z0-9+=])/g,
    extent: whole((match) => match.length >= MIN_SEED && isSeed(match)),
  },
  { kind: 'base32_seed', pattern: /^[A-Z2-7]{16}$/g, extent: whole((match) => match.length === SHORT_SEED && isSeed(match)) },
  // Four numbers from a small one on, or up to 0, are a version.
  { kind: 'ip_address', pattern: /(?<![\w.])[1-9]\d{1,2}(?:\.\d{1,3}){2}\.[1-9]\d{0,2}(?![\w.])/g, extent: whole(isIPv4) },
  { kind: 'ip_address', hint: ':', pattern: /(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{1,4}(?![\w:])/gi, extent: whole(isAddress6) },
  { kind: 'phone', hint: '+', pattern: /(?<![\w+])\+[1-9]\d{6,14}(?![\w-])/g, extent: whole(isInternational) },
  {
    kind: 'card_number',
    pattern: /(?<![\w-])\d{4}(?:-\d{4}){3}(?![\w-])/g,
    extent: whole((match) => validator.isCreditCard(match.replaceAll('-', ''))),
  },
];

const UUID = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
/** Ids as programs make them, after up to two words that begin no token: UUID, ULID, trace and span, counter. Most are, and need no further look. */
const CLEAR = new RegExp(
  `^(?!(?:shp[a-z]{2}|(?:pub)?key|pul|dapi)[-_.:])(?:[a-z]{1,24}[-_.:]){0,2}(?:${UUID}|[0-9a-f]{32}(?:-[0-9a-f]{16})?|[0-7][0-9A-HJKMNP-TV-Z]{25}|\\d{1,12})$`,
);
const NONE: readonly SensitiveKind[] = [];

/** The kinds of secrets and personal data in an id; one that carries any is refused. */
export function kindsInId(id: string): readonly SensitiveKind[] {
  if (CLEAR.test(id)) return NONE;
  const { text, found } = pass(id, IN_IDS);
  return withoutEncoded({ text, found }, IN_IDS).found;
}
