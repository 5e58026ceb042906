/**
 * The evaluator: every 15 s, all SLOs over all windows that end at the last full minute. What it used and decided is written down,
 * and is what everybody shows. It goes on from where the last process stopped.
 */
import type { Engine } from '../../store/engine/engine.ts';
import { sayOnce } from '../../system/repeat.ts';
import type { Counts, WindowCounts } from '../arithmetic/burn.ts';
import { countedSince, type Episode, evidenceStart, nextEpisode, openedPair } from '../arithmetic/episode.ts';
import type { Pair } from '../arithmetic/pairs.ts';
import { judgedOf, type Slo } from '../definition/openslo.ts';
import type { Cause } from '../inquiry/explain.ts';
import { type Figures, figuresAt, pendingAttempts, toMinute, totalCounts, type WindowFigures } from '../measure/figures.ts';
import { loadCircumstances, loadHistory, onsetIn, withoutMaintenance } from '../measure/history.ts';
import { bySeverity, episodeKey, type Memories, type SloStatus, statesAt, statusesOf } from '../measure/status.ts';
import { readAlertStates, writeAlertInputs, writeAlertStates } from './alert-log.ts';

const EVERY_MS = 15_000;
const TOLERATED_BACK_MS = 120_000;

export interface Evaluation {
  /** End of the windows, in milliseconds since 1970. */
  atMs: number;
  figures: Figures;
  statuses: SloStatus[];
  /** Settled since the evaluation before, by SLI: one that turns good later is not counted again. */
  settled: Map<string, { good: number; bad: number }>;
  /** Attempts of users that have started, not ended, and not passed their deadline. */
  pendingAttempts: number;
}

export interface Evaluator {
  /** The last evaluation, or undefined before the first. */
  latest(): Evaluation | undefined;
  /** Evaluates now. */
  evaluate(): Promise<Evaluation>;
  start(): void;
  /** Ends it, after the evaluation that may be going on. */
  stop(): Promise<void>;
}

export interface EvaluatorDeps {
  engine: Engine;
  slos: readonly Slo[];
  now: () => number;
  /** What is known of why SLOs burn, to be written down with their states. */
  causes?: () => ReadonlyMap<string, Cause>;
  onEvaluated?: (evaluation: Evaluation) => Promise<void> | void;
  onProblem: (message: string) => void;
}

