/** Codings that a request's body may have come in (RFC 9110 section 8.4), undone one after the other. */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { MusterError } from '../errors.ts';

/** By name; Zstandard where this Node.js has it. */
const DECODERS: Readonly<Record<string, (() => Transform) | undefined>> = {
  gzip: zlib.createGunzip,
  'x-gzip': zlib.createGunzip,
  deflate: zlib.createInflate,
  zstd: zlib.createZstdDecompress,
};
/** Each costs a pass over the body. */
const MAX_CODINGS = 3;

/** Codings of a body in the order in which they are undone; none for a plain one. @throws MUSTER_UNSUPPORTED_TYPE */
export function codingsOf(header: string | undefined): string[] {
  const names = (header ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const unknown = names.find((name) => !Object.hasOwn(DECODERS, name) || DECODERS[name] === undefined);
  if (unknown === undefined && names.length <= MAX_CODINGS) return names.reverse();
  const known = Object.keys(DECODERS).filter((name) => name !== 'x-gzip' && DECODERS[name] !== undefined);
  throw new MusterError('MUSTER_UNSUPPORTED_TYPE', `Content-Encoding: expected none, or of ${known.join(', ')} at most ${MAX_CODINGS}`);
}

/**
 * The bytes without a coding, by pieces, so that what is too much is refused before all of it is there.
 * @throws MUSTER_BAD_JSON when they are not in it, and what `onChunk` throws
 */
export function decoded(coding: string, packed: Buffer, onChunk: (chunk: Buffer) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const decoder = (DECODERS[coding] as () => Transform)();
    decoder
      .on('data', (chunk: Buffer) => {
        try {
          onChunk(chunk);
          chunks.push(chunk);
        } catch (error) {
          decoder.destroy();
          reject(error);
        }
      })
      .once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
      .once('error', (cause) => reject(new MusterError('MUSTER_BAD_JSON', `the body is not valid ${coding}`, { cause })))
      .end(packed);
  });
}
