/** Times as products and the pipelines behind them write them. */
import { fieldName } from '../../events/checker.ts';
import { parseTime } from '../../events/time.ts';

/** RFC 3339 text; what was written in its place, when that is no time; undefined when there is none. */
export type ProductTime = string | { unreadable: string } | undefined;

const SHOWN = 40;
/** Numbers since 1970, by their size: seconds until the year 5138, then milliseconds, microseconds, nanoseconds. */
const UNITS: readonly (readonly [below: number, perMillisecond: number])[] = [
  [1e11, 0.001],
  [1e14, 1],
  [1e17, 1e3],
  [1e20, 1e6],
];
/** Of Microsoft's JSON: milliseconds, and the zone in which they were shown. */
const MICROSOFT = /^\/?Date\((-?\d{1,14})(?:[+-]\d{4})?\)\/?$/;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,12}))? ?([Zz]|UTC|GMT|[+-]\d{2}:?\d{2})?$/;

/** A time of a record: a space for the `T`, no zone (UTC then), one without its colon, a comma before fractions, or a number since 1970. */
export function productTime(value: unknown): ProductTime {
  if (value === undefined || value === null || value === '') return undefined;
  const ms =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^\d{9,20}(?:\.\d{1,9})?$/.test(value.trim())
        ? Number(value)
        : undefined;
  const time = ms === undefined ? ofText(value) : ofNumber(ms);
  return time ?? { unreadable: fieldName(String(value)).slice(0, SHOWN) };
}

/** The first that is a time, else what stands in the place of the first that is there. */
export function firstTime(...values: unknown[]): ProductTime {
  const times = values.map(productTime);
  return times.find((time) => typeof time === 'string') ?? times.find((time) => time !== undefined);
}

function ofNumber(value: number): string | undefined {
  const unit = UNITS.find(([below]) => value < below);
  const date = new Date(unit && value > 0 ? value / unit[1] : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function ofText(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const microsoft = MICROSOFT.exec(text);
  if (microsoft) return ofNumber(Number(microsoft[1]));
  const [, day, clock, fraction, zone = 'Z'] = DATE_TIME.exec(text) ?? [];
  if (day === undefined) return undefined;
  const offset = /^[+-]/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(-2)}` : 'Z';
  const written = `${day}T${clock}${fraction === undefined ? '' : `.${fraction.slice(0, 9)}`}${offset}`;
  return parseTime(written) === undefined ? undefined : written;
}
