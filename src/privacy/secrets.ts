/** Secrets of enrollment and of programs: by structure where they have one, by what stands before them where they have none. */
import { type Detector, whole } from './detector.ts';
import { VENDOR_TOKENS } from './vendor-tokens.ts';

/** Lengths of seeds of 10, 15, 16, 20, 25, 30, 32, 35, 40 and 64 bytes in base32 without padding. */
const SEED_LENGTHS = new Set([16, 24, 26, 32, 40, 48, 52, 56, 64, 103]);
/** In lower case, shorter ones look like ids of programs. */
const MIN_LOWER_SEED = 26;
const ANY_LENGTH_FROM = 32;
/** Words that stand where a secret would, and are none. */
const SAID_INSTEAD =
  /^(?:null|none|nil|undefined|true|false|empty|missing|invalid|incorrect|wrong|expired|required|rejected|revoked|unknown|denied|failed|redacted|hidden|masked|\*+|x{3,}|\.{3,})$/i;

/** What stands before a secret, and never before anything else. */
const CREDENTIALS =
  'pass(?:word|wd|phrase)|pwd|secret|secret[_-]?(?:access[_-]?)?key|client[_-]?secret|(?:private|access|signing|encryption|shared|account)[_-]?key|api[_-]?key|(?:access|refresh|id|auth|session|csrf|bearer|security)[_-]?token|authorization|cookie|[a-z.]{0,16}sess(?:ion)?_?id|connect\\.sid|(?:[th]?otp|mfa)[_-]?(?:secret|seed|key)|seed';
/** What stands before a token, and before words too. */
const TOKEN_NAMES = 'token|sid|auth|sig|signature|credential|jwt|sas|code_verifier|client_assertion';
/** Of a cookie, what says how it is sent. */
const COOKIE_ATTRIBUTE = /^(?:samesite|secure|httponly|path|domain|max-age|expires|partitioned|priority)(?:=|$)/i;

const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;
const longestConsonants = (text: string) => Math.max(0, ...(text.match(/[B-DF-HJ-NP-TV-Z]+/gi) ?? []).map(({ length }) => length));

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
  if (hasSequence(letters)) return false;
  if (letters === letters.toUpperCase()) return digits >= 2 || longestConsonants(letters) >= 5 - digits;
  // Hexadecimal digits and words are in lower case too.
  return length >= MIN_LOWER_SEED && digits >= 2 && /[g-z]/.test(letters);
}

/** The same in groups of four, as pages show it: two that mix letters and digits, or half of them neither words nor numbers. */
function isGroupedSeed(text: string): boolean {
  const groups = text.split(/[ -]/);
  const isMixed = (group: string) => /\d/.test(group) && /[a-z]/i.test(group);
  const isWordOrNumber = (group: string) => !isMixed(group) && (/\d/.test(group) || /[aeiou]/i.test(group));
  return groups.filter(isMixed).length >= 2 || groups.filter((group) => !isWordOrNumber(group)).length * 2 >= groups.length;
}

/** Digits before letters, as in no word, number, or word with a number. */
const isInterleaved = (group: string) => /\d[a-z]/i.test(group);

/** Groups of one length that could be neither names nor versions: all of two, or two of more, are of letters between digits. */
function isRecoveryCode(text: string): boolean {
  const groups = text.split('-');
  const [first = ''] = groups;
  return groups.every(({ length }) => length === first.length) && groups.filter(isInterleaved).length >= 2;
}

/** Three digits, or letters of both cases with one, as in no words joined by dashes. */
function isToken(value: string): boolean {
  return count(value, /\d/g) >= 3 || (/\d/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value)) || value.length >= 40;
}

function isBasic(value: string): boolean {
  return /^[\x20-\x7e]+:[\x20-\x7e]*$/.test(Buffer.from(value, 'base64').toString('latin1'));
}

