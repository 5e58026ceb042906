/**
 * ClickHouse's own form of compressed bodies, for clients that ask for `compress=1` or send `decompress=1`
 * (https://clickhouse.com/docs/native-protocol/compression): blocks of checksum, method, sizes and data.
 */
import { zstdDecompressSync } from 'node:zlib';
import { MusterError } from '../../errors.ts';
import { breather } from '../../system/breather.ts';
import { cityHash128 } from './city-hash.ts';

const METHODS = { none: 0x02, lz4: 0x82, zstd: 0x90 } as const;
const CHECKSUM_BYTES = 16;
/** Method, size with this head, size of the data. */
const HEAD_BYTES = 9;
/** Of a block that is sent: its checksum is computed in some milliseconds. */
const BLOCK_BYTES = 64 * 1024;

/**
 * Bytes as blocks of LZ4, which every reader knows (the one for Java knows no other), of literals alone: who asks for compression gets what its
 * reader needs, on the way within this machine.
 */
export async function inBlocks(bytes: Buffer): Promise<Buffer> {
  const pause = breather();
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += BLOCK_BYTES) {
    if (pause.isDue()) await pause.rest();
    const data = bytes.subarray(at, at + BLOCK_BYTES);
    const lead = literalsLead(data.length);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(METHODS.lz4, 0);
    head.writeUInt32LE(HEAD_BYTES + lead.length + data.length, 1);
    head.writeUInt32LE(data.length, 5);
    const block = Buffer.concat([head, lead, data]);
    blocks.push(cityHash128(block), block);
  }
  return Buffer.concat(blocks);
}

/** What stands before so many literals of a sequence without a match. */
function literalsLead(length: number): Buffer {
  if (length < 15) return Buffer.from([length << 4]);
  const rest = length - 15;
  return Buffer.concat([Buffer.from([0xf0]), Buffer.alloc(Math.floor(rest / 255), 255), Buffer.from([rest % 255])]);
}

const bad = (problem: string) => new MusterError('MUSTER_BAD_ARGUMENT', `the body is not in ClickHouse's compressed blocks: ${problem}`);

/**
 * What blocks hold.
 * @param maxBytes of all data together: looked at before any of it is unpacked
 * @throws MUSTER_BAD_ARGUMENT, MUSTER_BODY_TOO_LARGE
 */
export function fromBlocks(body: Buffer, maxBytes: number): Buffer {
  const parts: Buffer[] = [];
  let whole = 0;
  for (let at = 0; at < body.length; ) {
    if (body.length - at < CHECKSUM_BYTES + HEAD_BYTES) throw bad('the last block is cut off');
    const start = at + CHECKSUM_BYTES;
    const method = body.readUInt8(start);
    const size = body.readUInt32LE(start + 1);
    const dataBytes = body.readUInt32LE(start + 5);
    whole += dataBytes;
    if (whole > maxBytes) throw new MusterError('MUSTER_BODY_TOO_LARGE', `the body holds more than ${maxBytes} bytes`);
    const end = start + size;
    if (size < HEAD_BYTES || end > body.length) throw bad('a block says that it is longer than the body');
    if (!cityHash128(body.subarray(start, end)).equals(body.subarray(at, start))) throw bad('a checksum does not fit');
    const part = unpacked(method, body.subarray(start + HEAD_BYTES, end), dataBytes);
    if (part.length !== dataBytes) throw bad('a block does not hold what it says');
    parts.push(part);
    at = end;
  }
  return Buffer.concat(parts);
}

function unpacked(method: number, data: Buffer, bytes: number): Buffer {
  switch (method) {
    case METHODS.none:
      return data;
    case METHODS.lz4:
      return lz4(data, bytes);
    case METHODS.zstd:
      try {
        return zstdDecompressSync(data, { maxOutputLength: Math.max(1, bytes) });
      } catch {
        throw bad('a block is no ZSTD of that size');
      }
    default:
      throw bad(`method ${method} is not known; LZ4, ZSTD and none are`);
  }
}

const MIN_MATCH = 4;

/**
 * An LZ4 block (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md).
 * @param bytes that come out of it, exactly
 */
export function lz4(data: Buffer, bytes: number): Buffer {
  const result = Buffer.alloc(bytes);
  let at = 0;
  let written = 0;
  const byte = (): number => {
    const next = data[at++];
    if (next === undefined) throw bad('an LZ4 block is cut off');
    return next;
  };
  const lengthFrom = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15) for (let more = 255; more === 255; length += more) more = byte();
    return length;
  };
  while (at < data.length) {
    const token = byte();
    const literals = lengthFrom(token >> 4);
    if (at + literals > data.length || written + literals > bytes) throw bad('an LZ4 block is longer than it says');
    written += data.copy(result, written, at, at + literals);
    at += literals;
    // The last sequence has no match.
    if (at === data.length) break;
    const offset = byte() + (byte() << 8);
    const match = lengthFrom(token & 15) + MIN_MATCH;
    if (offset === 0 || offset > written || written + match > bytes) throw bad('an LZ4 block points outside of itself');
    // A match may reach into what it writes itself: byte by byte.
    for (let i = 0; i < match; i++, written++) result[written] = result[written - offset] as number;
  }
  return result.subarray(0, written);
}
