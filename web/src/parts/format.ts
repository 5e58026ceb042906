/** How figures and moments are written. A figure never says more than it knows, and is never rounded across its own limit. */

import { wilsonInterval } from '../../../src/slo/arithmetic/burn.ts';
import type { Forecast } from '../../../src/slo/inquiry/forecast.ts';

const Z_95 = 1.96;
const NO_BREAK = '\u00a0';
const MINUS = '\u2212';

/** A ratio as percent: the digits follow the distance to 100 %; only a ratio of exactly 1 is "100 %". */
export function percent(ratio: number): string {
  const value = ratio * 100;
  if (value === 100 || value === 0) return `${value}${NO_BREAK}%`;
  const distance = Number((100 - value).toPrecision(9));
  const decimals = Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(distance))));
  const scale = 10 ** decimals;
  // Rounded away from 100, so that 99.9996 % cannot become 100 %.
  return `${(Math.floor(value * scale + 1e-9) / scale).toFixed(decimals)}${NO_BREAK}%`;
}

/** An objective as it was written: 98 %, 99.95 %. */
export const objective = (ratio: number): string => `${Number((ratio * 100).toPrecision(8))}${NO_BREAK}%`;

/** A share of counts: below 30 the counts alone, below 1,000 with the interval, else plain. */
export function share(good: number, total: number): string {
  if (total === 0) return '–';
  if (total < 30) return `${good} of ${total}`;
  if (total >= 1_000) return percent(good / total);
  const { lower, upper } = wilsonInterval(good, total, Z_95);
  return `${(Math.floor((good / total) * 1_000) / 10).toFixed(1)}${NO_BREAK}% (${(lower * 100).toFixed(1)}–${(upper * 100).toFixed(1)})`;
}

/** A budget share in whole percent, cut towards the worse side. */
export function budget(left: number): string {
  const value = Math.floor(left * 100);
  return `${value < 0 ? MINUS : ''}${Math.abs(value)}${NO_BREAK}%`;
}

/** A burn rate with three digits, never rounded up to a limit. */
export function burn(rate: number | null): string {
  if (rate === null) return '–';
  if (rate === 0) return '0×';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(rate)));
  const scale = 10 ** Math.min(digits, 2);
  return `${Math.floor(rate * scale) / scale}×`;
}

/** A duration in at most two units. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)}${NO_BREAK}ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))}${NO_BREAK}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${NO_BREAK}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return hours < 10 && minutes % 60 > 0 ? `${hours}${NO_BREAK}h ${minutes % 60}${NO_BREAK}min` : `${hours}${NO_BREAK}h`;
  return `${Math.floor(hours / 24)}${NO_BREAK}d`;
}

/** A count with groups. */
export const count = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockWithSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayAndClock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A moment: today as 14:19, else as 3 Nov. */
export function moment(time: string | number, now: number): string {
  const date = new Date(time);
  return new Date(now).toDateString() === date.toDateString() ? clock.format(date) : `${dayAndClock.format(date)} ${clock.format(date)}`;
}

/** A moment to the second. */
export const exact = (time: number): string => clockWithSeconds.format(new Date(time));

/** Name of the viewer's time zone, as it stands once on the page. */
export const zone = (): string =>
  new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' }).formatToParts(new Date()).find(({ type }) => type === 'timeZoneName')
    ?.value ?? 'local time';

/** Until when a budget lasts, from `now` on. */
export function outlook(forecast: Forecast | null, now: number): string {
  if (forecast === null) return '–';
  if (forecast.isSpent) return 'spent';
  return forecast.emptyAt === null ? 'lasts' : `empty in ${duration((Date.parse(forecast.emptyAt) - now) / 1_000)}`;
}
