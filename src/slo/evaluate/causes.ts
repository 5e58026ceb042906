/** Why budgets burn: the leading cause of each SLO of which a pair fires, the first form of `muster explain`. */
import type { Engine } from '../../store/engine/engine.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import type { Slo } from '../definition/openslo.ts';
import { type Cause, explain, leadingCause, timeToExplain } from '../inquiry/explain.ts';
import type { SloStatus } from '../measure/status.ts';
import type { Evaluation } from './evaluator.ts';

/** An explanation is good for so long. */
const EXPLAINED_MS = 5 * 60_000;

export interface Causes {
  /** What was found last, by the name of the SLO; an SLO of which nothing fires, or in which nothing stands out, is missing. */
  latest(): ReadonlyMap<string, Cause>;
  /** Looks anew where what is known is old; one that is still looking is joined. */
  look(evaluation: Evaluation): Promise<ReadonlyMap<string, Cause>>;
}

/** Causes of these SLOs; only ratios have some. */
export function createCauses(deps: { engine: Engine; slos: readonly Slo[]; onProblem: (message: string) => void }): Causes {
  const explained = new Map<string, { cause: Cause | undefined; atMs: number }>();
  let latest: ReadonlyMap<string, Cause> = new Map();

  const explainNow = async (slo: Slo, alert: SloStatus['alerts'][number], atMs: number): Promise<Cause | undefined> => {
    const { when, baseline } = timeToExplain(Date.parse(alert.since ?? ''), windowSeconds(alert.longWindow), atMs);
    try {
      return leadingCause(await explain(deps.engine, slo.sli, { when, baseline, nowMs: atMs }, 'explain'));
    } catch (error) {
      deps.onProblem(`explain ${slo.name}: ${error instanceof Error ? error.message : String(error)}`);
      // What was known says more than nothing.
      return explained.get(slo.name)?.cause;
    }
  };
  const lookNow = async ({ statuses, atMs }: Evaluation): Promise<ReadonlyMap<string, Cause>> => {
    for (const slo of deps.slos) {
      if (slo.sli.kind !== 'ratio') continue;
      const alert = statuses.find(({ slo: name }) => name === slo.name)?.alerts.find(({ state }) => state === 'firing');
      const known = explained.get(slo.name);
      if (!alert) explained.delete(slo.name);
      else if (!known || atMs - known.atMs >= EXPLAINED_MS) explained.set(slo.name, { cause: await explainNow(slo, alert, atMs), atMs });
      latest = new Map([...explained].flatMap(([name, { cause }]) => (cause ? [[name, cause] as const] : [])));
    }
    return latest;
  };
  let looking: ReturnType<typeof lookNow> | undefined;
  return {
    latest: () => latest,
    look(evaluation) {
      looking ??= lookNow(evaluation).finally(() => {
        looking = undefined;
      });
      return looking;
    },
  };
}
