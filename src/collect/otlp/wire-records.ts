/**
 * Records of an OTLP request in protobuf, read off the wire one by one: of a batch, one that is damaged is none, and the others come in
 * (opentelemetry-proto 1.x: trace/v1, logs/v1, common/v1). Fields that are not here are skipped, as OTLP asks for.
 */
import protobuf from 'protobufjs';
import { MusterError } from '../../errors.ts';
import { meaningOfName } from '../../events/event-name.ts';
import {
  type Attributes,
  type AttributeValue,
  Budget,
  MAX_ATTRIBUTES,
  MAX_DEPTH,
  MAX_ITEMS,
  type Part,
  type Signal,
  sharedOf,
  weightOf,
} from './part.ts';

const [VARINT, FIXED64, BYTES] = [0, 1, 2];
/** Of `AnyValue`, by field. */
const VALUE_TYPES: Readonly<Record<number, number>> = { 1: BYTES, 2: VARINT, 3: VARINT, 4: FIXED64, 5: BYTES, 6: BYTES, 7: BYTES };
/** Of the fields that are read. */
const RECORD_TYPES: Readonly<Record<Signal, Readonly<Record<number, number>>>> = {
  traces: { 1: BYTES, 2: BYTES, 4: BYTES, 5: BYTES, 6: VARINT, 7: FIXED64, 8: FIXED64, 9: BYTES, 11: BYTES, 15: BYTES },
  logs: { 1: FIXED64, 2: VARINT, 3: BYTES, 5: BYTES, 6: BYTES, 9: BYTES, 10: BYTES, 11: FIXED64, 12: BYTES },
};
const OTHER_SIGNAL = { traces: 'a span; log records go to /v1/logs', logs: 'a log record; spans go to /v1/traces' } as const;

type Reader = protobuf.Reader;

/**
 * @throws MUSTER_BAD_ARGUMENT when the bytes are no such message, MUSTER_BODY_TOO_LARGE
 */
export function* wireRecords(signal: Signal, bytes: Buffer): Generator<Part | { problem: string }> {
  const budget = new Budget();
  const reader = protobuf.Reader.create(bytes);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      budget.container();
      if (tag !== ((1 << 3) | BYTES)) reader.skipType(tag & 7);
      else yield* recordsOfResource(signal, reader, endOf(reader, reader.len), budget);
    }
  } catch (cause) {
    if (cause instanceof MusterError) throw cause;
    throw new MusterError('MUSTER_BAD_ARGUMENT', `the body is not a message of OTLP's protobuf for ${signal}`, { cause });
  }
}

function* recordsOfResource(signal: Signal, reader: Reader, end: number, budget: Budget): Generator<Part | { problem: string }> {
  const { first, others } = childrenOf(reader, end, budget);
  const resource = first === undefined ? NO_ATTRIBUTES : attributesAt(reader, first, 1);
  for (const scope of others) {
    reader.pos = scope.from;
    // Of a scope the attributes are the third field.
    const inner = childrenOf(reader, scope.end, budget, true);
    const shared = sharedOf(resource, inner.first === undefined ? NO_ATTRIBUTES : attributesAt(reader, inner.first, 3));
    const weight = weightOf(shared);
    for (const { from, end: recordEnd } of inner.others) {
      const part = partAt(signal, reader, from, recordEnd, shared);
      if ('own' in part) budget.attributesOf(part.own.size, weight);
      yield part;
    }
  }
  reader.pos = end;
}

interface Range {
  from: number;
  end: number;
}

/** The first and the second field of a message, both messages: what is shared, and those that share it. */
function childrenOf(reader: Reader, end: number, budget: Budget, areRecords = false): { first: Range | undefined; others: Range[] } {
  let first: Range | undefined;
  const others: Range[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    if ((field !== 1 && field !== 2) || (tag & 7) !== BYTES) {
      reader.skipType(tag & 7);
      continue;
    }
    const range = { end: endOf(reader, end), from: reader.pos };
    reader.pos = range.end;
    if (field === 1) first = range;
    else {
      if (areRecords) budget.record();
      else budget.container();
      others.push(range);
    }
  }
  if (reader.pos !== end) throw new RangeError('a message ends behind the one around it');
  return { first, others };
}

const NO_ATTRIBUTES: Attributes = new Map();

function endOf(reader: Reader, limit: number): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > limit) throw new RangeError('a message ends behind the one around it');
  return end;
}