/** In this order: what has structure first, so that its parts are not taken for something else. */
export const SECRETS: readonly Detector[] = [
  {
    kind: 'private_key',
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S]){0,8000}(?:-{1,5}END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-{0,5})?/g,
  },
  { kind: 'otpauth_uri', pattern: /otpauth(?:-migration)?:[^\s"'<>]{2,2048}/gi },
  { kind: 'jwt', pattern: /(?<![\w-])eyJ[\w-]{8,4096}\.[\w-]{4,4096}(?:\.[\w-]{0,4096}){0,3}/g },
  {
    kind: 'bearer_token',
    pattern: /\b(?:bearer|dpop|ssws|authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:token|api-?key))[ :=]{1,3}(?<value>[\w.~+/=-]{8,2048})/gi,
    extent: whole(isToken),
  },
  { kind: 'bearer_token', pattern: /\bbasic\s{1,3}(?<value>[A-Za-z0-9+/]{6,512}={0,2})/gi, extent: whole(isBasic) },
  {
    kind: 'api_token',
    pattern: new RegExp(`(?<![A-Za-z0-9])(?:${VENDOR_TOKENS.map(([, form]) => form).join('|')})(?![A-Za-z0-9])`, 'g'),
    extent: whole((value) => !value.startsWith('00') || isToken(value)),
  },
  { kind: 'credential', hint: '://', pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/(?<value>[^\s/:@]{0,128}:[^\s/@]{1,128}@)/gi },
  {
    kind: 'credential',
    pattern: new RegExp(
      `(?:${CREDENTIALS})(?:\\s{0,3}=|["']\\s{0,3}:)\\s{0,3}(?<quote>["'])(?<value>(?:(?!\\k<quote>)[^\\n]){4,512})(?=\\k<quote>)`,
      'gi',
    ),
    extent: whole((value) => value.includes(' ') && !SAID_INSTEAD.test(value)),
  },
  {
    kind: 'credential',
    pattern: new RegExp(
      `(?:${CREDENTIALS})(?:\\s{0,3}=\\s{0,3}["']?|["']\\s{0,3}[:=]\\s{0,3}["'])(?<value>[^\\s"',;&}\\])[]{4,512})`,
      'gi',
    ),
    extent: whole((value) => !SAID_INSTEAD.test(value) && !COOKIE_ATTRIBUTE.test(value)),
  },
  {
    kind: 'credential',
    pattern: new RegExp(`(?:${CREDENTIALS})\\s{0,3}:\\s{0,3}["']?(?<value>[^\\s"',;&}\\])[]{4,512})`, 'gi'),
    // After a colon people write sentences.
    extent: whole(
      (value) => !SAID_INSTEAD.test(value) && !COOKIE_ATTRIBUTE.test(value) && (/\d/.test(value) || /[a-z][A-Z]|[^\w.:/-]/.test(value)),
    ),
  },
  {
    kind: 'credential',
    pattern: new RegExp(
      `(?<![A-Za-z])(?:${TOKEN_NAMES})(?:["']?\\s{0,3}=\\s{0,3}["']?|["']\\s{0,3}:\\s{0,3}["'])(?<value>[^\\s"',;&}\\])[]{6,512})`,
      'gi',
    ),
    extent: whole((value) => !SAID_INSTEAD.test(value) && (/\d/.test(value) || value.length >= 16)),
  },
  {
    kind: 'recovery_code',
    pattern:
      /\b(?:recovery|backup|scratch)[ _-]?(?:codes?|keys?)["']?\s{0,3}(?:is|was|=|:|#)?\s{0,3}["']?(?<value>(?=[\w ,-]{0,40}\d)[A-Za-z0-9]{4,40}(?:(?:, ?|[ -])[A-Za-z0-9]{4,40}){0,19})(?![A-Za-z0-9])/gi,
    // Of what follows, the first word without a digit ends the codes.
    extent: (value) => /^(?:(?:, ?| )?(?=[A-Za-z-]{0,40}\d)[A-Za-z0-9-]+)+/.exec(value)?.[0].length ?? 0,
  },
  {
    kind: 'recovery_code',
    isLook: true,
    hint: '-',
    pattern: /(?<![A-Za-z0-9.:/-])(?:[A-Za-z0-9]{4,6}-){1,7}[A-Za-z0-9]{4,6}(?![A-Za-z0-9-]|[.:/][A-Za-z0-9])/g,
    extent: whole(isRecoveryCode),
  },
  {
    kind: 'one_time_code',
    pattern:
      /\b(?:[th]?otp(?:[ _-]?codes?)?|pin|passcode|(?:verification|security|login|one[- ]?time|sms|mfa|2fa|auth(?:entication)?)[ _-]?(?:code|pin|passcode|password))["']?\s{0,3}(?:(?:is|was):?|=|:|#)\s{0,3}["']?(?<value>\d(?:[ -]?\d){3,9})(?![\w-])/gi,
  },
  // Without anything in between, shorter numbers are counts, years and codes of errors.
  {
    kind: 'one_time_code',
    pattern:
      /\b(?:[th]?otp(?:[ _-]?codes?)?|pin|passcode|(?:verification|security|login|one[- ]?time|sms|mfa|2fa|auth(?:entication)?)[ _-]?(?:code|pin|passcode|password))\s{1,3}["']?(?<value>\d{6,8}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  { kind: 'one_time_code', pattern: /(?<![\w-])(?:\d{6,8}|\d{3}[ -]\d{3})(?= is (?:your|the) )/gi },
  {
    kind: 'one_time_code',
    pattern:
      /\b(?:your|this|enter(?:ed)?|use|using|typed|sent) (?:[a-z]{1,16} )?code["']?\s{0,3}(?:is|was|=|:)?\s{0,3}["']?(?<value>\d{6,8}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  // Codes of eight digits and the like are codes of errors, too.
  {
    kind: 'one_time_code',
    pattern: /\bthe (?:[a-z]{1,16} )?code["']?\s{0,3}(?:is|was|=|:)?\s{0,3}["']?(?<value>\d{6}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  { kind: 'one_time_code', pattern: /["']code["']\s{0,3}:\s{0,3}["'](?<value>\d{6,8})(?=["'])/gi },
  {
    kind: 'one_time_code',
    // Codes of errors of Entra and others begin with 5 or 7.
    pattern:
      /(?<!(?:error|status|response|result|exit|reason|http|sub|vendor|provider|native|sql|country|zip|postal|area|fault|return|failure)[ _-]?)\bcode=(?<value>[0-4689]\d{5,7})(?![\w-])/gi,
  },
  {
    kind: 'base32_seed',
    pattern: /(?<![A-Za-z0-9+])(?:[A-Z2-7]{16,128}|[a-z2-7]{16,128})={0,6}(?![A-Za-z0-9+=])/g,
    extent: whole(isSeed),
  },
  {
    kind: 'base32_seed',
    pattern: /(?<![A-Za-z0-9-])(?:[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,31}|[a-z2-7]{4}(?:[ -][a-z2-7]{4}){3,31})(?![A-Za-z0-9-])/g,
    extent: whole(isGroupedSeed),
  },
];
