/** From the bytes of a file to its records, whichever of the forms it has: NDJSON, a JSON array or object, gzip around either. */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { MusterError } from '../../errors.ts';
import type { Connector } from '../connectors/connector.ts';
import { ArraySplitter } from '../intake/json-array.ts';
import { JsonScan } from '../intake/json-scan.ts';
import type { ImportRecord } from './import.ts';
import { JsonSequence, type Read } from './json-sequence.ts';

/** One record may be so long; longer ones are counted as rejected. */
const MAX_RECORD_BYTES = 1024 * 1024;
/** A JSON object is read whole; arrays and NDJSON of any size are streamed. */
const MAX_OBJECT_BYTES = 64 * 1024 * 1024;
const LIMITS = { depth: 64, values: Number.MAX_SAFE_INTEGER } as const;
const OBJECT_LIMITS = { ...LIMITS, values: 10_000_000, keys: 1_000_000 } as const;
/** Values behind the first are one record, or a page of them. */
const MAX_LATER_BYTES = 16 * 1024 * 1024;
const [LINE_FEED, CARRIAGE_RETURN, RECORD_SEPARATOR] = [10, 13, 30];
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

type OfLine = NonNullable<Connector['ofLine']>;

/** A record, and how many bytes of the file it was made of, about. */
export interface FileRecord {
  record: ImportRecord;
  bytes: number;
}

/**
 * The records of a file, as far as it can be read.
 * @param ofLine what a line of text stands for, of products that log some
 * @throws MUSTER_BAD_JSON, MUSTER_BODY_TOO_LARGE behind the records that were whole
 */
export async function* recordsOf(input: AsyncIterable<Buffer>, ofLine?: OfLine): AsyncGenerator<FileRecord> {
  const { first, all } = await peeked(asUtf8(await unpacked(input)));
  if (first === '[') yield* arrayRecords(all);
  else yield* sequenceRecords(all, first === '{', ofLine);
}

/** Elements of an array of any length; and what follows it. */
async function* arrayRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  const splitter = new ArraySplitter(LIMITS, MAX_RECORD_BYTES, true);
  const iterator = chunks[Symbol.asyncIterator]();
  let line = 0;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    const elements = splitter.push(next.value);
    for (const element of elements) {
      line += 1;
      yield { record: { line, ...element }, bytes: Math.ceil(next.value.length / elements.length) };
    }
    if (splitter.behind === undefined) continue;
    const { behind } = splitter;
    yield* sequenceRecords(
      (async function* () {
        yield behind;
        yield* { [Symbol.asyncIterator]: () => iterator };
      })(),
      false,
    );
    return;
  }
  splitter.end();
}

/** Values one after another. The first may be one object that holds all records, as products answer. */
async function* sequenceRecords(chunks: AsyncIterable<Buffer>, isWhole: boolean, ofLine?: OfLine): AsyncGenerator<FileRecord> {
  const sequence = new JsonSequence();
  let isFirst = isWhole;
  let number = 0;
  const maxBytes = () => (isFirst ? MAX_OBJECT_BYTES : sequence.isOpen() ? MAX_LATER_BYTES : MAX_RECORD_BYTES);
  for await (const lines of linesOf(chunks, maxBytes)) {
    for (const given of lines) {
      number += 1;
      const line = given && withoutSeparator(given);
      if (line === undefined) {
        if (maxBytes() === MAX_OBJECT_BYTES) throw tooLarge();
        yield {
          record: { line: number, unreadable: `larger than ${MAX_RECORD_BYTES / 1024} KiB, the limit of one record` },
          bytes: MAX_RECORD_BYTES,
        };
        continue;
      }
      if (isBlank(line) && !sequence.isOpen()) continue;
      const value = ofLine && !sequence.isOpen() && isUtf8(line) ? ofLine(line.toString('utf8')) : undefined;
      if (value !== undefined) {
        yield { record: { line: number, value }, bytes: line.length };
        isFirst = false;
        continue;
      }
      if (isFirst) assertBounded(line);
      const reads = sequence.push(line, number);
      if (sequence.size > maxBytes()) {
        if (isFirst) throw tooLarge();
        reads.push(...sequence.flush());
      }
      if (reads.length > 0) yield* expanded(reads, line.length, isFirst);
      if (reads.length > 0) isFirst = false;
    }
  }
  yield* expanded(sequence.flush(), sequence.size, isFirst);
}

/** Records of values: elements of a list, or of the list in an object that products ship. */
function* expanded(reads: readonly Read[], bytes: number, isFirst: boolean): Generator<FileRecord> {
  const each = Math.ceil(bytes / Math.max(1, reads.length));
  for (const [index, read] of reads.entries()) {
    const list = 'value' in read ? (Array.isArray(read.value) ? (read.value as unknown[]) : listOf(read.value)) : undefined;
    if (list === undefined) yield { record: read, bytes: each };
    else
      for (const [i, value] of list.entries())
        yield { record: { line: isFirst && index === 0 ? i + 1 : read.line, value }, bytes: Math.ceil(each / list.length) };
  }
}

/** Of a document that is read whole. @throws MUSTER_BODY_TOO_LARGE */
function assertBounded(line: Buffer): void {
  if (line.length > MAX_RECORD_BYTES) new JsonScan(OBJECT_LIMITS).push(line);
}

