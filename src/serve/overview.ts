/** What the Overview page shows, in one answer: verdict, SLO rows, what changed, and how fresh it all is. */

import type { Counts } from '../slo/arithmetic/burn.ts';
import { errorBudgetRemaining } from '../slo/arithmetic/burn.ts';
import type { Slo } from '../slo/definition/openslo.ts';
import type { ActiveAlert } from '../slo/evaluate/companion-watch.ts';
import type { Evaluation } from '../slo/evaluate/evaluator.ts';
import { runbookOf } from '../slo/evaluate/notifications.ts';
import type { Cause } from '../slo/inquiry/explain.ts';
import { type Forecast, forecastOf } from '../slo/inquiry/forecast.ts';
import { type GateVerdict, gateOf } from '../slo/inquiry/gate.ts';
import { dailyCounts } from '../slo/measure/figures.ts';
import type { SloStatus } from '../slo/measure/status.ts';
import { type SloState, stateOf, type Verdict, verdictOf } from '../slo/wording/verdict.ts';
import type { Session } from '../store/engine/engine.ts';
import { DAY_MS } from '../system/time.ts';

const DAYS = 30;
const MAX_CHANGES = 8;

export interface OverviewSlo extends SloStatus {
  meaning: string;
  state: SloState;
  since: string | null;
  budgetYesterday: number | null;
  /** Until when the budget lasts. */
  forecast: Forecast | null;
  /** Whether the error-budget policy lets deploys out. */
  gate: GateVerdict;
  /** Good and total per day, oldest first, the last one ending now. */
  daily: Counts[];
}

export interface Change {
  time: string;
  type: string;
  deployment: string;
  provider: string;
  region: string;
  action: string;
  reason: string;
}

export interface Fill {
  /** Days of history that are in, of how many. */
  done: number;
  total: number;
}

export interface Overview {
  at: string;
  verdict: Verdict;
  /** Alerts beside the burn rates that fire. */
  alerts: (Omit<ActiveAlert, 'sinceMs'> & { since: string; runbook: string })[];
  slos: OverviewSlo[];
  changes: Change[];
  newestEvent: string | null;
  fill: Fill | null;
  version: string;
  /** Where a trace is seen, with {trace_id} in its place. */
  traceUrl: string | null;
}

/** The overview of an evaluation. */
export async function overviewOf(
  session: Session,
  slos: readonly Slo[],
  evaluation: Evaluation,
  {
    active,
    causes,
    ...more
  }: { active: readonly ActiveAlert[]; causes: ReadonlyMap<string, Cause>; fill: Fill | null; version: string; traceUrl: string | null },
): Promise<Overview> {
  const daily = await dailyCounts(session, evaluation.atMs, DAYS);
  const changes = await session.rows<Change>(
    `SELECT formatDateTime(time, '%Y-%m-%dT%H:%i:%SZ') AS time, type, deployment, provider, region, action, reason FROM events_v
     WHERE type IN ('deploy.completed', 'deploy.rolled_back', 'incident.opened', 'incident.resolved', 'provider.circuit_opened',
       'policy.changed')
       AND events_v.time > fromUnixTimestamp64Milli({from:Int64}) ORDER BY events_v.time DESC LIMIT ${MAX_CHANGES}`,
    { from: evaluation.atMs - DAYS * DAY_MS },
  );
  const [newest] = await session.rows<{ at: number | null }>(
    'SELECT if(count() = 0, NULL, toUnixTimestamp64Milli(max(time))) AS at FROM events',
  );
  return {
    at: new Date(evaluation.atMs).toISOString(),
    verdict: verdictOf(evaluation.statuses, active, causes),
    alerts: active.map(({ sinceMs, ...alert }) => ({
      ...alert,
      since: new Date(sinceMs).toISOString(),
      runbook: `/runbooks/${runbookOf(alert.alert)}`,
    })),
    slos: slos.flatMap((slo) => {
      const status = evaluation.statuses.find((each) => each.slo === slo.name);
      const figure = evaluation.figures.bySlo.get(slo.name);
      if (!status || !figure) return [];
      const { state, since } = stateOf(status);
      return [
        {
          ...status,
          meaning: slo.sli.meaning,
          state,
          since,
          gate: gateOf(status),
          budgetYesterday: slo.objective === null ? null : errorBudgetRemaining(figure.wholeYesterday, slo.objective),
          forecast: forecastOf(slo, status, evaluation.atMs),
          daily: daily.get(slo.sli.id) ?? [],
        },
      ];
    }),
    changes,
    newestEvent: newest?.at == null ? null : new Date(Number(newest.at)).toISOString(),
    ...more,
  };
}