/** Attributes of a message that are its field of this number. */
function attributesAt(reader: Reader, { from, end }: Range, field: number): Attributes {
  const attributes = new Map<string, AttributeValue>();
  const items = itemCounter();
  reader.pos = from;
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    if (tag === ((field << 3) | BYTES)) attributeInto(attributes, reader, endOf(reader, end), items);
    else reader.skipType(tag & 7);
  }
  return attributes;
}

/** @throws Error beyond what one record may hold */
function itemCounter(): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > MAX_ITEMS) throw new Error(`it holds more than ${MAX_ITEMS} fields and values`);
  };
}

/** A record that cannot be read is that record's problem alone. */
function partAt(signal: Signal, reader: Reader, from: number, end: number, shared: Attributes): Part | { problem: string } {
  reader.pos = from;
  try {
    return readPart(signal, reader, end, shared);
  } catch (error) {
    return { problem: `not ${OTHER_SIGNAL[signal]} (${error instanceof Error ? error.message : 'damaged'})` };
  } finally {
    reader.pos = end;
  }
}

function readPart(signal: Signal, reader: Reader, end: number, shared: Attributes): Part {
  const own = new Map<string, AttributeValue>();
  const events: Part['events'][number][] = [];
  const part: Part = { ...EMPTY, own, shared, events, unreadable: [], notes: [] };
  const items = itemCounter();
  const types = RECORD_TYPES[signal];
  const read = signal === 'traces' ? readSpanField : readLogField;
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    const [field, type] = [tag >>> 3, tag & 7];
    const expected = types[field];
    if (expected === undefined) reader.skipType(type);
    else if (expected !== type) throw new Error(`field ${field} is of another type`);
    else if (field === (signal === 'traces' ? 9 : 6)) {
      attributeInto(own, reader, endOf(reader, end), items);
      if (own.size > MAX_ATTRIBUTES) throw new Error(`it has more than ${MAX_ATTRIBUTES} attributes`);
    } else read(part, field, reader, end, items);
  }
  if (reader.pos !== end) throw new RangeError('it is cut off');
  return part;
}

const EMPTY: Omit<Part, 'own' | 'shared' | 'events' | 'unreadable' | 'notes'> = {
  eventName: '',
  traceId: '',
  spanId: '',
  parentSpanId: '',
  name: '',
  kind: 0,
  statusCode: 0,
  startNanos: undefined,
  endNanos: undefined,
  timeNanos: undefined,
  observedNanos: undefined,
  severity: [0, ''],
  body: undefined,
  eventsSeen: 0,
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readSpanField(part: Mutable<Part>, field: number, reader: Reader, limit: number, items: () => void): void {
  switch (field) {
    case 1:
      part.traceId = id(reader, 16, 'traceId', part.notes);
      break;
    case 2:
      part.spanId = id(reader, 8, 'spanId', part.notes);
      break;
    case 4:
      part.parentSpanId = id(reader, 8, 'parentSpanId', part.notes);
      break;
    case 5:
      part.name = text(reader);
      break;
    case 6:
      part.kind = reader.int32();
      break;
    case 7:
      part.startNanos = nanos(reader);
      break;
    case 8:
      part.endNanos = nanos(reader);
      break;
    case 11:
      readEvent(part, reader, endOf(reader, limit), items);
      break;
    default:
      part.statusCode = statusCode(reader, endOf(reader, limit));
  }
}

function readLogField(part: Mutable<Part>, field: number, reader: Reader, limit: number, items: () => void): void {
  switch (field) {
    case 1:
      part.timeNanos = nanos(reader);
      break;
    case 2:
      part.severity = [reader.int32(), part.severity[1]];
      break;
    case 3:
      part.severity = [part.severity[0], text(reader)];
      break;
    case 5: {
      const end = endOf(reader, limit);
      const from = reader.pos;
      reader.pos = end;
      part.body = () => {
        const inner = protobuf.Reader.create(reader.buf.subarray(from, end) as Uint8Array);
        return anyValue(inner, inner.len, items, 0);
      };
      break;
    }
    case 9:
      part.traceId = id(reader, 16, 'traceId', part.notes);
      break;
    case 10:
      part.spanId = id(reader, 8, 'spanId', part.notes);
      break;
    case 11:
      part.observedNanos = nanos(reader);
      break;
    default:
      part.eventName = text(reader);
  }
}

/** Of an event on a span: its attributes are of interest where its name is. */
function readEvent(part: Mutable<Part>, reader: Reader, end: number, items: () => void): void {
  let [name, at] = ['', undefined as bigint | undefined];
  const attributes: Range[] = [];
  const index = part.eventsSeen;
  part.eventsSeen += 1;
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    if (tag === ((1 << 3) | FIXED64)) at = nanos(reader);
    else if (tag === ((2 << 3) | BYTES)) name = text(reader);
    else if (tag === ((3 << 3) | BYTES)) {
      const range = { end: endOf(reader, end), from: reader.pos };
      attributes.push(range);
      reader.pos = range.end;
    } else reader.skipType(tag & 7);
  }
  if (meaningOfName(name) === undefined) return;
  const own = new Map<string, AttributeValue>();
  for (const range of attributes) {
    reader.pos = range.from;
    attributeInto(own, reader, range.end, items);
  }
  reader.pos = end;
  (part.events as Part['events'][number][]).push({ index, name, nanos: at, own, unreadable: [] });
}

