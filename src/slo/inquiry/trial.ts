/** What an SLO file would do, before it goes live: its SLI may be one that nobody counts yet. */
import { MusterError } from '../../errors.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { MINUTE_MS } from '../../system/time.ts';
import type { WindowCounts } from '../arithmetic/burn.ts';
import { elapsedAt } from '../arithmetic/period.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import { judgedOf, type Slo, sloNamed } from '../definition/openslo.ts';
import { countHistory } from '../measure/counted-history.ts';
import { windowsOf } from '../measure/figures.ts';
import { Sums, walk } from '../measure/history.ts';
import { bySeverity, episodeKey, type Memories, type SloStatus, statusesOf } from '../measure/status.ts';
import { loadPast, type Past } from './backtest.ts';

/** The SLOs of a file that are asked for: all of them unless named. @throws MUSTER_NOT_FOUND */
export const sloAsked = (slos: readonly Slo[], names: readonly string[]): Slo[] =>
  names.length === 0 ? [...slos] : names.map((name) => sloNamed(slos, name));

/** The one that is asked for, which is the only one unless it is named. @throws MUSTER_BAD_ARGUMENT, MUSTER_NOT_FOUND */
export function oneAsked(slos: readonly Slo[], name: string | undefined): Slo {
  const [slo, another] = sloAsked(slos, name === undefined ? [] : [name]);
  if (slo && !another) return slo;
  throw new MusterError(
    'MUSTER_BAD_ARGUMENT',
    `the file holds ${slos.map((each) => each.name).join(', ')}: say with --slo which one is meant`,
  );
}

/** The past of an SLO that may not be live. @param nowMs what waits for its deadline then has not settled */
export const trialPast = (engine: Engine, slo: Slo, fromMs: number, toMs: number, nowMs: number): Promise<Past> =>
  slo.sli.base === undefined
    ? loadPast(engine, slo, fromMs, toMs)
    : loadPast(engine, slo, fromMs, toMs, (session, from, to) => countHistory(session, slo.sli, from, to, nowMs));

/** The status that an SLO which may not be live would have at `atMs`, a full minute. */
export async function trialStatus(engine: Engine, slo: Slo, atMs: number): Promise<SloStatus> {
  const { fromMs } = elapsedAt(slo.period, atMs);
  const { history, circumstances } = await trialPast(engine, slo, fromMs, atMs, atMs);
  const [goods, totals, missing] = [new Sums(history.good), new Sums(history.total), new Sums(circumstances.uncovered)];
  const end = history.total.length;
  const since = (ms: number): WindowCounts => {
    const from = Math.round((ms - history.fromMs) / MINUTE_MS);
    return { good: goods.over(from, end), total: totals.over(from, end), usersBad: 0 };
  };
  const memories: Memories = new Map();
  for (const [severity, pairs] of bySeverity(slo)) {
    const episode = walk(pairs, judgedOf(slo), history, { ...circumstances, slo: slo.name });
    if (episode) memories.set(episodeKey(slo.name, severity), episode);
  }
  const names = windowsOf(slo);
  const figures = {
    whole: since(fromMs),
    wholeYesterday: since(fromMs),
    windows: new Map(names.map((name) => [name, since(atMs - windowSeconds(name) * 1_000)])),
    since: new Map(),
    isMaintenance: false,
    beside: {},
    excludedMinutes: 0,
  };
  const covered = (name: string) => 1 - missing.over(end - windowSeconds(name) / 60, end) / (windowSeconds(name) / 60);
  const [status] = statusesOf(
    [slo],
    { atMs, bySlo: new Map([[slo.name, figures]]), coverage: new Map(names.map((name) => [name, covered(name)])) },
    memories,
  );
  return status as SloStatus;
}
