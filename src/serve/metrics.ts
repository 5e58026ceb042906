/** `/metrics`: the evaluator's counts, the collector's, and the process's own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Find } from '../collect/intake/scrub.ts';
import { METRICS } from '../names.ts';
import { KINDS } from '../privacy/detector.ts';
import type { AlertState } from '../slo/arithmetic/alert-state.ts';
import type { Slo } from '../slo/definition/openslo.ts';
import { BESIDE_ALERTS } from '../slo/evaluate/alerts/index.ts';
import type { ActiveAlert } from '../slo/evaluate/companion-watch.ts';
import type { Evaluation } from '../slo/evaluate/evaluator.ts';
import { type Cause, causeName } from '../slo/inquiry/explain.ts';
import { type DiskUse, secondsUntilFull, type TableUse } from '../store/upkeep/disk.ts';
import { type CoreSource, showCore } from './core/metrics.ts';

/** Gauges of the default set whose names break the naming rules of Prometheus; `promtool check metrics` refuses them. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
const ALERT_STATES = ['inactive', 'firing', 'too_few', 'no_traffic', 'frozen', 'maintenance'] as const satisfies AlertState[];
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Metrics {
  registry: Registry;
  /** Shows the counts of an evaluation. */
  show(evaluation: Evaluation, slos: readonly Slo[]): void;
  /** Shows the alerts beside the burn rates that fire. */
  showAlerts(active: readonly ActiveAlert[]): void;
  /** Shows what leads the failures of SLOs that burn. */
  showCauses(causes: ReadonlyMap<string, Cause>): void;
  countEvents(source: string, result: 'accepted' | 'duplicate' | 'rejected', count: number): void;
  /** Counts what was left out of free text, by kind. */
  countRedactions(finds: readonly Find[]): void;
  observeIntake(seconds: number): void;
  observeRequest(operation: string, seconds: number): void;
}

/** Values of a label beyond this many are `other`. */
const MAX_LABEL_VALUES = 50;

/** Lets the first values of a label through, by their order of arrival. */
function boundedLabel(): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (!seen.has(value) && seen.size >= MAX_LABEL_VALUES) return 'other';
    seen.add(value);
    return value;
  };
}

export interface OpenFindings {
  detector: string;
  severity: string;
  count: number;
}

/** Shown at 0 while nothing of theirs is open. */
const DETECTORS = [...BESIDE_ALERTS.map(({ detector }) => detector), 'secret_exposure', 'log_damage'];

