/** From bytes to parsed values: JSON, a JSON array, or NDJSON. No message quotes the input: it may hold what must not be logged. */
import { isUtf8 } from 'node:buffer';
import { MusterError } from '../errors.ts';
import type { Candidate } from './batch.ts';

/** An event is refused above this many bytes of JSON. */
const MAX_EVENT_BYTES = 256 * 1024;
const LINE_FEED = 10;

/** One parsed line, or why it is not one. */
export function parseLine(line: Buffer): Candidate {
  if (line.length > MAX_EVENT_BYTES) return { unreadable: `larger than ${MAX_EVENT_BYTES / 1024} KiB, the limit of one event` };
  if (!isUtf8(line)) return { unreadable: 'not valid UTF-8' };
  try {
    return { value: JSON.parse(line.toString('utf8')) as unknown };
  } catch {
    return { unreadable: 'not valid JSON' };
  }
}

/** The lines of NDJSON, without line ends; empty lines are left out. */
export function* lines(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, from);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(from, end);
    if (!isBlank(line)) yield line;
    from = end + 1;
  }
}

const isBlank = (line: Buffer) => line.every((byte) => byte === 32 || byte === 9 || byte === 13);

/** The values of NDJSON, one by one. */
export function* ndjsonCandidates(bytes: Buffer): Generator<Candidate> {
  for (const line of lines(bytes)) yield parseLine(line);
}

/**
 * The values of a JSON body: the elements of an array, or the one value.
 * @throws MUSTER_BAD_JSON
 */
export function jsonCandidates(bytes: Buffer): Candidate[] {
  const value = jsonValue(bytes);
  return (Array.isArray(value) ? value : [value]).map((element: unknown) => ({ value: element }));
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
