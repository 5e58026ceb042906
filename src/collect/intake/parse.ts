/** From bytes to parsed values: JSON, a JSON array, or NDJSON. No message quotes the input: it may hold what must not be logged. */
import { isAscii, isUtf8 } from 'node:buffer';
import { MusterError } from '../../errors.ts';
import type { Candidate } from './batch.ts';
import { ArraySplitter } from './json-array.ts';

/** An event is refused above this many bytes of JSON. */
const MAX_EVENT_BYTES = 256 * 1024;
/** Arrays up to this size are parsed at once, larger ones element by element. */
export const LARGE_BODY_BYTES = 1024 * 1024;
/** What a body may hold. An event has some fifteen values in 300 bytes, and as many keys. */
export const BODY_LIMITS = { depth: 64, values: 2_500_000, keys: 100_000 } as const;
/** Values that may be handed in by one request. */
export const MAX_EVENTS = 100_000;
const SPLIT_BYTES = 64 * 1024;
const LINE_FEED = 10;
const [TAB, CARRIAGE_RETURN, SPACE] = [9, 13, 32];

const TOO_LARGE: Candidate = { unreadable: `larger than ${MAX_EVENT_BYTES / 1024} KiB, the limit of one event` };

/** One parsed line, or why it is not one. */
export function parseLine(line: Buffer): Candidate {
  if (line.length > MAX_EVENT_BYTES) return TOO_LARGE;
  return isUtf8(line) ? parseText(line.toString('utf8')) : { unreadable: 'not valid UTF-8' };
}

function parseText(line: string): Candidate {
  try {
    return { value: JSON.parse(line) as unknown };
  } catch {
    return { unreadable: 'not valid JSON' };
  }
}

/** Ranges of the lines of NDJSON, without line ends; those that are blank are left out. */
function* lineRanges(bytes: Buffer): Generator<[from: number, end: number]> {
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, from);
    const end = found === -1 ? bytes.length : found;
    if (!isBlank(bytes, from, end)) yield [from, end];
    from = end + 1;
  }
}

function isBlank(bytes: Buffer, from: number, end: number): boolean {
  for (let i = from; i < end; i++) {
    const byte = bytes[i];
    if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}

/** The lines of NDJSON, without line ends; empty lines are left out. */
export function* lines(bytes: Buffer): Generator<Buffer> {
  for (const [from, end] of lineRanges(bytes)) yield bytes.subarray(from, end);
}

/** The values of NDJSON, one by one. */
export function* ndjsonCandidates(bytes: Buffer): Generator<Candidate> {
  // Most bodies are plain text as a whole, and then no line has to be looked at.
  const isPlain = isAscii(bytes);
  for (const [from, end] of lineRanges(bytes)) {
    if (isPlain && end - from <= MAX_EVENT_BYTES) yield parseText(bytes.toString('latin1', from, end));
    else yield parseLine(bytes.subarray(from, end));
  }
}

/**
 * The values of a JSON body: the elements of an array, or the one value.
 * @throws MUSTER_BAD_JSON, MUSTER_BODY_TOO_LARGE
 */
export function* jsonCandidates(bytes: Buffer): Generator<Candidate> {
  if (bytes.length > LARGE_BODY_BYTES) {
    yield* largeCandidates(bytes);
    return;
  }
  const value = jsonValue(bytes);
  for (const element of Array.isArray(value) ? (value as unknown[]) : [value]) yield { value: element };
}

/** Element by element, so that neither memory nor loop holds all of them. */
function* largeCandidates(bytes: Buffer): Generator<Candidate> {
  if (!/^[ \t\r\n]*\[/.test(bytes.toString('latin1', 0, SPLIT_BYTES))) {
    yield TOO_LARGE;
    return;
  }
  const splitter = new ArraySplitter(BODY_LIMITS, MAX_EVENT_BYTES);
  for (let from = 0; from < bytes.length; from += SPLIT_BYTES) yield* splitter.push(bytes.subarray(from, from + SPLIT_BYTES));
  splitter.end();
}

/**
 * Values of a request, as far as one may hold them.
 * @throws MUSTER_BODY_TOO_LARGE
 */
export function* bounded(candidates: Iterable<Candidate>): Generator<Candidate> {
  let count = 0;
  for (const candidate of candidates) {
    count += 1;
    if (count > MAX_EVENTS)
      throw new MusterError(
        'MUSTER_BODY_TOO_LARGE',
        `more than ${MAX_EVENTS.toLocaleString('en')} events in one request; send them in parts`,
      );
    yield candidate;
  }
}

/** The value of a JSON body. @throws MUSTER_BAD_JSON */
export function jsonValue(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new MusterError('MUSTER_BAD_JSON', 'the body is not valid UTF-8');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new MusterError('MUSTER_BAD_JSON', 'the body is not valid JSON; for one event a line, send Content-Type: application/x-ndjson');
  }
}
