/** One SLO in depth: how its budget was spent, until when it lasts, how fast it burns, when it fired, and what changed meanwhile. */

import type { Engine } from '../../store/engine/engine.ts';
import type { MaintenanceWindow } from '../../store/records/maintenance.ts';
import { eventsIn, rowsOf } from '../../store/rows/rows-of.ts';
import { DAY_MS, MINUTE_MS } from '../../system/time.ts';
import { burnRate, type Counts } from '../arithmetic/burn.ts';
import type { Pair, Severity } from '../arithmetic/pairs.ts';
import { elapsedAt, periodAt } from '../arithmetic/period.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import { judgedOf, type Slo } from '../definition/openslo.ts';
import { toMinute } from '../measure/figures.ts';
import { Sums } from '../measure/history.ts';
import { bySeverity } from '../measure/status.ts';
import { loadPast, type Past, runs } from './backtest.ts';
import { type Explanation, explain, timesToExplain } from './explain.ts';

/** Burn rates are drawn over so long, one point in so many minutes. */
const BURN_MS = DAY_MS;
const BURN_STEP_MINUTES = 5;
const MAX_POINTS = 200;

export interface ShownMaintenance {
  id: string;
  start: string;
  end: string;
  reason: string;
  /** Reference of whoever announced it. */
  actor: string;
}

export interface SloDetail {
  slo: string;
  title: string;
  description: string;
  service: string;
  isSliced: boolean;
  pairs: Pair[];
  period: { from: string; to: string };
  /** Budget left at the end of each step of the period, with a fixed denominator: all that was counted in it. */
  burnDown: { at: string; left: number }[];
  burn: { pair: string; points: { at: string; long: number | null; short: number | null }[] }[];
  /** When alerts fired, by what is known now, and by what the evaluator knew then; `since` is when it began to burn. */
  history: {
    pair: string;
    severity: string;
    since: string;
    start: string;
    end: string;
    by: 'settled' | 'alerted';
    /** Share of the error budget of the period that was lost from its beginning to its end; null without an objective. */
    cost: number | null;
  }[];
  /** By what is known now and by what was used then: counts of the longest window of a pair at each alert. */
  restated: { at: string; pair: string; window: string; alerted: Counts; settled: Counts }[];
  deploys: { at: string; deployment: string; type: string }[];
  maintenance: ShownMaintenance[];
  explanation: Explanation[];
  /** Milliseconds of the last day below which half, 95 % and 99 % lie, of an SLI of durations. */
  durations: { p50: number; p95: number; p99: number } | null;
}

