/** Backtest: would these alerts have woken anybody, and for what, had an SLO been in force over a past time? */

import type { Engine, Session } from '../../store/engine/engine.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { calmSince, type Judged, leaderOf } from '../arithmetic/episode.ts';
import { type Pair, type PairSpec, pairsFor, type Severity } from '../arithmetic/pairs.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import { judgedOf, type Slo } from '../definition/openslo.ts';
import { type Circumstances, type History, loadCircumstances, loadHistory, walkInTurns, withoutMaintenance } from '../measure/history.ts';

/** States before the time are followed from so long before it, so that what fired already is known. */
const LEAD_MS = 7 * 86_400_000;

export interface Episode {
  severity: Severity;
  start: string;
  /** The end of the time when it still fired then. */
  end: string;
  /** Share of the error budget of the whole time that was lost since it began to burn, and while it fired. */
  budgetSpent: number | null;
}

export interface Backtest {
  slo: string;
  objective: number;
  from: string;
  to: string;
  good: number;
  total: number;
  episodes: Episode[];
  /** Share of the error budget of the whole time: bad / (total × (1 − objective)); null without events. */
  budgetSpent: number | null;
}

/** What a backtest stands on, loaded once for any number of objectives. */
export interface Past {
  fromMs: number;
  toMs: number;
  history: History;
  circumstances: Circumstances;
}

/**
 * The past of an SLO's SLI in [fromMs, toMs), cut to minutes.
 * @param minutesOf where its minutes come from, if not from those that the store keeps
 */
export async function loadPast(
  engine: Engine,
  slo: Slo,
  fromMs: number,
  toMs: number,
  minutesOf: (session: Session, fromMs: number, toMs: number) => Promise<History> = storedMinutes(slo),
): Promise<Past> {
  const longest = Math.max(0, ...slo.pairs.map(({ long }) => windowSeconds(long))) * 1_000;
  const startMs = fromMs - longest - LEAD_MS;
  const circumstances = await loadCircumstances(engine.session('panels'), startMs, toMs);
  const history = await minutesOf(engine.session('panels'), startMs, toMs);
  return { fromMs, toMs, history: withoutMaintenance(history, circumstances.maintenance, slo.name), circumstances };
}

const storedMinutes =
  ({ sli }: Slo) =>
  async (session: Session, fromMs: number, toMs: number): Promise<History> =>
    (await loadHistory(session, [sli.id], fromMs, toMs)).get(sli.id) as History;

