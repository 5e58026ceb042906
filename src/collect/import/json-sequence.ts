/**
 * Values of JSON one after another, as tools write them: one a line, several on a line, each over many lines, arrays of them, with RFC 7464's
 * record separators or without. What is no value costs nothing but its line.
 */
import { isUtf8 } from 'node:buffer';
import type { Candidate } from '../intake/batch.ts';
import { parseLine } from '../intake/parse.ts';

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const LINE_END = Buffer.of(0x0a);
/** Brackets within one another. */
const MAX_DEPTH = 64;

/** A value, or why there is none; and the line that it begins in. */
export type Read = { line: number } & Candidate;

/** How deep a text is in brackets, and where values end in it. */
class Depth {
  depth = 0;
  private isInText = false;
  private isEscaped = false;

  /** Ends of values of the outermost level, behind their last byte; undefined where they are nested too deeply to be values. */
  endsIn(bytes: Buffer): number[] | undefined {
    const ends: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (this.isInText) {
        if (this.isEscaped) this.isEscaped = false;
        else if (byte === QUOTE) this.isInText = false;
        else if (byte === BACKSLASH) this.isEscaped = true;
      } else if (byte === QUOTE) this.isInText = true;
      else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        this.depth += 1;
        if (this.depth > MAX_DEPTH) return undefined;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        this.depth = Math.max(0, this.depth - 1);
        if (this.depth === 0) ends.push(at + 1);
      }
    }
    return ends;
  }

  isOpen(): boolean {
    return this.depth > 0;
  }
}

/** Puts values together out of lines. */
export class JsonSequence {
  /** Lines of a value that goes on. Joined as they come: an object for each line of two bytes would fill the memory. */
  private parts: Buffer[] = [];
  private waiting: Buffer[] = [];
  private depth = new Depth();
  private firstLine = 0;
  size = 0;

  /** Whether a value has begun that has not ended. */
  isOpen(): boolean {
    return this.size > 0;
  }

  /** Values that end in this line. */
  push(line: Buffer, number: number): Read[] {
    if (!this.isOpen()) {
      const whole = parseLine(line);
      if ('value' in whole || !/[[{]/.test(line.toString('latin1', 0, 1_024))) return [{ line: number, ...whole }];
      this.firstLine = number;
      this.depth = new Depth();
    }
    const ends = this.depth.endsIn(line);
    // Lines that are cut off open brackets that nothing closes.
    if (ends === undefined) {
      this.keep(line);
      return this.flush();
    }
    if (this.depth.isOpen()) {
      this.keep(line);
      return [];
    }
    if (!this.isOpen()) return ends.length > 1 ? severalIn(line, ends, number) : [{ line: number, ...parseLine(line) }];
    this.keep(line);
    return this.flush();
  }

  /** What has not ended: each line is taken for a value of its own. */
  flush(): Read[] {
    const text = Buffer.concat([...this.parts, ...this.waiting]);
    const { firstLine } = this;
    this.parts = [];
    this.waiting = [];
    this.size = 0;
    if (text.length === 0) return [];
    const whole = parsed(text);
    if (whole) return [{ line: firstLine, ...whole }];
    const ends = new Depth().endsIn(text);
    const several = ends && severalIn(text, ends, firstLine);
    return several?.every((each) => 'value' in each) ? several : linesOf(text, firstLine);
  }

  private keep(line: Buffer): void {
    this.size += line.length + 1;
    this.waiting.push(line, LINE_END);
    if (this.waiting.length < 10_000) return;
    this.parts.push(Buffer.concat(this.waiting));
    this.waiting = [];
  }
}

function parsed(text: Buffer): { value: unknown } | undefined {
  if (!isUtf8(text)) return undefined;
  try {
    return { value: JSON.parse(text.toString('utf8')) as unknown };
  } catch {
    return undefined;
  }
}

/** `{…}{…}`: values between their ends. */
function severalIn(text: Buffer, ends: readonly number[], line: number): Read[] {
  const reads: Read[] = [];
  let from = 0;
  for (const end of [...ends, text.length]) {
    const part = text.subarray(from, end);
    if (part.toString('latin1').trim() !== '') reads.push({ line: line + linesBefore(text, from), ...(parsed(part) ?? parseLine(part)) });
    from = end;
  }
  return reads;
}

function linesOf(text: Buffer, firstLine: number): Read[] {
  const reads: Read[] = [];
  let line = firstLine;
  for (let from = 0; from < text.length; line++) {
    const found = text.indexOf(LINE_END, from);
    const end = found === -1 ? text.length : found;
    const each = text.subarray(from, end);
    if (each.toString('latin1').trim() !== '') reads.push({ line, ...parseLine(each) });
    from = end + 1;
  }
  return reads;
}

function linesBefore(text: Buffer, at: number): number {
  let lines = 0;
  for (let found = text.indexOf(LINE_END); found !== -1 && found < at; found = text.indexOf(LINE_END, found + 1)) lines += 1;
  return lines;
}
