/** Watches the alerts beside the burn rates: what holds is a finding and a metric, until it has not held for a while. */
import type { Engine } from '../../store/engine/engine.ts';
import { type FindingKeeper, openFindingKeeper } from '../../store/records/finding-keeper.ts';
import type { Finding, Found } from '../../store/records/finding-life.ts';
import { maintenanceIn } from '../../store/records/maintenance.ts';
import { MIN_COVERAGE } from '../arithmetic/episode.ts';
import type { Severity } from '../arithmetic/pairs.ts';
import type { Slo } from '../definition/openslo.ts';
import { type Alert, type Condition, PLACE_LABELS, type Place, type PlaceLabel } from './alerts/alert.ts';
import { type Thresholds, thresholdsIn } from './alerts/thresholds.ts';
import type { Evaluation } from './evaluator.ts';

/** An alert that is not seen for so long has resolved: shorter gaps would notify twice. */
const KEEP_MS = 5 * 60_000;

/** One alert fires at so many places at most. */
const MAX_CONDITIONS = 100;

export interface ActiveAlert extends Record<PlaceLabel, string> {
  alert: string;
  severity: Severity;
  service: string;
  summary: string;
  meaning: string;
  evidence: Condition['evidence'];
  sinceMs: number;
  /** The finding that it is written down as. */
  finding: string;
  /** The incident whose alert it is; empty for others. */
  incident: string;
  /** Whether a page tells of it already. */
  isInhibited: boolean;
}

export interface AlertWatch {
  /** Alerts that fire now. */
  active(): ActiveAlert[];
  /** Looks anew, at the moment of an evaluation. */
  look(evaluation: Evaluation): Promise<ActiveAlert[]>;
}

/** A watch over these alerts that goes on with what the last process left open. */
export function createAlertWatch(deps: {
  engine: Engine;
  slos: readonly Slo[];
  alerts: readonly Alert[];
  thresholds: Thresholds;
  now: () => number;
  onProblem: (message: string) => void;
}): AlertWatch {
  const thresholdsOf = thresholdsIn(deps.thresholds);
  const service = deps.slos[0]?.service ?? 'mfa-enrollment';
  let keeper: FindingKeeper | undefined;
  /** Of what fires, by key: what a page tells of already. */
  let inhibited = new Set<string>();

  const lookAt = async (alert: Alert, evaluation: Evaluation): Promise<Condition[] | undefined> => {
    try {
      return await alert.check({ engine: deps.engine, slos: deps.slos, thresholdsOf, atMs: evaluation.atMs, evaluation });
    } catch (error) {
      deps.onProblem(`${alert.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  /** As of the last look: one that goes on is not shown half. */
  let firing: ActiveAlert[] = [];
  const active = (): ActiveAlert[] =>
    [...(keeper?.open ?? [])].flatMap(([key, { finding }]) => {
      const alert = alertOf(deps.alerts, finding);
      return alert ? [activeOf(alert, finding, inhibited.has(key))] : [];
    });
  return {
    active: () => firing,
    async look(evaluation) {
      const { atMs } = evaluation;
      keeper ??= await leftOpen(deps.engine, deps.alerts, atMs);
      if (firing.length === 0) firing = active();
      const isMuted = (await maintenanceIn(deps.engine.session('evaluate'), atMs, atMs + 1)).some(({ slo }) => slo === '*');
      // Nothing resolves on what was not seen.
      const canResolve = (evaluation.figures.coverage.get('5m') ?? 1) >= MIN_COVERAGE;
      const nowInhibited = new Set(inhibited);
      for (const alert of deps.alerts) {
        const conditions = isMuted ? [] : await lookAt(alert, evaluation);
        if (!conditions) continue;
        const here = new Set<string>();
        for (const condition of conditions.slice(0, MAX_CONDITIONS)) {
          const key = keyOf(alert.name, condition);
          here.add(key);
          keeper.see(key, foundBy(alert, condition, service, keeper.open.get(key)?.finding), atMs);
          nowInhibited[condition.isInhibited ? 'add' : 'delete'](key);
        }
        for (const [key, { finding, lastSeenMs }] of keeper.open) {
          if (finding.detector !== alert.detector || here.has(key)) continue;
          // An incident is open or over: it does not flicker, and ends by what was seen itself.
          const endsAtOnce = isMuted || finding.dimensions.incident !== undefined;
          const mayEnd = canResolve || alert.detector === 'telemetry_stale';
          if (endsAtOnce || (mayEnd && atMs - lastSeenMs >= KEEP_MS)) keeper.close(key);
        }
      }
      inhibited = new Set([...nowInhibited].filter((key) => keeper?.open.has(key)));
      firing = active();
      try {
        await keeper.write(deps.now());
      } catch (error) {
        // Whoever has to be told is told; it is written down with the next evaluation.
        deps.onProblem(`findings cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      }
      return firing;
    },
  };
}

/** All labels of a place; those that do not apply are empty. */
const placeOf = (of: Place): Record<PlaceLabel, string> =>
  Object.fromEntries(PLACE_LABELS.map((name) => [name, of[name] ?? ''])) as Record<PlaceLabel, string>;

const keyOf = (alert: string, { incident = '', ...condition }: Place & { incident?: string }): string =>
  JSON.stringify([alert, ...(incident === '' ? Object.values(placeOf(condition)) : [incident])]);

const alertOf = (alerts: readonly Alert[], { detector }: Finding): Alert | undefined => alerts.find((alert) => alert.detector === detector);

/** What is written down of a condition; of the evidence, the worst while it lasts. */
function foundBy(alert: Alert, condition: Condition, service: string, before: Finding | undefined): Found {
  const { incident = '', severity } = condition;
  const isWorst = !before || alert.weight(condition.evidence) >= alert.weight(before.evidence as Condition['evidence']);
  const place = placeOf(condition);
  return {
    kind: alert.kind,
    detector: alert.detector,
    severity,
    dimensions: Object.fromEntries(Object.entries({ service, ...place, incident }).filter(([, value]) => value !== '')),
    place: [...Object.values(place), incident],
    evidence: isWorst ? { ...condition.evidence, summary: condition.summary } : before.evidence,
  };
}

/** The alert that a finding is written down of. */
function activeOf(alert: Alert, { id, severity, dimensions, evidence, startMs }: Finding, isInhibited = false): ActiveAlert {
  const { summary, ...of } = evidence as Condition['evidence'];
  return {
    alert: alert.name,
    severity: severity === 'page' ? 'page' : 'ticket',
    service: dimensions.service ?? '',
    ...placeOf(dimensions),
    summary: String(summary ?? ''),
    meaning: alert.meaning,
    evidence: of,
    sinceMs: startMs,
    finding: id,
    incident: dimensions.incident ?? '',
    isInhibited,
  };
}

/** Goes on with what the last process left open. */
const leftOpen = (engine: Engine, alerts: readonly Alert[], atMs: number): Promise<FindingKeeper> =>
  openFindingKeeper(
    engine,
    alerts.map(({ detector }) => detector),
    (finding) => {
      const alert = alertOf(alerts, finding);
      return alert && keyOf(alert.name, finding.dimensions);
    },
    atMs,
  );
