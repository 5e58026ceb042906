/** How figures are written in a terminal: never rounded across their own limit, always with what they stand on. */

/** A ratio as percent: three significant digits of what is missing to 100, at most four decimals, cut rather than rounded up. */
export function percentText(ratio: number, decimals = decimalsOf(ratio)): string {
  const scale = 10 ** decimals;
  const cut = ratio === 1 ? 100 : Math.min(100 - 1 / scale, Math.floor(ratio * 100 * scale + 1e-9) / scale);
  return `${cut.toFixed(ratio === 1 ? 0 : decimals)} %`;
}

/** Decimals that a ratio is written with. */
export function decimalsOf(ratio: number): number {
  const missing = 100 - ratio * 100;
  return missing <= 0 || missing >= 100 ? 0 : Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(missing))));
}

/** As it was written: 98 %, 99.95 %. */
export const objectiveText = (ratio: number): string => `${Number((ratio * 100).toPrecision(6))} %`;

/** A burn rate in three digits, cut; `–` without events. */
export function burnText(burn: number | null | undefined): string {
  if (burn === null || burn === undefined) return '–';
  if (burn === 0) return '0×';
  const digits = 2 - Math.floor(Math.log10(burn));
  const scale = 10 ** digits;
  return `${Number((Math.floor(burn * scale + 1e-9) / scale).toPrecision(3))}×`;
}

/** A share of a budget in whole percent, cut, with a true minus. */
export const budgetText = (share: number): string => `${Math.floor(share * 100 + 1e-9)} %`.replace('-', '−');

/** A count with separators: `12,345`. */
export const countText = (count: number): string => count.toLocaleString('en-US');

/** At most two units: 47 min, 13 h 48 min, 2 d. */
export function durationText(minutes: number): string {
  if (minutes < 60) return `${Math.round(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${Math.round(minutes % 60)} min`;
  const rest = hours % 24;
  return rest === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${rest} h`;
}

/** A moment in UTC without seconds. */
export const momentText = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

const BARS = '▁▂▃▄▅▆▇█';

/** One bar per value from 0 (lowest) to 1; `·` where there is none. */
export const sparkline = (values: readonly (number | null)[]): string =>
  values.map((value) => (value === null ? '·' : BARS[Math.min(7, Math.max(0, Math.floor(value * 8)))])).join('');