/** The detail of an SLO at a moment. */
export async function sloDetail(engine: Engine, slo: Slo, atMs: number): Promise<SloDetail> {
  const at = toMinute(atMs);
  const { fromMs } = elapsedAt(slo.period, at);
  const { toMs } = periodAt(slo.period, at);
  const past = await loadPast(engine, slo, fromMs, at);
  const { objective } = judgedOf(slo);
  const maintenance = past.circumstances.maintenance.filter((window) => window.slo === '*' || window.slo === slo.name);
  const alerted = await alertedRuns(engine, slo, fromMs, at);
  const costOf = costIn(past, slo);
  const settled: PastAlert[] = [];
  for (const [severity, pairs] of bySeverity(slo))
    for (const { pair, ...run } of await runs(pairs, slo, judgedOf(slo), past))
      settled.push({ ...run, pair: pair.name, severity, by: 'settled' });
  return {
    slo: slo.name,
    title: slo.title,
    description: slo.description,
    service: slo.service,
    isSliced: slo.sli.slices !== undefined,
    pairs: slo.pairs,
    period: { from: iso(fromMs), to: iso(toMs) },
    burnDown: slo.objective === null ? [] : burnDown(past, objective),
    burn: slo.pairs.map((pair) => ({ pair: pair.name, points: burnPoints(slo, pair, past) })),
    history: [...settled, ...alerted]
      .sort((a, b) => b.startMs - a.startMs)
      .map(({ pair, severity, by, onsetMs, startMs, endMs }) => ({
        ...{ pair, severity, by },
        ...{ since: iso(onsetMs), start: iso(startMs), end: iso(endMs), cost: costOf(onsetMs, endMs) },
      })),
    restated: await restatements(engine, slo, past, alerted),
    deploys: await deploysIn(engine, fromMs, at),
    maintenance: maintenance.map(shownMaintenance),
    explanation: await explanationOf(engine, slo, settled, at),
    durations: await durationsOf(engine, slo, at),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

/** A maintenance window as the API shows it. */
export const shownMaintenance = ({ id, startMs, endMs, reason, actorRef }: MaintenanceWindow): ShownMaintenance => ({
  id,
  start: iso(startMs),
  end: iso(endMs),
  reason,
  actor: actorRef,
});

/** Good and total of minutes [from, end) of a history. */
function sumsOf({ good, total }: Past['history']) {
  const [goods, totals] = [new Sums(good), new Sums(total)];
  return (from: number, end: number): Counts => ({ good: goods.over(from, end), total: totals.over(from, end) });
}

/** What a time of the period cost. */
function costIn({ fromMs, toMs, history }: Past, slo: Slo) {
  const sums = sumsOf(history);
  const at = (ms: number) => Math.round((Math.min(Math.max(ms, fromMs), toMs) - history.fromMs) / MINUTE_MS);
  const allowed = sums(at(fromMs), at(toMs)).total * (1 - judgedOf(slo).objective);
  return (startMs: number, endMs: number): number | null => {
    const { good, total } = sums(at(startMs), at(endMs));
    return slo.objective === null || allowed === 0 ? null : (total - good) / allowed;
  };
}

/** What the period spent, from 1 down; never up, since nothing that failed comes back within it. */
function burnDown({ fromMs, toMs, history }: Past, objective: number): SloDetail['burnDown'] {
  const first = Math.round((fromMs - history.fromMs) / MINUTE_MS);
  const length = Math.round((toMs - fromMs) / MINUTE_MS);
  let total = 0;
  for (let i = first; i < first + length; i++) total += history.total[i] ?? 0;
  if (total === 0) return [];
  const step = Math.max(1, Math.ceil(length / MAX_POINTS));
  const points: SloDetail['burnDown'] = [{ at: iso(fromMs), left: 1 }];
  let bad = 0;
  for (let i = 0; i < length; i++) {
    bad += (history.total[first + i] ?? 0) - (history.good[first + i] ?? 0);
    if ((i + 1) % step === 0 || i === length - 1)
      points.push({ at: iso(fromMs + (i + 1) * MINUTE_MS), left: 1 - bad / (total * (1 - objective)) });
  }
  return points;
}

function burnPoints(slo: Slo, pair: Pair, { history, toMs }: Past): SloDetail['burn'][number]['points'] {
  const { objective } = judgedOf(slo);
  const sums = sumsOf(history);
  const at = (ms: number) => Math.round((ms - history.fromMs) / MINUTE_MS);
  const points: SloDetail['burn'][number]['points'] = [];
  for (let ms = toMs - BURN_MS + MINUTE_MS; ms <= toMs; ms += MINUTE_MS) {
    if ((ms / MINUTE_MS) % BURN_STEP_MINUTES !== 0 && ms !== toMs) continue;
    const burn = (window: string) => burnRate(sums(at(ms - windowSeconds(window) * 1_000), at(ms)), objective);
    points.push({ at: iso(ms), long: burn(pair.long), short: burn(pair.short) });
  }
  return points;
}

interface PastAlert {
  pair: string;
  severity: Severity;
  onsetMs: number;
  calmMs: number | null;
  startMs: number;
  endMs: number;
  by: 'settled' | 'alerted';
  /** The first evaluation that said so. */
  firstMs?: number;
}

/** Times in which the evaluator said that alerts fire. */
async function alertedRuns(engine: Engine, slo: Slo, fromMs: number, toMs: number): Promise<PastAlert[]> {
  const rows = await engine.session('panels').rows<{
    pair: string;
    severity: Severity;
    onset: number;
    fired: number;
    first: number;
    ended: number;
  }>(
    `SELECT pair, severity, toUnixTimestamp(min(since)) AS onset, toUnixTimestamp(ifNull(opened_at, since)) AS fired,
        toUnixTimestamp(min(at)) AS first, toUnixTimestamp(max(at)) AS ended
      FROM alert_states
     WHERE slo = {slo: String} AND state = 'firing' AND at > toDateTime(${fromMs / 1_000}, 'UTC')
       AND at <= toDateTime(${toMs / 1_000}, 'UTC')
     GROUP BY pair, severity, fired ORDER BY fired`,
    { slo: slo.name },
  );
  return rows.map(({ pair, severity, onset, fired, first, ended }) => ({
    pair,
    severity,
    onsetMs: onset * 1_000,
    calmMs: null,
    startMs: fired * 1_000,
    endMs: ended * 1_000 + MINUTE_MS,
    firstMs: first * 1_000,
    by: 'alerted' as const,
  }));
}

/** What was used when an alert began, beside what is known of the same window now: late events show as the difference. */
async function restatements(engine: Engine, slo: Slo, past: Past, alerted: readonly PastAlert[]): Promise<SloDetail['restated']> {
  const starts = alerted.slice(-10).map(({ pair, startMs, firstMs }) => ({ pair, firstMs: firstMs ?? startMs }));
  if (starts.length === 0) return [];
  const rows = await engine.session('panels').rows<{ at_s: number; window: string; good: string; bad: string }>(
    `SELECT toUnixTimestamp(at) AS at_s, window, good, bad FROM alert_inputs
     WHERE slo = {slo: String} AND at IN (${starts.map(({ firstMs }) => `toDateTime(${firstMs / 1_000}, 'UTC')`).join(', ')})`,
    { slo: slo.name },
  );
  return starts.flatMap(({ pair, firstMs }) => {
    const window = slo.pairs.find(({ name }) => name === pair)?.long;
    const used = rows.find((row) => row.at_s * 1_000 === firstMs && row.window === window);
    if (window === undefined || !used) return [];
    const end = Math.round((firstMs - past.history.fromMs) / MINUTE_MS);
    const settled: Counts = { good: 0, total: 0 };
    for (let i = Math.max(0, end - windowSeconds(window) / 60); i < end; i++) {
      settled.good += past.history.good[i] ?? 0;
      settled.total += past.history.total[i] ?? 0;
    }
    const alertedCounts = { good: Number(used.good), total: Number(used.good) + Number(used.bad) };
    return [{ at: iso(firstMs), pair, window, alerted: alertedCounts, settled }];
  });
}

async function deploysIn(engine: Engine, fromMs: number, toMs: number): Promise<SloDetail['deploys']> {
  const rows = await engine.session('panels').rows<{ ms: string; deployment: string; type: string }>(
    `SELECT toUnixTimestamp64Milli(time) AS ms, deployment, type FROM events FINAL
     WHERE ${eventsIn([{ fromMs, toMs }])} AND type IN ('deploy.completed', 'deploy.rolled_back') ORDER BY time DESC LIMIT 100`,
  );
  return rows.map(({ ms, ...row }) => ({ at: iso(Number(ms)), ...row }));
}

/** Where the durations of the last day stand, of those that the SLI counts. */
async function durationsOf(engine: Engine, { sli }: Slo, atMs: number): Promise<SloDetail['durations']> {
  const counter = sli.counters.find(({ id }) => id === sli.id);
  if (!sli.hasDurations || !counter) return null;
  const types = counter.unit === 'event' ? counter.types : [];
  const { from } = rowsOf(counter.unit, [{ fromMs: atMs - DAY_MS, toMs: atMs }], { nowMs: atMs, types });
  const [row] = await engine.session('panels').rows<{ p: (number | null)[]; n: number }>(
    `SELECT quantiles(0.5, 0.95, 0.99)(assumeNotNull(toFloat64(duration_ms))) AS p, toUInt32(count()) AS n
     FROM ${from} AND traffic IN ('', 'user') AND (${counter.total}) SETTINGS max_execution_time = 10`,
  );
  const [p50, p95, p99] = row?.p ?? [];
  return row && row.n > 0 && p50 != null && p95 != null && p99 != null ? { p50, p95, p99 } : null;
}

/** The last alert; a page rather than a ticket that fired in the same days. */
function lastAlert(runs: readonly PastAlert[]): PastAlert | undefined {
  const byEnd = runs.toSorted((a, b) => a.endMs - b.endMs);
  const last = byEnd.at(-1);
  if (!last) return undefined;
  return byEnd.findLast(({ severity, endMs }) => severity === 'page' && endMs > last.startMs - DAY_MS) ?? last;
}

/** Why it failed: over the alert that fires now, or the last one, or else the last day. */
async function explanationOf(engine: Engine, slo: Slo, settled: readonly PastAlert[], atMs: number): Promise<Explanation[]> {
  if (slo.sli.kind !== 'ratio') return [];
  const last = lastAlert(settled);
  const times = last
    ? { ...timesToExplain(last, last.endMs), nowMs: atMs }
    : { when: { fromMs: atMs - DAY_MS, toMs: atMs }, baseline: { fromMs: atMs - 2 * DAY_MS, toMs: atMs - DAY_MS }, nowMs: atMs };
  return (await explain(engine, slo.sli, times)).slice(0, 12);
}
