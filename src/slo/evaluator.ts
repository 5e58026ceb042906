/** The evaluator: every 15 s, all SLOs over all windows that end at the last full minute. What it used is what everybody shows. */
import type { Session } from '../store/engine.ts';
import { pendingAttempts, toMinute, type WindowFigures, windowFigures } from './figures.ts';
import type { Slo } from './openslo.ts';
import { type SloStatus, sloStatus } from './status.ts';

const EVERY_MS = 15_000;

export interface Evaluation {
  /** End of the windows, in milliseconds since 1970. */
  atMs: number;
  figures: Map<string, WindowFigures>;
  statuses: SloStatus[];
  /** Attempts of users that have started, not ended, and not passed their deadline. */
  pendingAttempts: number;
}

export interface Evaluator {
  /** The last evaluation, or undefined before the first. */
  latest(): Evaluation | undefined;
  /** Evaluates now. */
  evaluate(): Promise<Evaluation>;
  start(): void;
  stop(): void;
}

/** The evaluator of these SLOs. */
export function createEvaluator(deps: {
  session: Session;
  slos: readonly Slo[];
  now: () => number;
  onEvaluated?: (evaluation: Evaluation) => void;
  onProblem: (message: string) => void;
}): Evaluator {
  let latest: Evaluation | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const evaluate = async () => {
    const atMs = toMinute(deps.now());
    const figures = await windowFigures(deps.session, deps.slos, atMs);
    const statuses = await sloStatus(deps.session, deps.slos, atMs, figures);
    latest = { atMs, figures, statuses, pendingAttempts: await pendingAttempts(deps.session, deps.now()) };
    deps.onEvaluated?.(latest);
    return latest;
  };
  return {
    latest: () => latest,
    evaluate,
    start() {
      const tick = () => {
        evaluate()
          .catch((error: unknown) => deps.onProblem(`evaluation: ${error instanceof Error ? error.message : String(error)}`))
          .finally(() => {
            if (!isStopped) timer = setTimeout(tick, EVERY_MS);
          });
      };
      tick();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
