/** Takes secrets and personal data out of free text: each find becomes its kind in brackets. */
import { type Detector, type SensitiveKind, whole } from './detector.ts';
import { PERSONAL } from './personal.ts';
import { SECRETS } from './secrets.ts';

export interface Redacted {
  /** The text with `[kind]` in the place of each find. */
  text: string;
  /** The kinds found, each as often as it was. */
  found: readonly SensitiveKind[];
}

/**
 * What a text is: words of people and programs; a label or code, which may look like a secret and is none; or a version, four numbers of
 * which are no address.
 */
export type TextKind = 'text' | 'label' | 'version';

const ALL: readonly Detector[] = [...SECRETS, ...PERSONAL];
const IN_LABELS = ALL.filter(({ isLook }) => !isLook);
/** Addresses of networks that are nobody's version. */
const LOCAL_ADDRESS = /(?<![\d.])(?:192\.168|127\.\d{1,3}|169\.254|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}(?!\.?\d)/g;
/** A part of a system at a place: `enroll@eu-west-1.prod`. */
const STAGE = /\.(?:prod(?:uction)?|stag(?:e|ing)|stg|prd|qa|uat|test|int)$/i;
function inVersions(detector: Detector): Detector {
  if (detector.kind === 'ip_address' && detector.hint === '.') return { ...detector, pattern: LOCAL_ADDRESS };
  return detector.kind === 'email' && detector.hint === '@' ? { ...detector, extent: whole((match) => !STAGE.test(match)) } : detector;
}
const DETECTORS: Readonly<Record<TextKind, readonly Detector[]>> = {
  text: ALL,
  label: IN_LABELS,
  version: IN_LABELS.map(inVersions),
};
const NOTHING: readonly SensitiveKind[] = [];
/** In the place of text that is not looked through, or not to the end. */
export const LEFT_OUT = '[left out]';
/** Base64 that may be text: shorter pieces hold too little. What joins its pieces is part of its alphabets, too. */
const BASE64 = /[A-Za-z0-9+/_=-]{11,4096}/g;
const MIN_BASE64 = 11;
/** Blanks other than the plain one, marks that are not seen, and letters in another form than the plain one. */
const UNUSUAL = /[^\x20-\x7e\t\n\r]/;
const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu;
const BLANKS = /[\p{Zs}]/gu;
const DASHES = /\p{Pd}/gu;
const DIGITS = /(?![0-9])\p{Nd}/gu;
const PERCENT = /%[0-9a-f]{2}/i;
/** JSON in JSON has several strokes. */
const ESCAPED = /\\{1,7}(?:[/"]|u00[2-7][0-9a-f])/gi;

/** Longer text is not looked through but left out whole: no field of the catalogue is as long. */
const MAX_LENGTH = 8_192;

/** Of text in which something was found, what is left is looked through again: a mark may part what stood together. */
const MAX_ROUNDS = 4;

/**
 * Redacts text; what is hidden by one layer of percent, JSON or base64 encoding is found too. Redacting twice changes nothing.
 * Linear in the length of the text.
 */
export function redact(text: string, kind: TextKind = 'text'): Redacted {
  if (text.length > MAX_LENGTH) return { text: LEFT_OUT, found: NOTHING };
  const detectors = DETECTORS[kind];
  const asWritten = roundsOf(text, detectors);
  const plain = decoded(asWritten.text);
  if (!UNUSUAL.test(plain)) return asWritten;
  // As it reads: where anything is only found then, that is what is kept.
  const asRead = roundsOf(asItReads(plain), detectors);
  return asRead.found.length > 0 ? { text: asRead.text, found: [...asWritten.found, ...asRead.found] } : asWritten;
}

/** Plain letters, digits, blanks and dashes. */
const asItReads = (text: string): string =>
  text.normalize('NFKC').replace(UNSEEN, '').replace(BLANKS, ' ').replace(DASHES, '-').replace(DIGITS, digitOf);

/** Digits of all scripts stand in blocks of ten. */
function digitOf(digit: string): string {
  const point = digit.codePointAt(0) as number;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(point - value - 1))) value += 1;
  return String(value);
}

