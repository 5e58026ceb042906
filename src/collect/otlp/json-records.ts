/**
 * Records of an OTLP request in JSON, each field as ProtoJSON reads it (protobuf.dev/programming-guides/json): names in lowerCamelCase or as in
 * the proto file, numbers as numbers or text, enums by number or name; ids in hex (OTLP 1.x, "JSON Protobuf Encoding") or base64.
 */
import { MusterError } from '../../errors.ts';
import { fieldName } from '../../events/checker.ts';
import { meaningOfName } from '../../events/event-name.ts';
import {
  type Attributes,
  type AttributeValue,
  Budget,
  MAX_ATTRIBUTES,
  MAX_DEPTH,
  type Part,
  type Signal,
  sharedOf,
  weightOf,
} from './part.ts';
import { integer, plainZero } from './wire-records.ts';

type Message = Record<string, unknown>;

const NAMES = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const satisfies Record<Signal, readonly string[]>;
const METRICS = 'resourceMetrics';
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name) => `SPAN_KIND_${name}`);
const STATUS_CODES = ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`);
const MAX_UINT64 = 2n ** 64n - 1n;
const [MIN_INT64, MAX_INT64] = [-(2n ** 63n), 2n ** 63n - 1n];
const NO_MESSAGE: Message = {};

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null && !Array.isArray(value);

const SNAKE = new Map<string, string>();
const snakeOf = (name: string): string => {
  const known = SNAKE.get(name) ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  SNAKE.set(name, known);
  return known;
};
/** A field by its name, whichever form that has; null is none. */
const at = (message: Message, name: string): unknown => message[name] ?? message[snakeOf(name)] ?? undefined;
const messageAt = (message: Message, name: string): Message => {
  const value = at(message, name);
  return isMessage(value) ? value : NO_MESSAGE;
};

/**
 * @param request a parsed body
 * @throws MUSTER_BAD_JSON for what is no request of the signal, MUSTER_BODY_TOO_LARGE
 */
export function* jsonRecords(signal: Signal, request: unknown): Generator<Part | { problem: string }> {
  const [resources, scopes, records] = NAMES[signal];
  assertRequest(signal, request);
  const budget = new Budget();
  const problems: string[] = [];
  for (const resource of messages(request, resources, problems)) {
    budget.container();
    const ofResource = attributesOf(messageAt(resource, 'resource'), [], problems);
    for (const scope of messages(resource, scopes, problems)) {
      budget.container();
      const shared = sharedOf(ofResource, attributesOf(messageAt(scope, 'scope'), [], problems));
      const weight = weightOf(shared);
      for (const record of messages(scope, records, problems)) {
        budget.record();
        const part = partOf(signal, record, shared);
        if ('own' in part) budget.attributesOf(part.own.size, weight);
        yield part;
      }
      while (problems.length > 0) yield { problem: problems.pop() as string };
    }
    while (problems.length > 0) yield { problem: problems.pop() as string };
  }
  for (const problem of problems) yield { problem };
}

function assertRequest(signal: Signal, request: unknown): asserts request is Message {
  const refuse = (why: string) => new MusterError('MUSTER_BAD_JSON', `the body is not an OTLP request of ${signal}: ${why}`);
  if (!isMessage(request)) throw refuse('expected an object');
  const [expected] = NAMES[signal];
  if (at(request, expected) !== undefined || Object.keys(request).length === 0) return;
  const other = signal === 'traces' ? 'logs' : 'traces';
  if (at(request, NAMES[other][0]) !== undefined) throw refuse(`it holds ${other}; send them to /v1/${other}`);
  if (at(request, METRICS) !== undefined) throw refuse('it holds metrics, which are not taken');
  throw refuse(`it has no ${expected}`);
}

/** Elements of a repeated field; what is none is told. */
function messages(message: Message, name: string, problems: string[]): Message[] {
  const value = at(message, name);
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    problems.push(`${name}: expected a list`);
    return [];
  }
  const found = value.filter(isMessage);
  if (found.length < value.length) problems.push(`${name}: ${value.length - found.length} of its elements are no objects`);
  return found;
}

function partOf(signal: Signal, record: Message, shared: Attributes): Part | { problem: string } {
  const unreadable: string[] = [];
  try {
    const own = attributesOf(record, unreadable);
    if (own.size > MAX_ATTRIBUTES) return { problem: `a record has more than ${MAX_ATTRIBUTES} attributes` };
    const notes: string[] = [];
    const hex = (name: string, bytes: number) => idOf(at(record, name), name, bytes, notes);
    const nanos = (name: string) => nanosOf(at(record, name), name, unreadable);
    const isSpan = signal === 'traces';
    const body = at(record, 'body');
    return {
      own,
      shared,
      eventName: isSpan ? '' : textOf(at(record, 'eventName')),
      traceId: hex('traceId', 16),
      spanId: hex('spanId', 8),
      parentSpanId: isSpan ? hex('parentSpanId', 8) : '',
      name: textOf(at(record, 'name')),
      kind: isSpan ? enumOf(at(record, 'kind'), KINDS, 'kind', notes) : 0,
      statusCode: isSpan ? enumOf(at(messageAt(record, 'status'), 'code'), STATUS_CODES, 'status.code', unreadable) : 0,
      startNanos: isSpan ? nanos('startTimeUnixNano') : undefined,
      endNanos: isSpan ? nanos('endTimeUnixNano') : undefined,
      timeNanos: isSpan ? undefined : nanos('timeUnixNano'),
      observedNanos: isSpan ? undefined : nanos('observedTimeUnixNano'),
      severity: isSpan ? [0, ''] : [Number(at(record, 'severityNumber') ?? 0) || 0, textOf(at(record, 'severityText'))],
      body: isMessage(body) ? () => anyValue(body, 'body', unreadable, 0) : undefined,
      ...eventsOf(record, isSpan),
      unreadable,
      notes,
    };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function eventsOf(record: Message, isSpan: boolean): Pick<Part, 'events' | 'eventsSeen'> {
  const listed = isSpan ? at(record, 'events') : undefined;
  if (!Array.isArray(listed)) return { events: [], eventsSeen: 0 };
  const events = listed.flatMap((event: unknown, index) => {
    const name = isMessage(event) ? textOf(at(event, 'name')) : '';
    if (!isMessage(event) || meaningOfName(name) === undefined) return [];
    const unreadable: string[] = [];
    const own = attributesOf(event, unreadable);
    return [{ index, name, nanos: nanosOf(at(event, 'timeUnixNano'), 'timeUnixNano', unreadable), own, unreadable }];
  });
  return { events, eventsSeen: listed.length };
}

function attributesOf(message: Message, unreadable: string[], problems = unreadable): Attributes {
  const attributes = new Map<string, AttributeValue>();
  for (const attribute of messages(message, 'attributes', problems)) {
    const [key, given] = [at(attribute, 'key'), at(attribute, 'value')];
    if (typeof key !== 'string' || key === '' || !isMessage(given)) continue;
    const value = anyValue(given, key, problems, 0);
    if (value !== null) attributes.set(key, value);
  }
  return attributes;
}

/** An `AnyValue`; null when it is empty, or none. */
function anyValue(value: Message, name: string, unreadable: string[], depth: number): AttributeValue {
  if (depth > MAX_DEPTH) throw new Error('values are nested too deeply');
  const told = () => {
    unreadable.push(`${fieldName(name)}: not such a value`);
    return null;
  };
  const [string, bool, bytes] = [at(value, 'stringValue'), at(value, 'boolValue'), at(value, 'bytesValue')];
  const [int, double] = [at(value, 'intValue'), at(value, 'doubleValue')];
  const [array, kvlist] = [at(value, 'arrayValue'), at(value, 'kvlistValue')];
  if (string !== undefined) return typeof string === 'string' ? string : told();
  if (bool !== undefined) return typeof bool === 'boolean' ? bool : told();
  if (int !== undefined) return intOf(int) ?? told();
  if (double !== undefined) return doubleOf(double) ?? told();
  if (bytes !== undefined) return typeof bytes === 'string' ? Buffer.from(bytes, 'base64').toString('base64') : told();
  if (isMessage(array)) return messages(array, 'values', unreadable).map((each) => anyValue(each, name, unreadable, depth + 1));
  if (isMessage(kvlist))
    return Object.fromEntries(
      messages(kvlist, 'values', unreadable).map((entry) => [
        textOf(at(entry, 'key')),
        anyValue(messageAt(entry, 'value'), name, unreadable, depth + 1),
      ]),
    );
  return null;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An integer as ProtoJSON writes it: digits, as text or not, or `2e2`. */
function digitsOf(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' || value.length > 40) return undefined;
  if (/^-?\d+$/.test(value)) return BigInt(value);
  return /^-?\d+(?:\.\d+)?[eE][+]?\d{1,2}$/.test(value) && Number.isInteger(Number(value)) ? BigInt(Number(value)) : undefined;
}

function intOf(value: unknown): number | string | undefined {
  // Its digits are lost already: as text it would have them all.
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return undefined;
  const digits = digitsOf(value);
  return digits === undefined || digits < MIN_INT64 || digits > MAX_INT64 ? undefined : integer(String(digits));
}

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

function doubleOf(value: unknown): number | undefined {
  if (typeof value === 'number') return plainZero(value);
  if (typeof value !== 'string') return undefined;
  if (Object.hasOwn(SPECIAL, value)) return SPECIAL[value];
  return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/.test(value) && value.length <= 64 ? plainZero(Number(value)) : undefined;
}

/** A `fixed64` of nanoseconds. A time that is none is not a missing one: the record has no other. */
function nanosOf(value: unknown, name: string, unreadable: string[]): bigint | undefined {
  if (value === undefined) return undefined;
  const digits = digitsOf(value);
  if (digits !== undefined && digits >= 0n && digits <= MAX_UINT64) return digits;
  unreadable.push(`${name}: not a time in nanoseconds since 1970`);
  return undefined;
}

function enumOf(value: unknown, names: readonly string[], field: string, unreadable: string[]): number {
  if (value === undefined) return 0;
  const number = typeof value === 'string' && !/^\d{1,3}$/.test(value) ? names.indexOf(value) : Number(value);
  if (Number.isInteger(number) && number >= 0) return number;
  unreadable.push(`${field}: no such name or number`);
  return 0;
}

/** An id as lower-case hex, also when it was sent in base64, or in base64 of its hex. */
function idOf(value: unknown, field: string, bytes: number, notes: string[]): string {
  if (value === undefined || value === '') return '';
  const hex = typeof value === 'string' && value.length <= 64 ? hexOf(value, bytes) : undefined;
  if (hex === undefined) notes.push(`${field}: expected ${2 * bytes} hexadecimal digits`);
  return hex === undefined || /^0+$/.test(hex) ? '' : hex;
}

function hexOf(text: string, bytes: number): string | undefined {
  const isHex = (each: string) => each.length === 2 * bytes && /^[0-9a-f]+$/i.test(each);
  if (isHex(text)) return text.toLowerCase();
  if (!/^[\w+/-]+={0,2}$/.test(text)) return undefined;
  const decoded = Buffer.from(text, 'base64');
  if (decoded.length === bytes) return decoded.toString('hex');
  const inner = decoded.toString('latin1');
  return isHex(inner) ? inner.toLowerCase() : undefined;
}