/** The evaluator of these SLOs. */
export function createEvaluator(deps: EvaluatorDeps): Evaluator {
  const { engine, slos, now } = deps;
  let latest: Evaluation | undefined;
  let memories: Memories | undefined;
  let totalsBefore: Map<string, Counts> | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let isClockBack = false;

  const evaluateNow = async (): Promise<Evaluation> => {
    // A clock that jumps back must not take back what was decided: the evaluator waits until time has caught up.
    const atMs = Math.max(latest?.atMs ?? 0, toMinute(now()));
    const backMs = atMs - toMinute(now());
    if (backMs > TOLERATED_BACK_MS && !isClockBack)
      deps.onProblem(
        `the clock went back by ${Math.round(backMs / 60_000)} min: windows end at ${new Date(atMs).toISOString()} until it has caught up`,
      );
    isClockBack = backMs > TOLERATED_BACK_MS;
    memories ??= await rememberedStates(engine, slos, atMs);
    const figures = await figuresAt(engine, slos, atMs, 'evaluate', startsOf(slos, memories, atMs));
    memories = await nextMemories(engine, slos, figures, memories);
    const totals = await totalCounts(engine.session('evaluate'));
    latest = {
      atMs,
      figures,
      statuses: statusesOf(slos, figures, memories),
      settled: settledSince(totalsBefore, totals),
      pendingAttempts: await pendingAttempts(engine.session('evaluate'), now()),
    };
    totalsBefore = totals;
    const evaluation = latest;
    await deps.onEvaluated?.(evaluation);
    await writeAlertInputs(engine, slos, figures, now());
    await writeAlertStates(engine, slos, memories, atMs, now(), deps.causes?.());
    return evaluation;
  };
  const evaluate = () => {
    const result = running.then(evaluateNow);
    running = result.catch(() => {});
    return result;
  };
  return {
    latest: () => latest,
    evaluate,
    start() {
      const said = sayOnce((message) => deps.onProblem(`evaluation: ${message}`));
      const tick = () => {
        evaluate()
          .then(said.succeeded, said.failed)
          .finally(() => {
            if (!isStopped) timer = setTimeout(tick, EVERY_MS);
          });
      };
      tick();
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/**
 * What was added between two totals, as monotone counters need it: of as many as the total grew by, as many good as the good did.
 * A late completion that turns a bad one good moves no total, and is not counted again.
 */
export function settledSince(
  before: Map<string, Counts> | undefined,
  now: Map<string, Counts>,
): Map<string, { good: number; bad: number }> {
  return new Map(
    [...now].map(([sli, { good, total }]) => {
      const old = before === undefined ? { good, total } : (before.get(sli) ?? { good: 0, total: 0 });
      const added = Math.max(0, total - old.total);
      const addedGood = Math.min(added, Math.max(0, good - old.good));
      return [sli, { good: addedGood, bad: added - addedGood }];
    }),
  );
}

/** What the last process decided; what it never did, as it would have been. */
async function rememberedStates(engine: Engine, slos: readonly Slo[], atMs: number): Promise<Memories> {
  const stored = await readAlertStates(engine, atMs);
  const isKnown = (slo: Slo) => slo.pairs.every(({ name, severity }) => stored.get(episodeKey(slo.name, severity))?.pairs.has(name));
  const computed = await statesAt(
    engine.session('evaluate'),
    slos.filter((slo) => !isKnown(slo)),
    atMs,
  );
  return new Map([...computed, ...stored]);
}

/** From when on each SLO's pairs need counts. */
const startsOf = (slos: readonly Slo[], memories: Memories, atMs: number): Map<string, number[]> =>
  new Map(
    slos.map((slo) => [
      slo.name,
      [...bySeverity(slo)].flatMap(([severity, pairs]) => countedSince(pairs, memories.get(episodeKey(slo.name, severity)), atMs)),
    ]),
  );

async function nextMemories(engine: Engine, slos: readonly Slo[], { atMs, bySlo, coverage }: Figures, before: Memories): Promise<Memories> {
  const after: Memories = new Map();
  const coverageOf = ({ long, short }: Pair) => Math.min(coverage.get(long) ?? 1, coverage.get(short) ?? 1);
  for (const slo of slos) {
    const figure = bySlo.get(slo.name);
    if (!figure) continue;
    for (const [severity, pairs] of bySeverity(slo)) {
      const key = episodeKey(slo.name, severity);
      const old = before.get(key);
      const inputs = { countsSince: countsIn(figure), coverageOf, isMaintenance: figure.isMaintenance };
      const next = nextEpisode(pairs, old, inputs, judgedOf(slo), atMs);
      after.set(key, await withOnset(engine, slo, pairs, old, next, atMs));
    }
  }
  return after;
}

const countsIn =
  ({ since }: WindowFigures) =>
  (fromMs: number): WindowCounts => {
    const counts = since.get(fromMs);
    if (!counts) throw new Error(`no counts since ${new Date(fromMs).toISOString()}`);
    return counts;
  };

/** An episode that has just opened, with the moment at which it began to burn. */
async function withOnset(
  engine: Engine,
  slo: Slo,
  pairs: readonly Pair[],
  before: Episode | undefined,
  episode: Episode,
  atMs: number,
): Promise<Episode> {
  const opened = openedPair(pairs, episode);
  if (!opened) return episode;
  const session = engine.session('evaluate');
  const fromMs = evidenceStart(opened, before, atMs);
  const history = (await loadHistory(session, [slo.sli.id], fromMs, atMs)).get(slo.sli.id);
  const { maintenance } = await loadCircumstances(session, fromMs, atMs);
  if (!history) return episode;
  const onsetMs = onsetIn(withoutMaintenance(history, maintenance, slo.name), fromMs, atMs, opened, judgedOf(slo));
  return { ...episode, onsetMs };
}
