/** Why budgets burn: the leading cause of each SLO of which a pair fires, the first form of `muster explain`. */
import type { Engine } from '../../store/engine/engine.ts';
import type { Slo } from '../definition/openslo.ts';
import { type Cause, explain, leadingCause, timesToExplain } from '../inquiry/explain.ts';
import { burning, type SloAlert } from '../measure/status.ts';
import type { Evaluation } from './evaluator.ts';

/** An explanation is good for so long. */
const EXPLAINED_MS = 5 * 60_000;

export interface Causes {
  /** What was found last, by the name of the SLO; an SLO of which nothing fires, or in which nothing stands out, is missing. */
  latest(): ReadonlyMap<string, Cause>;
  /** Looks anew where what is known is old; one that is still looking is joined. */
  look(evaluation: Evaluation): Promise<ReadonlyMap<string, Cause>>;
}

/** While an alert lasts, what it stands on stays at its worst: nothing that is found later says less. */
const worse = (known: Cause | undefined, found: Cause | undefined): Cause | undefined =>
  known === undefined || (found !== undefined && found.bad >= known.bad) ? found : known;

/** Causes of these SLOs; only ratios have some. */
export function createCauses(deps: { engine: Engine; slos: readonly Slo[]; onProblem: (message: string) => void }): Causes {
  const explained = new Map<string, { cause: Cause | undefined; since: string | null; atMs: number }>();
  let latest: ReadonlyMap<string, Cause> = new Map();

  const explainNow = async (slo: Slo, alert: SloAlert, atMs: number): Promise<Cause | undefined> => {
    const times = timesToExplain(burning(alert, atMs), atMs);
    try {
      return leadingCause(await explain(deps.engine, slo.sli, times, 'explain'));
    } catch (error) {
      deps.onProblem(`explain ${slo.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const lookNow = async ({ statuses, atMs }: Evaluation): Promise<ReadonlyMap<string, Cause>> => {
    for (const slo of deps.slos) {
      if (slo.sli.kind !== 'ratio') continue;
      const alert = statuses.find(({ slo: name }) => name === slo.name)?.alerts.find(({ state }) => state === 'firing');
      const known = explained.get(slo.name);
      const ofThisAlert = known?.since === alert?.since ? known?.cause : undefined;
      if (!alert) explained.delete(slo.name);
      else if (!known || known.since !== alert.since || atMs - known.atMs >= EXPLAINED_MS)
        explained.set(slo.name, { cause: worse(ofThisAlert, await explainNow(slo, alert, atMs)), since: alert.since, atMs });
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
