/** Prometheus rules over the window gauges of `/metrics`: the evaluator's counts, decided on by expressions of Prometheus's own. */
import { stringify } from 'yaml';
import { ALERTS, METRICS, WINDOW_NAMES, type WindowName } from '../../names.ts';
import { MIN_BAD, MIN_USERS, WILSON_Z } from '../../slo/burn.ts';
import type { Slo } from '../../slo/openslo.ts';
import { outageMinutes, type Pair } from '../../slo/pairs.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';

/** How often Prometheus evaluates the rules; the evaluator's counts are renewed as often. */
export const EVALUATION_SECONDS = 15;

export interface Links {
  /** Where people reach Muster. @default http://localhost:8686 */
  baseUrl: string;
}

interface RecordingRule {
  record: string;
  expr: string;
}

export interface AlertingRule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

const events = (window: WindowName, outcome: 'good' | 'bad' | 'users_bad') =>
  `max by (slo) (${METRICS.sloWindowEvents}{window="${window}",outcome="${outcome}"})`;

const recorded = {
  total: (window: WindowName) => `slo:sli_events:total${window}`,
  errorRatio: (window: WindowName) => `slo:sli_error:ratio_rate${window}`,
  lowerBound: (window: WindowName) => `slo:sli_error:wilson_lower${window}`,
};

/** Total, error ratio and its Wilson lower bound per window; none where the window saw no traffic. */
function recordingRules(): RecordingRule[] {
  const z2 = WILSON_Z * WILSON_Z;
  return WINDOW_NAMES.flatMap((window) => {
    const ratio = recorded.errorRatio(window);
    const total = recorded.total(window);
    return [
      { record: total, expr: `(${events(window, 'good')} + ${events(window, 'bad')}) > 0` },
      { record: ratio, expr: `${events(window, 'bad')} / ${total}` },
      {
        record: recorded.lowerBound(window),
        expr: `(${ratio} + ${z2} / (2 * ${total}) - ${WILSON_Z} * sqrt((${ratio} * (1 - ${ratio}) + ${z2} / (4 * ${total})) / ${total})) / (1 + ${z2} / ${total})`,
      },
    ];
  });
}

/** One alert per SLO and window pair: both windows above the fitted factor, and the evidence holds. */
export function burnAlert(slo: Slo, pair: Pair, links: Links): AlertingRule {
  const of = (name: string) => `${name}{slo="${slo.name}"}`;
  const burnsIn = (window: WindowName) => `${of(recorded.errorRatio(window))} / (1 - ${slo.objective}) > ${pair.fittedFactor}`;
  const count = (outcome: 'bad' | 'users_bad') =>
    `max by (slo) (${METRICS.sloWindowEvents}{slo="${slo.name}",window="${pair.long}",outcome="${outcome}"})`;
  const fit = pair.isFitted
    ? `; the factor ${number(pair.factor)} was fitted to ${number(pair.fittedFactor)}, since an error ratio cannot exceed 1`
    : '';
  return {
    alert: ALERTS.errorBudgetBurn,
    expr: [
      burnsIn(pair.long),
      `and ${burnsIn(pair.short)}`,
      `and ${count('bad')} >= ${MIN_BAD}`,
      `and ${count('users_bad')} >= ${MIN_USERS}`,
      `and ${of(recorded.lowerBound(pair.long))} > (1 - ${slo.objective})`,
    ].join('\n'),
    labels: {
      slo: slo.name,
      service: slo.service,
      severity: pair.severity,
      pair: pair.name,
      long_window: pair.long,
      short_window: pair.short,
    },
    annotations: {
      summary: `${slo.title} burns its error budget {{ $value | printf "%.1f" }} times as fast as allowed`,
      description: `Over ${pair.long} and ${pair.short} the error ratio of ${slo.name} (${slo.sli.id}, ${slo.sli.meaning}) is more than ${number(pair.fittedFactor)} times what the objective of ${percent(slo.objective)} allows; a total outage fires this after ${outageMinutes(pair)} min${fit}.`,
      runbook_url: `${links.baseUrl}/runbooks/error-budget-burn`,
      dashboard_url: `${links.baseUrl}/overview`,
    },
  };
}

const number = (value: number) => String(Number(value.toPrecision(3)));
const percent = (ratio: number) => `${Number((ratio * 100).toPrecision(6))} %`;

export const RULES_FILE = 'muster-slo.rules.yaml';

/** The rules file for these SLOs. */
export function prometheusRules(slos: readonly Slo[], links: Links): GeneratedFile {
  const alerts = slos.flatMap((slo) => slo.pairs.map((pair) => burnAlert(slo, pair, links)));
  // One group: its rules run in order, so that an alert decides on ratios of the same moment.
  const groups = [{ name: 'muster-slo', interval: `${EVALUATION_SECONDS}s`, rules: [...recordingRules(), ...alerts] }];
  return { path: `alerts/prometheus/${RULES_FILE}`, text: `# ${GENERATED_NOTE}\n${stringify({ groups }, { lineWidth: 0 })}` };
}
