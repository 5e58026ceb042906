/** Reads a series from CSV: one point per row, in the order of the rows. */
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { MusterError } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import { parseTime } from '../../events/time.ts';
import { MAX_MAGNITUDE } from './committee.ts';

export interface CsvPoint {
  line: number;
  /** As the file has them. */
  timestamp: string;
  value: string;
  timeMs: number;
  /** Undefined where the file says that nothing was measured. */
  measured: number | undefined;
}

const TIME_NAMES = ['timestamp', 'time', 'date'];
const VALUE_NAMES = ['value'];
/** What monitoring systems write where they have no figure. */
const NOT_MEASURED = /^(?:nan|[+-]?inf(?:inity)?|null|none|)$/i;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i;
const MAX_ROW_LENGTH = 16 * 1024;

/**
 * The points of a CSV file with the columns `timestamp` and `value`. Without a first row of names it must have two columns, in this order.
 * Times are RFC 3339, the same without a zone (then UTC), or seconds or milliseconds since 1970.
 * @throws MUSTER_BAD_ARGUMENT naming the line
 */
export async function* csvPoints(chunks: AsyncIterable<Buffer>): AsyncGenerator<CsvPoint> {
  const rows = parse({ bom: true, info: true, skipEmptyLines: true, trim: true, maxRecordSize: MAX_ROW_LENGTH, relaxColumnCount: true });
  // What goes wrong on the way in destroys the rows, and is thrown by whoever reads them.
  pipeline(chunks, rows).catch(() => {});
  let columns: { time: number; value: number } | undefined;
  try {
    for await (const { record, info } of rows as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (columns === undefined) {
        columns = columnsOf(record, info.lines);
        if (timeOf(record[columns.time] ?? '') === undefined) continue;
      }
      yield pointOf(record, columns, info.lines);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_'))
      throw new MusterError('MUSTER_BAD_ARGUMENT', `no CSV: ${printable(error.message.slice(0, 200))}`, { cause: error });
    throw error;
  }
}

/** @param first row of the file: names, or already the first point */
function columnsOf(first: readonly string[], line: number): { time: number; value: number } {
  const names = first.map((name) => name.toLowerCase());
  const time = names.findIndex((name) => TIME_NAMES.includes(name));
  const value = names.findIndex((name) => VALUE_NAMES.includes(name));
  if (time >= 0 && value >= 0) return { time, value };
  if (first.length === 2) return { time: 0, value: 1 };
  throw refused(line, `expected the columns timestamp and value, got ${printable(first.join(',').slice(0, 80)) || 'none'}`);
}

function pointOf(record: readonly string[], columns: { time: number; value: number }, line: number): CsvPoint {
  const timestamp = record[columns.time] ?? '';
  const value = record[columns.value];
  const timeMs = timeOf(timestamp);
  if (timeMs === undefined)
    throw refused(line, `${quoted(timestamp)} is no time: expected 2026-03-01T09:30:00Z, 2026-03-01 09:30:00 or seconds since 1970`);
  if (value === undefined) throw refused(line, 'the row has no value');
  return { line, timestamp, value, timeMs, measured: measuredOf(value, line) };
}

function measuredOf(value: string, line: number): number | undefined {
  if (NOT_MEASURED.test(value)) return undefined;
  if (!NUMBER.test(value)) throw refused(line, `${quoted(value)} is no number`);
  const number = Number(value);
  if (Math.abs(number) > MAX_MAGNITUDE) throw refused(line, `${quoted(value)} is beyond ${MAX_MAGNITUDE}`);
  return number;
}

/** Milliseconds since 1970 of a time as files of monitoring have it; undefined when it is none. */
function timeOf(text: string): number | undefined {
  if (/^\d{9,10}(?:\.\d{1,9})?$/.test(text)) return Math.floor(Number(text) * 1_000);
  if (/^\d{12,13}$/.test(text)) return Number(text);
  const local = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?)?$/.exec(text);
  return parseTime(local ? `${local[1]}T${local[2] ?? '00:00'}${local[3] ?? ':00'}Z` : text.replace(' ', 'T'));
}

const quoted = (text: string): string => JSON.stringify(printable(text.slice(0, 40)));

const refused = (line: number, why: string): MusterError => new MusterError('MUSTER_BAD_ARGUMENT', `line ${line}: ${why}`);
