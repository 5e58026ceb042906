/** Takes secrets and personal data out of free text: each find becomes its kind in brackets. */
import type { Detector, Kind } from './detector.ts';
import { PERSONAL } from './personal.ts';
import { SECRETS } from './secrets.ts';

export interface Redacted {
  /** The text with `[kind]` in the place of each find. */
  text: string;
  /** The kinds found, each as often as it was. */
  found: readonly Kind[];
}

const DETECTORS: readonly Detector[] = [...SECRETS, ...PERSONAL];
const NOTHING: readonly Kind[] = [];
/** In the place of text that is not looked through, or not to the end. */
export const LEFT_OUT = '[left out]';
/** Base64 that may be text: shorter pieces hold too little. */
const BASE64 = /(?<![\w+/=-])[A-Za-z0-9+/_-]{24,4096}={0,2}(?![\w+/=-])/g;
const PERCENT = /%[0-9a-f]{2}/i;
const ESCAPED = /\\(?:\/|u00[2-7][0-9a-f])/gi;

/** Longer text is not looked through but left out whole: no field of the catalogue is as long. */
const MAX_LENGTH = 8_192;

/** Of text in which something was found, what is left is looked through again: a mark may part what stood together. */
const MAX_ROUNDS = 4;

/**
 * Redacts text; what is hidden by one layer of percent, JSON or base64 encoding is found too. Redacting twice changes nothing.
 * Linear in the length of the text.
 */
export function redact(text: string): Redacted {
  if (text.length > MAX_LENGTH) return { text: LEFT_OUT, found: NOTHING };
  let redacted = round(text);
  for (let n = 1; n < MAX_ROUNDS && redacted.found.length > 0; n++) {
    const again = round(redacted.text);
    if (again.found.length === 0) return redacted;
    redacted = { text: again.text, found: [...redacted.found, ...again.found] };
  }
  return redacted.found.length > 0 ? { ...redacted, text: LEFT_OUT } : redacted;
}

function round(text: string): Redacted {
  const direct = pass(text);
  const inside = decoded(direct.text);
  // What is only found in the decoded text is kept as such: marks have no place in an encoding.
  const inner = inside === direct.text ? direct : pass(inside);
  const plain = inner === direct || inner.found.length === 0 ? direct : { text: inner.text, found: [...direct.found, ...inner.found] };
  return withoutEncoded(plain);
}

/** One look through text by the given detectors. */
export function pass(text: string, detectors: readonly Detector[] = DETECTORS): Redacted {
  let found: Kind[] | undefined;
  let rest = text;
  for (const { kind, hint, pattern, extent } of detectors) {
    if (hint !== undefined && !rest.includes(hint)) continue;
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
    ? text.replace(ESCAPED, (code) => (code === '\\/' ? '/' : String.fromCharCode(Number.parseInt(code.slice(2), 16))))
    : text;
  if (!PERCENT.test(unescaped)) return unescaped;
  try {
    return decodeURIComponent(unescaped);
  } catch {
    return unescaped.replace(/%([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** Base64 that hides a find goes whole. */
function withoutEncoded({ text, found }: Redacted): Redacted {
  if (text.length < 24) return { text, found };
  const hidden: Kind[] = [];
  const rest = text.replace(BASE64, (piece) => {
    const plain = Buffer.from(piece, 'base64').toString('latin1');
    if (!/^[\t\n\r\x20-\x7e]+$/.test(plain)) return piece;
    const [kind] = pass(plain).found;
    if (kind === undefined) return piece;
    hidden.push(kind);
    return `[${kind}]`;
  });
  return hidden.length === 0 ? { text, found } : { text: rest, found: [...found, ...hidden] };
}
