/** The elements of a large JSON array, one by one, without the array itself in memory. */
import { isUtf8 } from 'node:buffer';
import { MusterError } from '../../errors.ts';
import type { Candidate } from './batch.ts';
import { type JsonLimits, JsonScan } from './json-scan.ts';

const [OPEN_ARRAY, CLOSE_ARRAY, COMMA] = [0x5b, 0x5d, 0x2c];
const isBlank = (bytes: Buffer) => /^[ \t\r\n]*$/.test(bytes.toString('latin1'));
const invalid = (what: string) => new MusterError('MUSTER_BAD_JSON', `the JSON array ${what}`);

/** Takes an array apart as its bytes come. */
export class ArraySplitter {
  private readonly scan: JsonScan;
  private readonly maxElementBytes: number;
  private state: 'before' | 'inside' | 'behind' = 'before';
  /** Of the element that is not at its end yet. */
  private rest: Buffer[] = [];
  private restBytes = 0;
  private hasElements = false;
  private readonly mayGoOn: boolean;
  /** Where more may follow: the bytes behind the array, once it has ended. */
  behind: Buffer | undefined;

  /**
   * @param maxElementBytes longer elements are handed on as unreadable
   * @param mayGoOn whether something else may follow the array
   */
  constructor(limits: JsonLimits, maxElementBytes: number, mayGoOn = false) {
    this.mayGoOn = mayGoOn;
    this.scan = new JsonScan(limits);
    this.maxElementBytes = maxElementBytes;
  }

  /**
   * The elements that end in these bytes.
   * @throws MUSTER_BAD_JSON, MUSTER_BODY_TOO_LARGE
   */
  push(bytes: Buffer): Candidate[] {
    const elements: Candidate[] = [];
    let from = 0;
    this.scan.push(bytes, (byte, at) => {
      if (this.state === 'behind' && this.mayGoOn) return;
      if (this.state === 'behind' || (this.state === 'before' && byte !== OPEN_ARRAY)) throw invalid('is followed by something else');
      if (this.state === 'inside') {
        this.keep(bytes.subarray(from, at));
        const isLast = byte === CLOSE_ARRAY;
        if (!isLast && byte !== COMMA) throw invalid('is not valid');
        if (!isLast || this.hasElements || !this.isEmpty()) elements.push(this.take());
        if (isLast) this.state = 'behind';
      } else this.state = 'inside';
      from = at + 1;
    });
    if (this.state === 'inside') this.keep(bytes.subarray(from));
    else if (this.mayGoOn && this.state === 'behind') this.behind = bytes.subarray(from);
    else if (!isBlank(bytes.subarray(from))) throw invalid('is followed by something else');
    return elements;
  }

  /** @throws MUSTER_BAD_JSON when the array has not ended */
  end(): void {
    if (this.state !== 'behind') throw invalid('is cut off');
  }

  private keep(bytes: Buffer): void {
    this.restBytes += bytes.length;
    if (this.restBytes <= this.maxElementBytes) this.rest.push(bytes);
    else this.rest = [];
  }

  private isEmpty(): boolean {
    return this.restBytes <= this.maxElementBytes && isBlank(Buffer.concat(this.rest));
  }

  private take(): Candidate {
    const bytes = this.restBytes <= this.maxElementBytes ? Buffer.concat(this.rest) : undefined;
    this.rest = [];
    this.restBytes = 0;
    this.hasElements = true;
    if (bytes === undefined) return { unreadable: `larger than ${this.maxElementBytes / 1024} KiB, the limit of one record` };
    if (!isUtf8(bytes)) throw invalid('is not valid UTF-8');
    try {
      return { value: JSON.parse(bytes.toString('utf8')) as unknown };
    } catch {
      throw invalid('is not valid');
    }
  }
}
