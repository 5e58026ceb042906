/** Watches the alerts beside the burn rates: what holds is a finding and a metric, until it has not held for a while. */
import type { Engine } from '../../store/engine/engine.ts';
import { closed, kept, opened } from '../../store/records/finding-life.ts';
import { type Finding, openFindings, writeFindings } from '../../store/records/findings.ts';
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

interface Watched {
  active: ActiveAlert;
  finding: Finding;
  lastSeenMs: number;
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
  let watched: Map<string, Watched> | undefined;
  /** Findings that could not be written down yet, by id. */
  const unwritten = new Map<string, Finding>();

  const lookAt = async (alert: Alert, evaluation: Evaluation): Promise<Condition[] | undefined> => {
    try {
      return await alert.check({ engine: deps.engine, slos: deps.slos, thresholdsOf, atMs: evaluation.atMs, evaluation });
    } catch (error) {
      deps.onProblem(`${alert.name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  return {
    active: () => [...(watched?.values() ?? [])].map(({ active }) => active),
    async look(evaluation) {
      watched ??= await leftOpen(deps.engine, deps.alerts, evaluation.atMs);
      const { atMs } = evaluation;
      const next = new Map(watched);
      const changed: Finding[] = [];
      const isMuted = (await maintenanceIn(deps.engine.session('evaluate'), atMs, atMs + 1)).some(({ slo }) => slo === '*');
      // Nothing resolves on what was not seen.
      const canResolve = (evaluation.figures.coverage.get('5m') ?? 1) >= MIN_COVERAGE;
      for (const alert of deps.alerts) {
        const conditions = isMuted ? [] : await lookAt(alert, evaluation);
        if (!conditions) continue;
        const here = new Set<string>();
        for (const condition of conditions.slice(0, MAX_CONDITIONS)) {
          const key = keyOf(alert.name, condition);
          here.add(key);
          const before = next.get(key);
          const now = seen(alert, condition, service, before, atMs);
          next.set(key, now);
          if (!before || JSON.stringify(before.finding) !== JSON.stringify(now.finding)) changed.push(now.finding);
        }
        for (const [key, each] of next) {
          if (each.active.alert !== alert.name || here.has(key)) continue;
          // An incident is open or over: it does not flicker, and ends by what was seen itself.
          const endsAtOnce = isMuted || each.active.incident !== '';
          const mayEnd = canResolve || alert.detector === 'telemetry_stale';
          if (!endsAtOnce && (!mayEnd || atMs - each.lastSeenMs < KEEP_MS)) continue;
          next.delete(key);
          changed.push(closed(each.finding, each.lastSeenMs));
        }
      }
      for (const finding of changed) unwritten.set(finding.id, finding);
      watched = next;
      try {
        await writeFindings(deps.engine, [...unwritten.values()], deps.now());
        unwritten.clear();
      } catch (error) {
        // Whoever has to be told is told; it is written down with the next evaluation.
        deps.onProblem(`findings cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      }
      return [...watched.values()].map(({ active }) => active);
    },
  };
}

/** All labels of a place; those that do not apply are empty. */
const placeOf = (of: Place): Record<PlaceLabel, string> =>
  Object.fromEntries(PLACE_LABELS.map((name) => [name, of[name] ?? ''])) as Record<PlaceLabel, string>;

const keyOf = (alert: string, { incident = '', ...condition }: Place & { incident?: string }): string =>
  JSON.stringify([alert, ...(incident === '' ? Object.values(placeOf(condition)) : [incident])]);

function seen(alert: Alert, condition: Condition, service: string, before: Watched | undefined, atMs: number): Watched {
  const isWorst = !before || alert.weight(condition.evidence) >= alert.weight(before.active.evidence);
  const { summary, evidence } = isWorst ? condition : before.active;
  const { incident = '' } = condition;
  const place = placeOf(before && incident !== '' ? before.active : condition);
  const dimensions = Object.fromEntries(Object.entries({ service, ...place, incident }).filter(([, value]) => value !== ''));
  const now = { severity: condition.severity, evidence: { ...evidence, summary } };
  const { kind, detector } = alert;
  const finding = before
    ? { ...kept(before.finding, now), dimensions }
    : opened({ kind, detector, dimensions, place: [...Object.values(place), incident], ...now }, atMs);
  return { active: activeOf(alert, finding, condition.isInhibited), finding, lastSeenMs: atMs };
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

/** Findings of the last process that are still open. */
async function leftOpen(engine: Engine, alerts: readonly Alert[], atMs: number): Promise<Map<string, Watched>> {
  const open = await openFindings(
    engine,
    alerts.map(({ detector }) => detector),
  );
  const watched = new Map<string, Watched>();
  for (const finding of open) {
    const alert = alerts.find(({ detector }) => detector === finding.detector);
    if (!alert) continue;
    const active = activeOf(alert, finding);
    watched.set(keyOf(alert.name, active), { active, finding, lastSeenMs: atMs });
  }
  return watched;
}
