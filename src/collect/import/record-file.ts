/** From the bytes of a file to its records, whichever of the forms it has: NDJSON, a JSON array or object, gzip around either. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { MusterError } from '../../errors.ts';
import { ArraySplitter } from '../intake/json-array.ts';
import { JsonScan } from '../intake/json-scan.ts';
import { parseLine } from '../intake/parse.ts';
import type { ImportRecord } from './import.ts';

/** One record may be so long; longer ones are counted as rejected. */
const MAX_RECORD_BYTES = 1024 * 1024;
/** A JSON object is read whole; arrays and NDJSON of any size are streamed. */
const MAX_OBJECT_BYTES = 64 * 1024 * 1024;
const LIMITS = { depth: 64, values: Number.MAX_SAFE_INTEGER } as const;
const OBJECT_LIMITS = { ...LIMITS, values: 10_000_000 } as const;
const LINE_FEED = 10;
const LINE_END = Buffer.of(LINE_FEED);
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** A record, and how many bytes of the file it was made of, about. */
export interface FileRecord {
  record: ImportRecord;
  bytes: number;
}

/**
 * The records of a file, as far as it can be read.
 * @throws MUSTER_BAD_JSON, MUSTER_BODY_TOO_LARGE behind the records that were whole
 */
export async function* recordsOf(input: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  const { first, all } = await peeked(withoutByteOrderMark(await unpacked(input)));
  if (first === '[') yield* arrayRecords(all);
  else yield* lineRecords(all, first === '{');
}

async function* arrayRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<FileRecord> {
  const splitter = new ArraySplitter(LIMITS, MAX_RECORD_BYTES);
  let line = 0;
  for await (const chunk of chunks) {
    const elements = splitter.push(chunk);
    for (const element of elements) {
      line += 1;
      yield { record: { line, ...element }, bytes: Math.ceil(chunk.length / elements.length) };
    }
  }
  splitter.end();
}

/** A line each; unless the first opens an object that goes on over more lines, or holds a list of records. */
async function* lineRecords(chunks: AsyncIterable<Buffer>, mayBeDocument: boolean): AsyncGenerator<FileRecord> {
  let number = 0;
  let document: Document | undefined;
  let isFirst = true;
  const maxBytes = () => ((mayBeDocument && isFirst) || document ? MAX_OBJECT_BYTES : MAX_RECORD_BYTES);
  for await (const lines of linesOf(chunks, maxBytes)) {
    for (const line of lines) {
      number += 1;
      if (line === undefined) {
        if (maxBytes() === MAX_OBJECT_BYTES) throw tooLarge();
        yield {
          record: { line: number, unreadable: `larger than ${MAX_RECORD_BYTES / 1024} KiB, the limit of one record` },
          bytes: MAX_RECORD_BYTES,
        };
        continue;
      }
      if (document) {
        document.add(line);
        if (document.size > MAX_OBJECT_BYTES) throw tooLarge();
        continue;
      }
      if (isBlank(line)) continue;
      if (mayBeDocument && isFirst && opensDocument(line)) {
        document = new Document(number);
        document.add(line);
      } else yield { record: { line: number, ...parseLine(line) }, bytes: line.length };
      isFirst = false;
    }
  }
  if (document) yield* documentRecords(document);
}

/** Lines that may be one object. Joined as they come: an object for each line of two bytes would fill the memory. */
class Document {
  readonly firstLine: number;
  size = 0;
  private readonly parts: Buffer[] = [];
  private waiting: Buffer[] = [];
  constructor(firstLine: number) {
    this.firstLine = firstLine;
  }
  add(line: Buffer): void {
    this.size += line.length + 1;
    this.waiting.push(line, LINE_END);
    if (this.waiting.length < 10_000) return;
    this.parts.push(Buffer.concat(this.waiting));
    this.waiting = [];
  }
  text(): Buffer {
    return Buffer.concat([...this.parts, ...this.waiting]);
  }
}

const tooLarge = () =>
  new MusterError(
    'MUSTER_BAD_JSON',
    `a JSON object of more than ${MAX_OBJECT_BYTES / 1024 / 1024} MiB is not read whole; convert it to one record a line`,
  );

const isBlank = (line: Buffer) => /^\s*$/.test(line.toString('latin1', 0, 64)) && line.toString('latin1').trim() === '';

/** Whether the first line begins an object over many lines, or one that holds a list of records. */
function opensDocument(line: Buffer): boolean {
  const value = parsedObject(line);
  return value === undefined || listOf(value) !== undefined;
}

/** @throws MUSTER_BODY_TOO_LARGE */
function parsedObject(bytes: Buffer): Record<string, unknown> | undefined {
  new JsonScan(OBJECT_LIMITS).push(bytes);
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Elements of the lists under which products ship records: `Records`, `records`, `items`, `data.events`, `response` or a list in it. */
function listOf(value: Record<string, unknown>): unknown[] | undefined {
  const data = isObject(value.data) ? value.data.events : undefined;
  const response = isObject(value.response) ? Object.values(value.response).find(Array.isArray) : value.response;
  return [value.Records, value.records, value.items, data, response].find((list): list is unknown[] => Array.isArray(list));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The records of a document; when the lines are none together, each is taken for a record of its own. */
function* documentRecords(document: Document): Generator<FileRecord> {
  const text = document.text();
  const value = parsedObject(text);
  if (value !== undefined) {
    const records = listOf(value) ?? [value];
    const bytes = Math.ceil(text.length / Math.max(1, records.length));
    for (const [index, element] of records.entries()) yield { record: { line: index + 1, value: element }, bytes };
    return;
  }
  let line = document.firstLine;
  for (let from = 0; from < text.length; line++) {
    const end = text.indexOf(LINE_FEED, from);
    const each = text.subarray(from, end);
    if (!isBlank(each)) yield { record: { line, ...parseLine(each) }, bytes: each.length };
    from = end + 1;
  }
}

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

async function* withoutByteOrderMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (!start) yield chunk;
    else {
      start = Buffer.concat([start, chunk]);
      if (start.length < BYTE_ORDER_MARK.length) continue;
      yield start.indexOf(BYTE_ORDER_MARK) === 0 ? start.subarray(BYTE_ORDER_MARK.length) : start;
      start = undefined;
    }
  }
  if (start && start.length > 0) yield start;
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
    throw new MusterError('MUSTER_BAD_JSON', 'the gzip data is damaged or cut off; records before the damage were taken in', {
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
