/** The write-ahead log's records: framed, checksummed, found again after damage. Shared by its writer and its reader. */
import { crc32 } from 'node:zlib';

/** Bytes of a record's header, little-endian: magic u32, payload length u32, sequence u64, rows u32, CRC-32 u32. */
export const HEADER_BYTES = 24;
/** Of a record's magic the last byte says what its rows are. */
const RECORD_MAGICS = { events: 0x4d535401, spans: 0x4d535402, references: 0x4d535403, letters: 0x4d535404 } as const;
export type RecordKind = keyof typeof RECORD_MAGICS;
const KIND_BY_MAGIC = new Map<number, RecordKind>(Object.entries(RECORD_MAGICS).map(([kind, magic]) => [magic, kind as RecordKind]));
/** The three bytes that all magics end with, as they lie in the file. */
const MAGIC_TAIL = Buffer.from([0x54, 0x53, 0x4d]);
/** A payload never exceeds this; a length beyond it is damage. */
export const MAX_PAYLOAD_BYTES = 128 * 1024 * 1024;

export interface LogRecord {
  kind: RecordKind;
  sequence: number;
  rows: number;
  /** `rows` lines, each one JSON array followed by a line feed. */
  payload: Buffer;
}

/** Header of a record; the CRC covers the header before it and the payload. */
export function encodeHeader(sequence: number, rows: number, payload: Buffer, kind: RecordKind = 'events'): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(RECORD_MAGICS[kind], 0);
  header.writeUInt32LE(payload.length, 4);
  header.writeBigUInt64LE(BigInt(sequence), 8);
  header.writeUInt32LE(rows, 16);
  header.writeUInt32LE(crc32(payload, crc32(header.subarray(0, 20))), 20);
  return header;
}

export interface Damage {
  /** Byte range of the segment that holds no valid record. */
  from: number;
  to: number;
}

/** All valid records of a segment, and the ranges between them that are damaged (a torn tail is one of them). */
export function scanRecords(segment: Buffer): { records: LogRecord[]; damages: Damage[] } {
  const records: LogRecord[] = [];
  const damages: Damage[] = [];
  let offset = 0;
  while (offset < segment.length) {
    const record = recordAt(segment, offset);
    if (record) {
      records.push(record);
      offset += HEADER_BYTES + record.payload.length;
      continue;
    }
    const next = nextRecord(segment, offset + 1);
    damages.push({ from: offset, to: next });
    offset = next;
  }
  return { records, damages };
}

function recordAt(segment: Buffer, offset: number): LogRecord | undefined {
  if (offset + HEADER_BYTES > segment.length) return undefined;
  const kind = KIND_BY_MAGIC.get(segment.readUInt32LE(offset));
  if (kind === undefined) return undefined;
  const length = segment.readUInt32LE(offset + 4);
  const end = offset + HEADER_BYTES + length;
  if (length > MAX_PAYLOAD_BYTES || end > segment.length) return undefined;
  const payload = segment.subarray(offset + HEADER_BYTES, end);
  const checksum = crc32(payload, crc32(segment.subarray(offset, offset + 20)));
  if (checksum !== segment.readUInt32LE(offset + 20)) return undefined;
  return { kind, sequence: Number(segment.readBigUInt64LE(offset + 8)), rows: segment.readUInt32LE(offset + 16), payload };
}

function nextRecord(segment: Buffer, from: number): number {
  for (let at = segment.indexOf(MAGIC_TAIL, from + 1); at !== -1; at = segment.indexOf(MAGIC_TAIL, at + 1)) {
    if (recordAt(segment, at - 1)) return at - 1;
  }
  return segment.length;
}

const SEGMENT_NAME = /^(\d{20})\.log$/;

/** File name of the segment whose first record has this sequence. */
export const segmentName = (sequence: number): string => `${String(sequence).padStart(20, '0')}.log`;

/** First sequence of a segment by its file name, or undefined for another file. */
export function segmentSequence(name: string): number | undefined {
  const match = SEGMENT_NAME.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** Who writes the log: closes the segment in work, so that every file it returns is complete. Oldest first. */
export interface SegmentSource {
  seal(): Promise<string[]>;
}
