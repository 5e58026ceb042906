/** Until when an error budget lasts: one forecast, for whoever shows it. */
import { DAY_MS } from '../../system/time.ts';
import { budgetState } from '../arithmetic/burn.ts';
import { periodAt } from '../arithmetic/period.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import type { Slo } from '../definition/openslo.ts';
import type { SloStatus } from '../measure/status.ts';

export interface Forecast {
  /** RFC 3339: when the budget is empty at the rate of a window; null when it lasts. */
  emptyAt: string | null;
  /** The same at the upper and lower end (95 %) of that rate. */
  earliest: string | null;
  latest: string | null;
  /** The window whose rate goes on: that of the alert that fires, or else the last day. */
  window: string;
  isSpent: boolean;
}

/** Without an alert, what the last day lost goes on. */
const USUAL_WINDOW = '1d';

/**
 * When the budget is empty if things go on as in a window, with the interval that so many failures leave open (score interval of a Poisson count, 95 %).
 * A rolling window forgets old failures meanwhile, which is left out: the forecast is the earlier for it.
 * @returns null without an objective, and where too few events say anything
 */
export function forecastOf(slo: Slo, status: SloStatus, atMs: number): Forecast | null {
  const { objective, good, total } = status;
  if (objective === null || good === null || total === 0 || budgetState({ good, total }, objective) === 'too_few') return null;
  const window = status.alerts.find(({ state }) => state === 'firing')?.longWindow ?? USUAL_WINDOW;
  const counts = status.windows[window] ?? { good: 0, total: 0 };
  const { fromMs, toMs: endMs } = periodAt(slo.period, atMs);
  const isRolling = slo.period.kind === 'rolling';
  // A period of the calendar that has only begun has the budget of all its traffic, at the rate so far.
  const expected = isRolling || atMs === fromMs ? total : (total * (endMs - fromMs)) / (atMs - fromMs);
  const moments = forecast({
    left: expected * (1 - objective) - (total - good),
    bad: counts.total - counts.good,
    allowed: counts.total * (1 - objective),
    windowMs: windowSeconds(window) * 1_000,
    atMs,
    endMs: isRolling ? null : endMs,
  });
  return { ...moments, window };
}

/** Pure part of the forecast: counts in, moments out. */
export function forecast(of: {
  left: number;
  bad: number;
  allowed: number;
  windowMs: number;
  atMs: number;
  endMs: number | null;
}): Omit<Forecast, 'window'> {
  const z = 1.96;
  const middle = of.bad + (z * z) / 2;
  const spread = z * Math.sqrt(of.bad + (z * z) / 4);
  const isSpent = of.left <= 0;
  const emptyAt = (bad: number): string | null => {
    if (isSpent) return new Date(of.atMs).toISOString();
    // Rolling: what fails no faster than allowed lasts. Calendar: what outlives the period does.
    if (bad <= 0 || (of.endMs === null && bad <= of.allowed)) return null;
    const ms = of.atMs + (of.left / bad) * of.windowMs;
    if (of.endMs !== null && ms >= of.endMs) return null;
    return ms > of.atMs + 100 * 365 * DAY_MS ? null : new Date(ms).toISOString();
  };
  return { emptyAt: emptyAt(of.bad), earliest: emptyAt(middle + spread), latest: emptyAt(Math.max(0, middle - spread)), isSpent };
}
