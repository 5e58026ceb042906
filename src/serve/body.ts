/** Reads a request's body with a bound on its bytes, before and after decompression. */
import type { IncomingMessage } from 'node:http';
import { JsonScan } from '../collect/intake/json-scan.ts';
import { BODY_LIMITS } from '../collect/intake/parse.ts';
import { MusterError } from '../errors.ts';
import { codingsOf, decoded } from './content-coding.ts';

/** What a body is: one JSON value, one a line, or something else. */
export type BodyForm = 'json' | 'lines' | 'bytes';

/** What a client still sends after a refusal is thrown away, so that it reads the answer; but only for so long. */
const DRAIN_MS = 5_000;
const MAX_DRAINED_PIECES = 10_000;

export interface BodyOptions {
  maxBytes: number;
  form: BodyForm;
  /** Told of bytes as they come to be held in memory; may throw to refuse more. */
  hold?: (bytes: number) => void;
  /** Bytes from which a body is held against the bounds of JSON. @default 64 KiB: what is smaller is parsed in some milliseconds */
  scannedFrom?: number;
}

/** Pieces of a body cost the same however small they are: so many may be smaller than this on average. */
const SMALL_CHUNKS = 1_000;
const SMALL_CHUNK_BYTES = 16;

const SCANNED_FROM_BYTES = 64 * 1024;
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

export interface Body {
  bytes: Buffer;
  /** Values of JSON in it, and their keys; 0 of one that is small. */
  values: number;
}

/**
 * The body, unpacked. What is not small is held against the bounds of JSON as it comes.
 * @throws MUSTER_BODY_TOO_LARGE, MUSTER_UNSUPPORTED_TYPE, MUSTER_BAD_JSON
 */
export async function readBody(
  request: IncomingMessage,
  { maxBytes, form, hold = () => {}, scannedFrom = SCANNED_FROM_BYTES }: BodyOptions,
): Promise<Body> {
  const codings = codingsOf(request.headers['content-encoding']);
  const tooLarge = () => new MusterError('MUSTER_BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes; send it in parts`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  /** Holds what comes against the bounds. */
  const bounded = (look: (chunk: Buffer) => void) => {
    let size = 0;
    return (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge();
      hold(chunk.length);
      look(chunk);
    };
  };
  // What a line may hold is bounded by its length.
  const scan = new JsonScan(form === 'lines' ? { values: BODY_LIMITS.values, depth: maxBytes } : BODY_LIMITS, form === 'lines');
  const look = form === 'bytes' ? () => {} : fromSize(scannedFrom, (chunk) => scan.push(chunk));
  const unseen = () => {};
  let bytes = await bytesOf(request, bounded(codings.length === 0 ? look : unseen));
  for (const [index, coding] of codings.entries())
    bytes = await decoded(coding, bytes, bounded(index === codings.length - 1 ? look : unseen));
  if (form !== 'bytes' && bytes.indexOf(BYTE_ORDER_MARK) === 0) bytes = bytes.subarray(BYTE_ORDER_MARK.length);
  return { bytes, values: bytes.length < scannedFrom ? 0 : scan.values };
}

/** Hands chunks on once there are so many bytes of them. */
function fromSize(bytes: number, look: (chunk: Buffer) => void): (chunk: Buffer) => void {
  let waiting: Buffer[] = [];
  let size = 0;
  return (chunk) => {
    size += chunk.length;
    waiting.push(chunk);
    if (size < bytes) return;
    for (const each of waiting) look(each);
    waiting = [];
  };
}

/** By events: an iterator over the stream costs a small request more than all the rest of reading it. */
function bytesOf(request: IncomingMessage, onChunk: (chunk: Buffer) => void): Promise<Buffer> {
  if (request.destroyed) return Promise.reject(brokenOff());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      try {
        onChunk(chunk);
        chunks.push(chunk);
        size += chunk.length;
        if (chunks.length > SMALL_CHUNKS && size < chunks.length * SMALL_CHUNK_BYTES) {
          // Reading on costs as much as it did before.
          request.socket.destroy();
          throw new MusterError('MUSTER_BAD_ARGUMENT', 'the body comes in pieces of a few bytes; send larger ones');
        }
      } catch (error) {
        request.off('data', onData).pause();
        reject(error);
      }
    };
    request
      .on('data', onData)
      .once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
      .once('error', reject)
      .once('close', () => {
        if (!request.readableEnded) reject(brokenOff());
      });
  });
}

const brokenOff = () => new MusterError('MUSTER_BAD_ARGUMENT', 'the request broke off');

/** After a refusal: lets the client finish, then closes the connection. */
export function drain(request: IncomingMessage): void {
  if (request.complete) return;
  let pieces = 0;
  request
    .on('data', () => {
      pieces += 1;
      if (pieces > MAX_DRAINED_PIECES) request.socket.destroy();
    })
    .resume();
  const timer = setTimeout(() => request.socket.destroy(), DRAIN_MS);
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}