/** Runs an SLO, with its own objective or another, over its past. */
export async function backtest(slo: Slo, past: Past, objective: number = judgedOf(slo).objective): Promise<Backtest> {
  const { fromMs, toMs, history } = past;
  const firstMinute = Math.round((fromMs - history.fromMs) / MINUTE_MS);
  const sum = (values: Float64Array, from: number, to: number) => values.subarray(from, to).reduce((all, value) => all + value, 0);
  const total = sum(history.total, firstMinute, history.total.length);
  const good = sum(history.good, firstMinute, history.good.length);
  const allowed = total * (1 - objective);
  const spent = (startMs: number, endMs: number) => {
    const [from, to] = [startMs, endMs].map((ms) => Math.max(firstMinute, Math.round((ms - history.fromMs) / MINUTE_MS))) as [
      number,
      number,
    ];
    return allowed === 0 ? null : (sum(history.total, from, to) - sum(history.good, from, to)) / allowed;
  };
  const pairs = pairsAt(slo, objective);
  const episodes: Episode[] = [];
  for (const severity of ['page', 'ticket'] as const) {
    const judged = { ...judgedOf(slo), objective };
    const found = await runs(
      pairs.filter((pair) => pair.severity === severity),
      slo,
      judged,
      past,
    );
    for (const { startMs, endMs, onsetMs } of found)
      episodes.push({ severity, start: iso(startMs), end: iso(endMs), budgetSpent: spent(onsetMs, endMs) });
  }
  return {
    slo: slo.name,
    objective,
    from: iso(fromMs),
    to: iso(toMs),
    good,
    total,
    episodes: episodes.sort((a, b) => (a.start < b.start ? -1 : 1)),
    budgetSpent: allowed === 0 ? null : (total - good) / allowed,
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

/** The pairs of an SLO as they would be at another objective: factors are fitted anew. */
function pairsAt(slo: Slo, objective: number): Pair[] {
  return slo.pairs.map((pair) => {
    const spec: PairSpec = { severity: pair.severity, long: pair.long, short: pair.short, factor: pair.factor };
    return { ...(pairsFor(objective, slo.period.seconds, [], [spec])[0] as Pair), name: pair.name };
  });
}

/** A time in which the pairs of one severity fired. */
export interface Run {
  startMs: number;
  endMs: number;
  /** When it began to burn. */
  onsetMs: number;
  /** Since when it no longer did, as it ended; null while it burns. */
  calmMs: number | null;
  /** The pair that told of it. */
  pair: Pair;
}

/** Times in which pairs of one severity fired, cut to the time asked for. */
export async function runs(
  pairs: readonly Pair[],
  slo: Slo,
  judged: Judged,
  { fromMs, toMs, history, circumstances }: Past,
): Promise<Run[]> {
  const found: Run[] = [];
  let open: Run | undefined;
  const close = (endMs: number) => {
    if (open && endMs > fromMs) found.push({ ...open, startMs: Math.max(open.startMs, fromMs), endMs });
    open = undefined;
  };
  await walkInTurns(pairs, judged, history, { ...circumstances, slo: slo.name }, (atMs, episode) => {
    const pair = leaderOf(pairs, episode);
    if (pair) {
      open ??= { startMs: atMs, endMs: atMs, onsetMs: episode.onsetMs ?? atMs, calmMs: null, pair };
      open.calmMs = calmSince(episode.pairs.get(pair.name));
    } else close(atMs);
  });
  close(toMs);
  return found;
}

/** Objectives that people choose from. */
const CANDIDATES = [0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];
/** A suggested objective leaves at least this much of the budget, and pages at most so often in thirty days. */
const MIN_BUDGET_LEFT = 0.2;
const MAX_PAGES_IN_30_DAYS = 2;

export interface Suggestion {
  slo: string;
  current: number | null;
  /** The strictest objective that the past would have met with room to spare, or null when none would. */
  suggested: number | null;
  value: number | null;
  candidates: { objective: number; pages: number; tickets: number; budgetLeft: number | null }[];
}

/** Suggests an objective from what was, by a backtest of each candidate; lets others have a turn between them. */
export async function suggest(slo: Slo, past: Past): Promise<Suggestion> {
  // What is only counted has no good ones to hold an objective against.
  if (slo.sli.kind === 'count') return { slo: slo.name, current: null, suggested: null, value: null, candidates: [] };
  const days = (past.toMs - past.fromMs) / 86_400_000;
  const candidates: Suggestion['candidates'] = [];
  for (const objective of CANDIDATES) {
    const { episodes, budgetSpent } = await backtest(slo, past, objective);
    const count = (severity: Severity) => episodes.filter((episode) => episode.severity === severity).length;
    candidates.push({
      objective,
      pages: count('page'),
      tickets: count('ticket'),
      budgetLeft: budgetSpent === null ? null : 1 - budgetSpent,
    });
  }
  const isFit = ({ budgetLeft, pages }: (typeof candidates)[number]) =>
    budgetLeft !== null && budgetLeft >= MIN_BUDGET_LEFT && pages <= Math.max(MAX_PAGES_IN_30_DAYS, (MAX_PAGES_IN_30_DAYS * days) / 30);
  const { good, total } = await backtest(slo, past);
  return {
    slo: slo.name,
    current: slo.objective,
    suggested: candidates.filter(isFit).at(-1)?.objective ?? null,
    value: total === 0 ? null : good / total,
    candidates,
  };
}
