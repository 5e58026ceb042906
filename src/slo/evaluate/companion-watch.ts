/** Watches the alerts beside the burn rates: what holds is a finding and a metric, until it has not held for a while. */
import type { Engine } from '../../store/engine/engine.ts';
import { closed, kept, opened } from '../../store/records/finding-life.ts';
import { type Finding, openFindings, writeFindings } from '../../store/records/findings.ts';
import { maintenanceIn } from '../../store/records/maintenance.ts';
import { MIN_COVERAGE } from '../arithmetic/episode.ts';
import type { Severity } from '../arithmetic/pairs.ts';
import type { Slo } from '../definition/openslo.ts';
import type { Alert, Condition } from './alerts/alert.ts';
import { type Thresholds, thresholdsIn } from './alerts/thresholds.ts';
import type { Evaluation } from './evaluator.ts';

/** An alert that is not seen for so long has resolved: shorter gaps would notify twice. */
const KEEP_MS = 5 * 60_000;

/** One alert fires at so many places at most. */
const MAX_CONDITIONS = 100;

export interface ActiveAlert {
  alert: string;
  severity: Severity;
  service: string;
  provider: string;
  region: string;
  deployment: string;
  summary: string;
  meaning: string;
  evidence: Condition['evidence'];
  sinceMs: number;
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
      watched ??= await leftOpen(deps.engine, deps.alerts, service, evaluation.atMs);
      const { atMs } = evaluation;
      const next = new Map(watched);
      const changed: Finding[] = [];
      const isMuted = (await maintenanceIn(deps.engine.session('evaluate'), atMs, atMs + 1)).some(({ slo }) => slo === '*');
      // Nothing resolves on what was not seen.
      const canResolve = (evaluation.figures.coverage.get('5m') ?? 1) >= MIN_COVERAGE;
      for (const alert of deps.alerts) {
        const conditions = isMuted ? [] : await lookAt(alert, evaluation);
        if (!conditions) continue;
        for (const condition of conditions.slice(0, MAX_CONDITIONS)) {
          const key = keyOf(alert.name, condition);
          const before = next.get(key);
          const now = seen(alert, condition, service, before, atMs);
          next.set(key, now);
          if (!before || JSON.stringify(before.finding) !== JSON.stringify(now.finding)) changed.push(now.finding);
        }
        for (const [key, each] of next) {
          const isOurs = each.active.alert === alert.name;
          const mayEnd = canResolve || isMuted || alert.detector === 'telemetry_stale';
          if (!isOurs || !mayEnd || (!isMuted && atMs - each.lastSeenMs < KEEP_MS)) continue;
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

const keyOf = (alert: string, { provider = '', region = '', deployment = '' }: Partial<Condition>): string =>
  JSON.stringify([alert, provider, region, deployment]);

function seen(alert: Alert, condition: Condition, service: string, before: Watched | undefined, atMs: number): Watched {
  const { provider = '', region = '', deployment = '' } = condition;
  const isWorst = !before || alert.weight(condition.evidence) >= alert.weight(before.active.evidence);
  const { summary, evidence } = isWorst ? condition : before.active;
  const labels = { service, provider, region, deployment };
  const dimensions = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
  const now = { severity: condition.severity, evidence: { ...evidence, summary } };
  const { kind, detector } = alert;
  const finding = before
    ? { ...kept(before.finding, now), dimensions }
    : opened({ kind, detector, dimensions, place: [provider, region, deployment], ...now }, atMs);
  const severity = finding.severity === 'page' ? 'page' : 'ticket';
  return {
    active: { alert: alert.name, severity, ...labels, summary, meaning: alert.meaning, evidence, sinceMs: finding.startMs },
    finding,
    lastSeenMs: atMs,
  };
}

/** Findings of the last process that are still open. */
async function leftOpen(engine: Engine, alerts: readonly Alert[], service: string, atMs: number): Promise<Map<string, Watched>> {
  const open = await openFindings(
    engine,
    alerts.map(({ detector }) => detector),
  );
  const watched = new Map<string, Watched>();
  for (const finding of open) {
    const alert = alerts.find(({ detector }) => detector === finding.detector);
    if (!alert) continue;
    const { provider = '', region = '', deployment = '' } = finding.dimensions;
    const { summary, ...evidence } = finding.evidence as Condition['evidence'];
    const active: ActiveAlert = {
      alert: alert.name,
      severity: finding.severity === 'page' ? 'page' : 'ticket',
      service,
      provider,
      region,
      deployment,
      summary: String(summary ?? ''),
      meaning: alert.meaning,
      evidence,
      sinceMs: finding.startMs,
    };
    watched.set(keyOf(alert.name, active), { active, finding, lastSeenMs: atMs });
  }
  return watched;
}
