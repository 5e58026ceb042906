/** Reads a request's body with a bound on its bytes, before and after decompression. */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { MusterError, systemCode } from '../errors.ts';

const unzip = promisify(gunzip);
/** What a client still sends after a refusal is thrown away, so that it reads the answer; but only for so long. */
const DRAIN_MS = 5_000;

/**
 * The body, unpacked.
 * @param hold told of bytes as they come to be held in memory; may throw to refuse more
 * @throws MUSTER_BODY_TOO_LARGE, MUSTER_UNSUPPORTED_TYPE, MUSTER_BAD_JSON
 */
export async function readBody(request: IncomingMessage, maxBytes: number, hold: (bytes: number) => void): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Encoding: expected gzip or none');
  }
  const tooLarge = () => new MusterError('MUSTER_BODY_TOO_LARGE', `the body is larger than ${maxBytes} bytes; send it in parts`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  let size = 0;
  const body = await bytesOf(request, (bytes) => {
    size += bytes;
    if (size > maxBytes) throw tooLarge();
    hold(bytes);
  });
  if (encoding === 'identity') return body;
  try {
    const unpacked = await unzip(body, { maxOutputLength: maxBytes });
    hold(unpacked.length);
    return unpacked;
  } catch (error) {
    if (error instanceof MusterError) throw error;
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new MusterError('MUSTER_BAD_JSON', 'the body is not valid gzip', { cause: error });
  }
}

/** By events: an iterator over the stream costs a small request more than all the rest of reading it. */
function bytesOf(request: IncomingMessage, onBytes: (count: number) => void): Promise<Buffer> {
  if (request.destroyed) return Promise.reject(new Error('the request broke off'));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const onData = (chunk: Buffer) => {
      try {
        onBytes(chunk.length);
        chunks.push(chunk);
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
        if (!request.readableEnded) reject(new Error('the request broke off'));
      });
  });
}

/** After a refusal: lets the client finish, then closes the connection. */
export function drain(request: IncomingMessage): void {
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => request.socket.destroy(), DRAIN_MS);
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}
