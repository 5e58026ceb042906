/** The status of SLOs at a moment, as `muster slo status`, the API and the page show it. */
import { WINDOW_NAMES, WINDOWS, type WindowName } from '../names.ts';
import type { Session } from '../store/engine.ts';
import { type AlertState, burnRate, errorBudgetRemaining, pairState } from './burn.ts';
import { minuteSeries, toMinute, type WindowFigures, windowFigures } from './figures.ts';
import type { Slo } from './openslo.ts';
import type { Severity } from './pairs.ts';
import { firingSince, LOOK_BACK_MS } from './since.ts';

export interface SloAlert {
  severity: Severity;
  pair: string;
  longWindow: WindowName;
  shortWindow: WindowName;
  state: AlertState;
  /** RFC 3339; null unless firing. */
  since: string | null;
}

export interface SloStatus {
  slo: string;
  sli: string;
  title: string;
  kind: 'ratio';
  objective: number;
  window: string;
  good: number;
  total: number;
  sliValue: number | null;
  errorBudgetRemaining: number | null;
  burnRates: Record<WindowName, number | null>;
  alerts: SloAlert[];
}

/**
 * Status of each SLO at `atMs`, cut to the minute: by event time, with all that is known today.
 * @param known figures of that minute, when they are at hand
 */
export async function sloStatus(
  session: Session,
  slos: readonly Slo[],
  atMs: number,
  known?: Map<string, WindowFigures>,
): Promise<SloStatus[]> {
  const at = toMinute(atMs);
  const figures = known ?? (await windowFigures(session, slos, at));
  const statuses: SloStatus[] = [];
  for (const slo of slos) {
    const figure = figures.get(slo.name);
    if (figure) statuses.push(await statusOf(session, slo, figure, at));
  }
  return statuses;
}

async function statusOf(session: Session, slo: Slo, figure: WindowFigures, at: number): Promise<SloStatus> {
  const { whole, windows, usersBad } = figure;
  const states = slo.pairs.map((pair) => ({
    pair,
    state: pairState(pair, { long: windows[pair.long], short: windows[pair.short], usersBad: usersBad[pair.long] }, slo.objective),
  }));
  const firing = states.filter(({ state }) => state === 'firing');
  const reach = Math.max(0, ...firing.map(({ pair }) => WINDOWS[pair.long] * 1_000 + LOOK_BACK_MS));
  const minutes = reach > 0 ? await minuteSeries(session, slo.sli.id, at - reach, at) : [];
  return {
    slo: slo.name,
    sli: slo.sli.id,
    title: slo.title,
    kind: slo.sli.kind,
    objective: slo.objective,
    window: slo.window,
    good: whole.good,
    total: whole.total,
    sliValue: whole.total === 0 ? null : whole.good / whole.total,
    errorBudgetRemaining: errorBudgetRemaining(whole, slo.objective),
    burnRates: Object.fromEntries(WINDOW_NAMES.map((name) => [name, burnRate(windows[name], slo.objective)])) as SloStatus['burnRates'],
    alerts: states.map(({ pair, state }) => ({
      severity: pair.severity,
      pair: pair.name,
      longWindow: pair.long,
      shortWindow: pair.short,
      state,
      since: state === 'firing' ? new Date(firingSince(pair, minutes, slo.objective, at)).toISOString() : null,
    })),
  };
}