/** RFC 7464 begins each value with a record separator. */
function withoutSeparator(line: Buffer): Buffer {
  let from = 0;
  while (line[from] === RECORD_SEPARATOR) from += 1;
  return from === 0 ? line : line.subarray(from);
}

const tooLarge = () =>
  new MusterError(
    'MUSTER_BAD_JSON',
    `a JSON object of more than ${MAX_OBJECT_BYTES / 1024 / 1024} MiB is not read whole; convert it to one record a line`,
  );

const isBlank = (line: Buffer) => /^\s*$/.test(line.toString('latin1', 0, 64)) && line.toString('latin1').trim() === '';

/**
 * Elements of the lists under which products ship records: `Records`, `records`, `items`, `data.events`, and of Duo's answers `response` or a
 * list in it.
 */
function listOf(value: unknown): unknown[] | undefined {
  if (!isObject(value)) return undefined;
  const data = isObject(value.data) ? value.data.events : undefined;
  const answer = 'stat' in value ? value.response : undefined;
  const response = isObject(answer) ? Object.values(answer).find(Array.isArray) : answer;
  return [value.Records, value.records, value.items, data, response].find((list): list is unknown[] => Array.isArray(list));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first byte that is no blank, and all bytes again. */
async function peeked(chunks: AsyncIterable<Buffer>): Promise<{ first: string; all: AsyncIterable<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const seen: Buffer[] = [];
  let first = '';
  let blanks = 0;
  while (first === '') {
    const next = await iterator.next();
    if (next.done) break;
    seen.push(next.value);
    first = /[^ \t\r\n]/.exec(next.value.toString('latin1'))?.[0] ?? '';
    blanks += next.value.length;
    if (first === '' && blanks > MAX_RECORD_BYTES)
      throw new MusterError('MUSTER_BAD_JSON', `there is no record in the first ${MAX_RECORD_BYTES / 1024} KiB, only blanks`);
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield* seen;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { first, all: all() };
}

const MARKS = [
  { bytes: BYTE_ORDER_MARK, encoding: undefined },
  { bytes: Buffer.of(0xff, 0xfe), encoding: 'utf-16le' },
  { bytes: Buffer.of(0xfe, 0xff), encoding: 'utf-16be' },
] as const;

/** The text as UTF-8, with line feeds: PowerShell writes UTF-16, old programs end lines with a carriage return alone. */
async function* asUtf8(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | undefined = Buffer.alloc(0);
  let decode = (chunk: Buffer): Buffer => chunk;
  for await (const chunk of chunks) {
    if (!start) {
      yield decode(chunk);
      continue;
    }
    start = Buffer.concat([start, chunk]);
    if (start.length < BYTE_ORDER_MARK.length) continue;
    ({ decode, start } = begun(start));
    yield decode(start as Buffer);
    start = undefined;
  }
  if (start && start.length > 0) yield start;
}

function begun(start: Buffer): { decode: (chunk: Buffer) => Buffer; start: Buffer } {
  const mark = MARKS.find(({ bytes }) => start.indexOf(bytes) === 0);
  const rest = mark ? start.subarray(mark.bytes.length) : start;
  const decoder = mark?.encoding === undefined ? undefined : new TextDecoder(mark.encoding);
  const toText = (chunk: Buffer) => (decoder ? Buffer.from(decoder.decode(chunk, { stream: true })) : chunk);
  const first = toText(rest);
  const endsByReturns = first.includes(CARRIAGE_RETURN) && !first.includes(LINE_FEED);
  const withFeeds = (chunk: Buffer) => (endsByReturns ? chunk.map((byte) => (byte === CARRIAGE_RETURN ? LINE_FEED : byte)) : chunk);
  let isFirst = true;
  const decode = (chunk: Buffer): Buffer => {
    const text = isFirst ? first : toText(chunk);
    isFirst = false;
    return Buffer.from(withFeeds(text));
  };
  return { decode, start: rest };
}

/** Bytes of a stream, without the gzip if it has one. */
async function unpacked(input: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const iterator = input[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<Buffer> {
    if (first.done) return;
    yield first.value;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  const isGzip = !first.done && first.value[0] === 0x1f && first.value[1] === 0x8b;
  return isGzip ? gunzipped(all()) : all();
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  // A failure reaches the loop below as well; here it must only not be left unhandled.
  const piping = pipeline(Readable.from(chunks), gunzip).catch(() => {});
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw new MusterError('MUSTER_BAD_JSON', 'the gzip data is damaged or cut off, or something else follows it', {
      cause: error,
    });
  }
  await piping;
}

/**
 * Lines, those that end in one chunk together, each as long as it may be at that moment; undefined in the place of one that is longer, of which
 * nothing is kept.
 */
async function* linesOf(chunks: AsyncIterable<Buffer>, maxBytes: () => number): AsyncGenerator<(Buffer | undefined)[]> {
  let rest: Buffer[] = [];
  let size = 0;
  const add = (bytes: Buffer) => {
    size += bytes.length;
    if (size > maxBytes()) rest = [];
    else rest.push(bytes);
  };
  const take = (): Buffer | undefined => {
    const line = size > maxBytes() ? undefined : rest.length === 1 ? rest[0] : Buffer.concat(rest);
    rest = [];
    size = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const lines: (Buffer | undefined)[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, end));
      lines.push(take());
      from = end + 1;
    }
    if (from < chunk.length) add(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (size > 0) yield [take()];
}
