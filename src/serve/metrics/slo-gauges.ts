/** SLOs as the evaluator counted them: the figures on which it decided, and no others. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { METRICS } from '../../names.ts';
import type { AlertState } from '../../slo/arithmetic/episode.ts';
import type { Slo } from '../../slo/definition/openslo.ts';
import type { Evaluation } from '../../slo/evaluate/evaluator.ts';
import { type Cause, causeName } from '../../slo/inquiry/explain.ts';
import type { WindowFigures } from '../../slo/measure/figures.ts';
import type { SloStatus } from '../../slo/measure/status.ts';

const ALERT_STATES = ['inactive', 'firing', 'joined', 'too_few', 'no_traffic', 'frozen', 'maintenance'] as const satisfies AlertState[];

/** Registers what is shown of SLOs: windows and budgets, the states of their alerts, what leads their failures. */
export function showSlos(registers: Registry[]) {
  const windows = windowGauges(registers);
  const objectives = objectiveGauges(registers);
  const evaluated = new Gauge({
    name: METRICS.sloEvaluated,
    help: 'End of the windows of the last evaluation, in seconds since 1970.',
    registers,
  });
  const pending = new Gauge({
    name: METRICS.pendingAttempts,
    help: 'Attempts that have started and neither ended nor passed their deadline.',
    registers,
  });
  const settledEvents = new Counter({
    name: METRICS.sliEvents,
    help: 'Good and bad ones since the process started, as first settled.',
    labelNames: ['slo', 'outcome'],
    registers,
  });
  const leadingCause = new Gauge({
    name: METRICS.sloLeadingCause,
    help: 'Share of the excess failures that the leading cause of a burning SLO accounts for.',
    labelNames: ['slo', 'cause'],
    registers,
  });
  return {
    /** Shows the counts of an evaluation. */
    show(evaluation: Evaluation, slos: readonly Slo[]): void {
      evaluated.set(evaluation.atMs / 1_000);
      pending.set(evaluation.pendingAttempts);
      windows.reset();
      objectives.reset();
      for (const slo of slos) {
        const figures = evaluation.figures.bySlo.get(slo.name);
        const status = evaluation.statuses.find((each) => each.slo === slo.name);
        if (!figures || !status) continue;
        windows.show(figures, status, evaluation.figures.coverage);
        objectives.show(figures, status);
        const settled = evaluation.settled.get(slo.sli.id) ?? { good: 0, bad: 0 };
        for (const outcome of ['good', 'bad'] as const) settledEvents.inc({ slo: slo.name, outcome }, settled[outcome]);
      }
    },
    /** Shows what leads the failures of SLOs that burn. */
    showCauses(causes: ReadonlyMap<string, Cause>): void {
      leadingCause.reset();
      for (const [slo, cause] of causes) leadingCause.set({ slo, cause: causeName(cause) }, cause.share);
    },
  };
}

function windowGauges(registers: Registry[]) {
  const events = new Gauge({
    name: METRICS.sloWindowEvents,
    help: 'Counts per window as the evaluator used them.',
    labelNames: ['slo', 'window', 'outcome'],
    registers,
  });
  const burnRate = new Gauge({
    name: METRICS.sloBurnRate,
    help: 'Burn rate per window: error ratio over what the objective allows.',
    labelNames: ['slo', 'window'],
    registers,
  });
  const coverage = new Gauge({
    name: METRICS.sloCoverageRatio,
    help: 'Share of the minutes of a window in which the collector worked.',
    labelNames: ['slo', 'window'],
    registers,
  });
  return {
    reset: () => burnRate.reset(),
    show({ windows }: WindowFigures, { slo, burnRates }: SloStatus, covered: ReadonlyMap<string, number>): void {
      for (const [window, { good, total, usersBad }] of windows) {
        const outcomes = { good, bad: total - good, users_bad: usersBad };
        for (const [outcome, count] of Object.entries(outcomes)) events.set({ slo, window, outcome }, count);
        const rate = burnRates[window] ?? null;
        if (rate !== null) burnRate.set({ slo, window }, rate);
        coverage.set({ slo, window }, covered.get(window) ?? 1);
      }
    },
  };
}

function objectiveGauges(registers: Registry[]) {
  const objective = new Gauge({ name: METRICS.sloObjectiveRatio, help: 'Objective of each SLO.', labelNames: ['slo'], registers });
  const budget = new Gauge({
    name: METRICS.sloErrorBudgetRemaining,
    help: 'Share of the error budget left over the window of the SLO.',
    labelNames: ['slo'],
    registers,
  });
  const maintenance = new Gauge({ name: METRICS.sloMaintenance, help: '1 while maintenance lasts.', labelNames: ['slo'], registers });
  const alertState = new Gauge({
    name: METRICS.sloAlertState,
    help: '1 for the state that a window pair is in.',
    labelNames: ['slo', 'pair', 'severity', 'state'],
    registers,
  });
  const evidence = new Gauge({
    name: METRICS.sloEvidence,
    help: 'Failures of the long window, and their different users, that counted as evidence: new since the last episode of alerts ended.',
    labelNames: ['slo', 'pair', 'outcome'],
    registers,
  });
  return {
    reset: () => budget.reset(),
    show({ isMaintenance }: WindowFigures, status: SloStatus): void {
      const { slo, errorBudgetRemaining, alerts } = status;
      if (status.objective !== null) objective.set({ slo }, status.objective);
      if (errorBudgetRemaining !== null) budget.set({ slo }, errorBudgetRemaining);
      maintenance.set({ slo }, Number(isMaintenance));
      for (const { pair, severity, state, evidence: counted } of alerts) {
        for (const each of ALERT_STATES) alertState.set({ slo, pair, severity, state: each }, Number(each === state));
        evidence.set({ slo, pair, outcome: 'bad' }, counted.bad);
        evidence.set({ slo, pair, outcome: 'users_bad' }, counted.usersBad);
      }
    },
  };
}
