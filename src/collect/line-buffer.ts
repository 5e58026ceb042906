/** The payload of a log record, written row by row: no line is kept as text, so that there is little to collect afterwards. */
import { crc32 } from 'node:zlib';

const FIRST_BYTES = 4_096;
const BRACKET = 0x5d;

export class LineBuffer {
  private bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private used = 0;

  /**
   * Adds one row: the JSON array `content`, completed by the time of arrival and the content hash.
   * Returns the hash, a CRC-32 of the content: the greater one wins where an identity comes with two contents.
   */
  add(content: string, receivedAtMs: number): number {
    const start = this.used;
    // UTF-8 takes at most three bytes for a unit of UTF-16; the rest is for the two numbers and the line feed.
    this.reserve(content.length * 3 + 64);
    const end = start + this.bytes.write(content, start);
    const contentHash = crc32(this.bytes.subarray(start, end));
    if (this.bytes[end - 1] !== BRACKET) throw new Error('a row must be a JSON array');
    this.used = end - 1 + this.bytes.write(`,${receivedAtMs},${contentHash}]\n`, end - 1);
    return contentHash;
  }

  /** What was written; the buffer must not be added to afterwards. */
  payload(): Buffer {
    return this.bytes.subarray(0, this.used);
  }

  private reserve(more: number): void {
    if (this.used + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.used + more));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
  }
}
