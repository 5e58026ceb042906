/** The payloads of log records, written row by row: no line is kept as text, so that there is little to collect afterwards. */
import { crc32 } from 'node:zlib';

/** As much as Node takes from its pool rather than from the system: most requests have one event. */
const FIRST_BYTES = 2_048;
const BRACKET = 0x5d;

/** A record of the log is closed at this size: far below what its format allows, and little enough to load at once. */
const RECORD_BYTES = 16 * 1024 * 1024;

export interface LogPayload {
  bytes: Buffer;
  rows: number;
}

export class LineBuffer {
  private readonly full: LogPayload[] = [];
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private used = 0;
  private rows = 0;

  /**
   * Adds one row: the JSON array `content`, completed by the time of arrival and the content hash.
   * Returns the hash, a CRC-32 of the content: the greater one wins where an identity comes with two contents.
   */
  add(content: string, receivedAtMs: number): number {
    if (this.used >= RECORD_BYTES) this.closeRecord();
    const start = this.used;
    // UTF-8 takes at most three bytes for a unit of UTF-16; the rest is for the two numbers and the line feed.
    this.reserve(content.length * 3 + 64);
    const end = start + this.bytes.write(content, start);
    const contentHash = crc32(this.bytes.subarray(start, end));
    if (this.bytes[end - 1] !== BRACKET) throw new Error('a row must be a JSON array');
    this.used = end - 1 + this.bytes.write(`,${receivedAtMs},${contentHash}]\n`, end - 1);
    this.rows += 1;
    return contentHash;
  }

  /** What was written, as payloads of records; nothing must be added afterwards. */
  payloads(): LogPayload[] {
    if (this.rows > 0) this.closeRecord();
    return this.full;
  }

  private closeRecord(): void {
    this.full.push({ bytes: this.bytes.subarray(0, this.used), rows: this.rows });
    this.bytes = Buffer.allocUnsafe(FIRST_BYTES);
    this.used = 0;
    this.rows = 0;
  }

  private reserve(more: number): void {
    if (this.used + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.used + more));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
  }
}
