/**
 * Looks at the bytes of JSON as they come, before anything is made of them: how deep, and how many values. A few kilobytes of gzip can hold
 * millions of values, each of which would take fifty bytes of memory. What is no JSON is for the parser to say.
 */
import { MusterError } from '../../errors.ts';

export interface JsonLimits {
  /** Brackets within one another. */
  depth: number;
  /** Values, those within others and the keys too. */
  values: number;
  /** Keys that differ: each new one costs the parser as much as twenty values. @default any, of what is parsed in parts */
  keys?: number;
}

const [QUOTE, BACKSLASH, COMMA, COLON, LINE_FEED] = [0x22, 0x5c, 0x2c, 0x3a, 0x0a];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

export class JsonScan {
  /** Values so far, and their keys. */
  values = 1;
  private depth = 0;
  private isInText = false;
  private isEscaped = false;
  /** Where the text that was read last begins and ends; what is of the bytes before these is not looked at again. */
  private textFrom = 0;
  private textEnd = 0;
  /** Digests of keys. */
  private readonly keys = new Set<number>();
  private readonly limits: JsonLimits;
  private readonly isLines: boolean;

  /** @param isLines whether each line is a value of its own */
  constructor(limits: JsonLimits, isLines = false) {
    this.limits = limits;
    this.isLines = isLines;
  }

  /**
   * Looks at the next bytes.
   * @param onTop told of each comma and bracket that stands in the outermost array, with its position
   * @throws MUSTER_BODY_TOO_LARGE, MUSTER_BAD_JSON
   */
  push(bytes: Buffer, onTop?: (byte: number, at: number) => void): void {
    this.textFrom = 0;
    this.textEnd = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.isInText) {
        if (this.isEscaped) this.isEscaped = false;
        else if (byte === QUOTE) {
          this.isInText = false;
          this.textEnd = at;
        } else if (byte === BACKSLASH) this.isEscaped = true;
        // Text of a line that is no JSON ends with it.
        else if (byte === LINE_FEED && this.isLines) this.startLine();
      } else if (byte === QUOTE) {
        this.isInText = true;
        this.textFrom = at + 1;
      } else if (byte === COLON) {
        this.count();
        if (this.limits.keys !== undefined) this.key(bytes, this.limits.keys);
      } else if (byte === COMMA) {
        this.count();
        if (this.depth === 1) onTop?.(byte, at);
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        this.depth += 1;
        this.count();
        if (this.depth > this.limits.depth)
          throw new MusterError(
            'MUSTER_BAD_JSON',
            `the JSON is nested too deeply: more than ${this.limits.depth} brackets within one another`,
          );
        if (this.depth === 1) onTop?.(byte, at);
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        if (this.depth === 1) onTop?.(byte, at);
        if (this.depth > 0) this.depth -= 1;
      } else if (byte === LINE_FEED && this.isLines) this.startLine();
    }
  }

  private startLine(): void {
    this.depth = 0;
    this.isInText = false;
    this.count();
  }

  private key(bytes: Buffer, most: number): void {
    let digest = 0;
    for (let at = this.textFrom; at < this.textEnd; at++) digest = (Math.imul(digest, 31) + (bytes[at] as number)) | 0;
    this.keys.add(digest);
    if (this.keys.size > most)
      throw new MusterError(
        'MUSTER_BODY_TOO_LARGE',
        `the JSON holds more than ${most.toLocaleString('en')} keys that differ; send it in parts`,
      );
  }

  private count(): void {
    this.values += 1;
    if (this.values > this.limits.values)
      throw new MusterError(
        'MUSTER_BODY_TOO_LARGE',
        `the JSON holds more than ${this.limits.values.toLocaleString('en')} values; send it in parts`,
      );
  }
}