function roundsOf(text: string, detectors: readonly Detector[]): Redacted {
  let redacted = round(text, detectors);
  for (let n = 1; n < MAX_ROUNDS && redacted.found.length > 0; n++) {
    const again = round(redacted.text, detectors);
    if (again.found.length === 0) return redacted;
    redacted = { text: again.text, found: [...redacted.found, ...again.found] };
  }
  return redacted.found.length > 0 ? { ...redacted, text: LEFT_OUT } : redacted;
}

function round(text: string, detectors: readonly Detector[]): Redacted {
  const direct = pass(text, detectors);
  const inside = decoded(direct.text);
  // What is only found in the decoded text is kept as such: marks have no place in an encoding.
  const inner = inside === direct.text ? direct : pass(inside, detectors);
  const plain = inner === direct || inner.found.length === 0 ? direct : { text: inner.text, found: [...direct.found, ...inner.found] };
  return withoutEncoded(plain, detectors);
}

function countDigits(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) count += 1;
  }
  return count;
}

/** One look through text by the given detectors. */
export function pass(text: string, detectors: readonly Detector[]): Redacted {
  let found: SensitiveKind[] | undefined;
  let rest = text;
  const digits = countDigits(text);
  const lower = text.toLowerCase();
  for (const { kind, hint, words, digits: needed = 0, pattern, extent } of detectors) {
    if (digits < needed || (hint !== undefined && !rest.includes(hint)) || (words && !words.some((word) => lower.includes(word)))) continue;
    pattern.lastIndex = 0;
    if (!pattern.test(rest)) continue;
    rest = rest.replace(pattern, (match: string, ...more: unknown[]) => {
      const groups = more.at(-1) as { value?: string } | string;
      const value = typeof groups === 'object' ? (groups.value ?? match) : match;
      const length = extent ? extent(value) : value.length;
      if (length === 0) return match;
      found ??= [];
      found.push(kind);
      return `${match.slice(0, match.length - value.length)}[${kind}]${value.slice(length)}`;
    });
  }
  return { text: rest, found: found ?? NOTHING };
}

/** Text without one layer of JSON's and of percent encoding. */
export function decoded(text: string): string {
  const unescaped = text.includes('\\')
    ? text.replace(ESCAPED, (code) => (/[/"]$/.test(code) ? code.slice(-1) : String.fromCharCode(Number.parseInt(code.slice(-2), 16))))
    : text;
  if (!PERCENT.test(unescaped)) return unescaped;
  try {
    return decodeURIComponent(unescaped);
  } catch {
    return unescaped.replace(/%([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** Base64 that hides a find goes whole: the piece, or the part of it behind or before what joins it to others. */
export function withoutEncoded({ text, found }: Redacted, detectors: readonly Detector[]): Redacted {
  if (text.length < MIN_BASE64) return { text, found };
  const hidden: SensitiveKind[] = [];
  const kindIn = (piece: string): SensitiveKind | undefined => {
    if (piece.length < MIN_BASE64) return undefined;
    const plain = Buffer.from(piece, 'base64').toString('utf8');
    return /^[\t\n\r\x20-\x7e\p{L}\p{M}]+$/u.test(plain) ? pass(plain, detectors).found[0] : undefined;
  };
  const rest = text.replace(BASE64, (piece) => {
    const kind = kindIn(piece);
    if (kind !== undefined) {
      hidden.push(kind);
      return `[${kind}]`;
    }
    for (const joint of [/([=/])/, /([=/_-])/]) {
      const parts = piece.split(joint);
      if (parts.length === 1) continue;
      let isFound = false;
      const kept = parts.map((part) => {
        const inside = kindIn(part);
        if (inside === undefined) return part;
        hidden.push(inside);
        isFound = true;
        return `[${inside}]`;
      });
      if (isFound) return kept.join('');
    }
    return piece;
  });
  return hidden.length === 0 ? { text, found } : { text: rest, found: [...found, ...hidden] };
}