function statusCode(reader: Reader, end: number): number {
  let code = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === ((3 << 3) | VARINT)) code = reader.int32();
    else reader.skipType(tag & 7);
  }
  return code;
}

function attributeInto(into: Map<string, AttributeValue>, reader: Reader, end: number, items: () => void): void {
  const [key, value] = entry(reader, end, items, 0);
  if (key !== '' && value !== null) into.set(key, value);
}

/** A `KeyValue`; null for an empty value. */
function entry(reader: Reader, end: number, items: () => void, depth: number): [string, AttributeValue] {
  let [key, value] = ['', null as AttributeValue];
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    if (tag === ((1 << 3) | BYTES)) key = text(reader);
    else if (tag === ((2 << 3) | BYTES)) value = anyValue(reader, endOf(reader, end), items, depth);
    else reader.skipType(tag & 7);
  }
  return [key, value];
}

/** Of its fields the last one counts; null when it has none. */
function anyValue(reader: Reader, end: number, items: () => void, depth: number): AttributeValue {
  if (depth > MAX_DEPTH) throw new Error('values are nested too deeply');
  let value: AttributeValue = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    const field = tag >>> 3;
    if (VALUE_TYPES[field] !== (tag & 7)) reader.skipType(tag & 7);
    else if (field === 1) value = text(reader);
    else if (field === 2) value = reader.bool();
    else if (field === 3) value = integer(String(reader.int64()));
    else if (field === 4) value = plainZero(reader.double());
    else if (field === 5) value = list(reader, endOf(reader, end), items, depth + 1);
    else if (field === 6) value = map(reader, endOf(reader, end), items, depth + 1);
    else value = bytesOf(reader).toString('base64');
  }
  return value;
}

function list(reader: Reader, end: number, items: () => void, depth: number): AttributeValue[] {
  const values: AttributeValue[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    if (tag === ((1 << 3) | BYTES)) values.push(anyValue(reader, endOf(reader, end), items, depth));
    else reader.skipType(tag & 7);
  }
  return values;
}

function map(reader: Reader, end: number, items: () => void, depth: number): Record<string, AttributeValue> {
  const values = new Map<string, AttributeValue>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    items();
    if (tag !== ((1 << 3) | BYTES)) {
      reader.skipType(tag & 7);
      continue;
    }
    const [key, value] = entry(reader, endOf(reader, end), items, depth);
    values.set(key, value);
  }
  return Object.fromEntries(values);
}

/** What is not UTF-8 is U+FFFD: another service's text costs nobody an event. */
const text = (reader: Reader): string => bytesOf(reader).toString('utf8');

/** A slice: readers of a Buffer make no copy. */
const bytesOf = (reader: Reader): Buffer => reader.bytes() as Buffer;

/** JSON has one zero. */
export const plainZero = (value: number): number => (value === 0 ? 0 : value);

/** Digits of a 64-bit integer, as a number where that keeps them all. */
export const integer = (digits: string): number | string => (Number.isSafeInteger(Number(digits)) ? Number(digits) : digits);

const nanos = (reader: Reader): bigint => {
  const low = BigInt(reader.fixed32());
  return (BigInt(reader.fixed32()) << 32n) | low;
};

function id(reader: Reader, length: number, field: string, notes: string[]): string {
  const bytes = bytesOf(reader);
  if (bytes.length === 0 || bytes.every((byte) => byte === 0)) return '';
  if (bytes.length === length) return bytes.toString('hex');
  notes.push(`${field}: expected ${length} bytes`);
  return '';
}
