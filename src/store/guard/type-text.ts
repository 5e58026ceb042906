/**
 * Types as statements write them, `CAST(x, 'Array(UInt8)')`: read by a grammar of our own, since the engine evaluates what some of them hold (states
 * of aggregate functions, default expressions) and opens what a time zone names.
 */

import type { AllowsZone } from './time-zones.ts';

/**
 * What stands alone. Not what holds values of any type (JSON, Dynamic, Variant): a part of such a value is named by a type, in a place that is not
 * looked at here.
 */
const PLAIN = new Set(
  `string u?int8 u?int16 u?int32 u?int64 u?int128 u?int256 float32 float64 bfloat16 bool boolean date date32 time uuid ipv4 ipv6 nothing
  tinyint smallint int integer bigint float double real text`
    .split(/\s+/)
    .flatMap((name) => (name.startsWith('u?') ? [name.slice(2), `u${name.slice(2)}`] : [name])),
);
const OF_TYPES = new Set(['array', 'tuple', 'map', 'nullable', 'lowcardinality']);
const OF_VALUES = new Set(
  'fixedstring datetime datetime32 datetime64 time64 decimal decimal32 decimal64 decimal128 decimal256 enum enum8 enum16 char varchar numeric dec timestamp'.split(
    ' ',
  ),
);
const INTERVAL = /^interval(?:nanosecond|microsecond|millisecond|second|minute|hour|day|week|month|quarter|year)$/;
const ZONED = /^(?:datetime|datetime32|datetime64|timestamp)$/;

const MAX_LENGTH = 10_000;
const MAX_DEPTH = 20;
/** Each of them at one place only, so that reading takes as long as the text is. */
const TOKEN = /\s*(?:([A-Za-z_]\w*)|(-?\d+)|('(?:[^'\\]|\\.)*')|(`[^`\\]*`|"[^"\\]*")|([(),=]))/y;

interface Token {
  kind: 'word' | 'number' | 'text' | 'name' | 'sign';
  text: string;
}
const TOKEN_KINDS = ['word', 'number', 'text', 'name', 'sign'] as const;

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (!match) return undefined;
    const index = TOKEN_KINDS.findIndex((_, i) => match[i + 1] !== undefined);
    tokens.push({ kind: TOKEN_KINDS[index] as Token['kind'], text: match[index + 1] as string });
  }
  return tokens;
}

/** Reads types off tokens; every method says whether what it reads is there. */
class Reader {
  private readonly tokens: readonly Token[];
  private readonly allowsZone: AllowsZone;
  private at = 0;
  constructor(tokens: readonly Token[], allowsZone: AllowsZone) {
    this.tokens = tokens;
    this.allowsZone = allowsZone;
  }
  isDone(): boolean {
    return this.at === this.tokens.length;
  }
  private take(fits: (token: Token) => boolean): Token | undefined {
    const token = this.tokens[this.at];
    if (token === undefined || !fits(token)) return undefined;
    this.at += 1;
    return token;
  }
  sign(text: string): boolean {
    return this.take((token) => token.kind === 'sign' && token.text === text) !== undefined;
  }
  /** Some, parted by commas, up to the closing bracket. */
  private list(read: () => boolean): boolean {
    if (this.sign(')')) return true;
    do if (!read()) return false;
    while (this.sign(','));
    return this.sign(')');
  }
  type(depth: number): boolean {
    const name = this.take(({ kind }) => kind === 'word')?.text.toLowerCase();
    if (name === undefined || depth > MAX_DEPTH) return false;
    if (name === 'double') this.take(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'precision');
    if (PLAIN.has(name) || INTERVAL.test(name)) return true;
    if (OF_VALUES.has(name)) return !this.sign('(') || this.list(() => this.value(name));
    return OF_TYPES.has(name) && this.sign('(') && this.list(() => this.element(depth + 1));
  }
  /** A type, or a name and its type. */
  private element(depth: number): boolean {
    const next = this.tokens[this.at + 1];
    const isNamed = next?.kind === 'word';
    if (isNamed || this.tokens[this.at]?.kind === 'name') this.at += 1;
    return this.type(depth);
  }
  private value(of: string): boolean {
    const value = this.take(({ kind }) => kind === 'number' || kind === 'text');
    if (value === undefined) return false;
    if (ZONED.test(of)) return value.kind === 'number' || this.allowsZone(value.text.slice(1, -1));
    return !this.sign('=') || this.take(({ kind }) => kind === 'number') !== undefined;
  }
  column(): boolean {
    return this.take(({ kind }) => kind === 'word' || kind === 'name') !== undefined && this.type(0);
  }
}

/** What a text is in truth that the engine prints in single quotes, with backslashes; undefined for what is no text. */
export const textOf = (literal: string): string | undefined =>
  /^'[\s\S]*'$/.test(literal) ? literal.slice(1, -1).replace(/\\([\s\S])/g, '$1') : undefined;

function read(text: string | undefined, allowsZone: AllowsZone, whole: (reader: Reader) => boolean): boolean {
  const tokens = text === undefined || text.length > MAX_LENGTH ? undefined : tokensOf(text);
  if (!tokens || tokens.length === 0) return false;
  const reader = new Reader(tokens, allowsZone);
  return whole(reader) && reader.isDone();
}

/** Whether a text is a type that holds no expression, no state of an aggregate function and no file. */
export const isPlainType = (text: string | undefined, allowsZone: AllowsZone): boolean =>
  read(text, allowsZone, (reader) => reader.type(0));

/** The same of names and types of columns. */
export const arePlainColumns = (text: string | undefined, allowsZone: AllowsZone): boolean =>
  read(text, allowsZone, (reader) => {
    do if (!reader.column()) return false;
    while (reader.sign(','));
    return true;
  });