/** A registry of its own, so that tests and processes do not share one. */
export function createMetrics(deps: {
  lagSeconds: () => number;
  /** Open findings, counted in the table; undefined while the store is opening. */
  openFindings: () => Promise<readonly OpenFindings[] | undefined>;
  /** Events of closed minutes since the process started. */
  lateEvents?: () => number;
  sizes?: SizeSources;
  core?: () => CoreSource | undefined;
}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const registers = [registry];
  const windowEvents = new Gauge({
    name: METRICS.sloWindowEvents,
    help: 'Counts per window as the evaluator used them.',
    labelNames: ['slo', 'window', 'outcome'],
    registers,
  });
  const objective = new Gauge({ name: METRICS.sloObjectiveRatio, help: 'Objective of each SLO.', labelNames: ['slo'], registers });
  const burn = new Gauge({
    name: METRICS.sloBurnRate,
    help: 'Burn rate per window: error ratio over what the objective allows.',
    labelNames: ['slo', 'window'],
    registers,
  });
  const budget = new Gauge({
    name: METRICS.sloErrorBudgetRemaining,
    help: 'Share of the error budget left over the window of the SLO.',
    labelNames: ['slo'],
    registers,
  });
  const coverage = new Gauge({
    name: METRICS.sloCoverageRatio,
    help: 'Share of the minutes of a window in which the collector worked.',
    labelNames: ['slo', 'window'],
    registers,
  });
  const maintenance = new Gauge({ name: METRICS.sloMaintenance, help: '1 while maintenance lasts.', labelNames: ['slo'], registers });
  const alertState = new Gauge({
    name: METRICS.sloAlertState,
    help: '1 for the state that a window pair is in.',
    labelNames: ['slo', 'pair', 'severity', 'state'],
    registers,
  });
  const leadingCause = new Gauge({
    name: METRICS.sloLeadingCause,
    help: 'Share of the excess failures that the leading cause of a burning SLO accounts for.',
    labelNames: ['slo', 'cause'],
    registers,
  });
  const alertActive = new Gauge({
    name: METRICS.alertActive,
    help: '1 while an alert beside the burn rates fires.',
    labelNames: ['alert', 'severity', 'service', 'provider', 'region', 'deployment'],
    registers,
  });
  let active: readonly ActiveAlert[] = [];
  const bounded = boundedLabel();
  new Gauge({
    name: METRICS.findingsOpen,
    help: 'Open findings.',
    labelNames: ['detector', 'severity'],
    registers,
    async collect() {
      // What cannot be counted now stays what it was.
      const counted = await deps.openFindings().catch(() => undefined);
      if (!counted) return;
      this.reset();
      for (const detector of DETECTORS) for (const severity of ['page', 'ticket']) this.set({ detector, severity }, 0);
      for (const { detector, severity, count } of counted) this.set({ detector: bounded(detector), severity }, count);
    },
  });
  const sliEvents = new Counter({
    name: METRICS.sliEvents,
    help: 'Good and bad ones since the process started, as first settled.',
    labelNames: ['slo', 'outcome'],
    registers,
  });
  const collected = new Counter({
    name: METRICS.collectorEvents,
    help: 'Events by source and what became of them.',
    labelNames: ['source', 'result'],
    registers,
  });
  const redactions = new Counter({
    name: METRICS.collectorRedactions,
    help: 'Secrets and personal data that stood in free text and were left out, by kind.',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of Object.keys(KINDS)) redactions.inc({ kind }, 0);
  const intake = new Histogram({
    name: METRICS.collectorRequestDuration,
    help: 'Time from an intake request to its answer.',
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const requests = new Histogram({
    name: METRICS.apiRequestDuration,
    help: 'Time to serve requests of the enrollment API.',
    labelNames: ['operation'],
    buckets: LATENCY_BUCKETS,
    registers,
  });
  new Gauge({
    name: METRICS.collectorLag,
    help: 'How far the loader is behind the log.',
    registers,
    collect() {
      this.set(deps.lagSeconds());
    },
  });
  let told = 0;
  new Counter({
    name: METRICS.lateEvents,
    help: 'Events that came for minutes of which events were dropped: stored, and counted in no figure.',
    registers,
    collect() {
      const late = deps.lateEvents?.() ?? 0;
      this.inc(Math.max(0, late - told));
      told = late;
    },
  });
  if (deps.sizes) showSizes(registers, deps.sizes);
  if (deps.core) showCore(registers, deps.core);
  const pending = new Gauge({
    name: METRICS.pendingAttempts,
    help: 'Attempts that have started and neither ended nor passed their deadline.',
    registers,
  });
  return {
    registry,
    show(evaluation, slos) {
      pending.set(evaluation.pendingAttempts);
      burn.reset();
      budget.reset();
      for (const slo of slos) {
        const figure = evaluation.figures.bySlo.get(slo.name);
        const status = evaluation.statuses.find((each) => each.slo === slo.name);
        if (!figure || !status) continue;
        if (slo.objective !== null) objective.set({ slo: slo.name }, slo.objective);
        if (status.errorBudgetRemaining !== null) budget.set({ slo: slo.name }, status.errorBudgetRemaining);
        maintenance.set({ slo: slo.name }, Number(figure.isMaintenance));
        for (const [window, { good, total, usersBad }] of figure.windows) {
          const outcomes = { good, bad: total - good, users_bad: usersBad };
          for (const [outcome, count] of Object.entries(outcomes)) windowEvents.set({ slo: slo.name, window, outcome }, count);
          const rate = status.burnRates[window] ?? null;
          if (rate !== null) burn.set({ slo: slo.name, window }, rate);
          coverage.set({ slo: slo.name, window }, evaluation.figures.coverage.get(window) ?? 1);
        }
        for (const { pair, severity, state } of status.alerts) {
          for (const each of ALERT_STATES) alertState.set({ slo: slo.name, pair, severity, state: each }, Number(each === state));
        }
        const settled = evaluation.settled.get(slo.sli.id) ?? { good: 0, bad: 0 };
        for (const outcome of ['good', 'bad'] as const) sliEvents.inc({ slo: slo.name, outcome }, settled[outcome]);
      }
    },
    showAlerts(alerts) {
      active = alerts;
      alertActive.reset();
      const bounded = { provider: boundedLabel(), region: boundedLabel(), deployment: boundedLabel() };
      for (const { alert, severity, service, provider, region, deployment } of active) {
        const place = { provider: bounded.provider(provider), region: bounded.region(region), deployment: bounded.deployment(deployment) };
        alertActive.set({ alert, severity, service, ...place }, 1);
      }
    },
    showCauses(causes) {
      leadingCause.reset();
      for (const [slo, cause] of causes) leadingCause.set({ slo, cause: causeName(cause) }, cause.share);
    },
    countEvents: (source, result, count) => collected.inc({ source, result }, count),
    countRedactions: (finds) => {
      for (const { kind } of finds) redactions.inc({ kind });
    },
    observeIntake: (seconds) => intake.observe(seconds),
    observeRequest: (operation, seconds) => requests.observe({ operation }, seconds),
  };
}

const TABLES_EVERY_MS = 5 * 60_000;
/** A scrape waits no longer for the engine; what it says comes with a later one. */
const TABLES_WAIT_MS = 1_000;

export interface SizeSources {
  /** Of the data directory; undefined until the store is open, since 0 would be an alarm. */
  disk: () => Promise<DiskUse | undefined>;
  tables: () => Promise<(TableUse & { isOnDisk: boolean }) | undefined>;
}

function showSizes(registers: Registry[], { disk, tables }: SizeSources): void {
  let known: Awaited<ReturnType<SizeSources['tables']>>;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  const tablesNow = async () => {
    if (asking === undefined && performance.now() - askedAtMs > TABLES_EVERY_MS) {
      asking = tables().then(
        (use) => {
          known = use;
          if (use) askedAtMs = performance.now();
        },
        () => {},
      );
      void asking.finally(() => {
        asking = undefined;
      });
    }
    if (asking) await Promise.race([asking, sleep(TABLES_WAIT_MS)]);
    return known;
  };
  const gauge = (name: string, help: string, value: () => Promise<number | undefined>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set((await value()) ?? Number.NaN);
      },
    });
  gauge(METRICS.diskFree, 'Bytes that the disk of the data directory has left.', async () => (await disk())?.freeBytes);
  gauge(METRICS.logBytes, 'Bytes of the log that are not loaded yet.', async () => (await disk())?.logBytes);
  gauge(METRICS.tableBytes, 'Bytes that the tables take.', async () => (await tablesNow())?.tableBytes);
  gauge(METRICS.diskFull, 'Seconds until the disk is full at the pace of the last day; +Inf when nothing grows on it.', async () => {
    const [use, grown] = [await disk(), await tablesNow()];
    return use && grown && secondsUntilFull(use, grown.isOnDisk ? grown.grownBytesPerDay : 0);
  });
}
