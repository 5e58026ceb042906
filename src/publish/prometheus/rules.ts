/** Prometheus rules over the window gauges of `/metrics`: the evaluator's counts, decided on by expressions of Prometheus's own. */
import { stringify } from 'yaml';
import { ALERTS, METRICS, WINDOW_NAMES } from '../../names.ts';
import { MIN_BAD, MIN_SLICES, MIN_USERS, wilsonLowerExpression } from '../../slo/arithmetic/burn.ts';
import { MIN_COVERAGE } from '../../slo/arithmetic/episode.ts';
import { burnLabels, outageMinutes, type Pair } from '../../slo/arithmetic/pairs.ts';
import { judgedOf, type Slo } from '../../slo/definition/openslo.ts';
import type { Alert } from '../../slo/evaluate/alerts/alert.ts';
import { BESIDE_ALERTS } from '../../slo/evaluate/alerts/index.ts';
import { runbookOf } from '../../slo/evaluate/notifications.ts';
import { knownId } from '../../slo/slis/sli.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';

/** How often Prometheus evaluates the rules; the evaluator's counts are renewed as often. */
export const EVALUATION_SECONDS = 15;

/** Rides out a restart. */
export const ABSENT_MINUTES = 3;
/** Evaluations move on with every minute: those that have stood still for so long are none. */
export const STUCK_MINUTES = 5;
const isThere = `max(${METRICS.sloEvaluated})`;

/** Stands for a burn rate of which nothing is known, since Muster is gone. */
const UNHEARD = -1;

/** The series of an alert that fired as Muster was last heard of, for as long as nothing is heard of it. */
const firedBefore = (labels: string, alert: string, selector = '') =>
  `max by (${labels}) (ALERTS{alertname="${alert}",alertstate="firing"${selector}}) unless on () ${isThere}`;

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
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

const events = (window: string, outcome: 'good' | 'bad' | 'users_bad') =>
  `max by (slo) (${METRICS.sloWindowEvents}{window="${window}",outcome="${outcome}"})`;

const recorded = {
  total: (window: string) => `slo:sli_events:total${window}`,
  errorRatio: (window: string) => `slo:sli_error:ratio_rate${window}`,
  evidenceRatio: ({ name, long }: Pair) => `slo:sli_evidence:ratio_pair${name}_${long}`,
  evidenceLower: ({ name, long }: Pair) => `slo:sli_evidence:wilson_lower_pair${name}_${long}`,
};

const evidence = ({ name }: Pair, outcome: 'bad' | 'users_bad') =>
  `max by (slo) (${METRICS.sloEvidence}{pair="${name}",outcome="${outcome}"})`;

/** Total and error ratio per window, and the evidence of each pair as a ratio of its long window with the Wilson lower bound; none without traffic. */
function recordingRules(slos: readonly Slo[]): RecordingRule[] {
  const pairs = slos.flatMap((slo) => slo.pairs);
  const windows = new Set<string>([...WINDOW_NAMES, ...pairs.flatMap(({ long, short }) => [long, short])]);
  const distinct = [...new Map(pairs.map((pair) => [recorded.evidenceRatio(pair), pair])).values()];
  return [...[...windows].flatMap(windowRules), ...distinct.flatMap(evidenceRules)];
}

function windowRules(window: string): RecordingRule[] {
  const total = recorded.total(window);
  return [
    { record: total, expr: `(${events(window, 'good')} + ${events(window, 'bad')}) > 0` },
    { record: recorded.errorRatio(window), expr: `${events(window, 'bad')} / ${total}` },
  ];
}

function evidenceRules(pair: Pair): RecordingRule[] {
  const ratio = recorded.evidenceRatio(pair);
  const total = recorded.total(pair.long);
  return [
    { record: ratio, expr: `${evidence(pair, 'bad')} / ${total}` },
    {
      record: recorded.evidenceLower(pair),
      expr: wilsonLowerExpression(ratio, total),
    },
  ];
}

/** What leads the failures while the alert lasts: it changes, and is no label. Nothing where no cause stands out. */
export const causeTemplate = (slo: Slo): string =>
  slo.sli.kind === 'ratio'
    ? `{{ with query "${METRICS.sloLeadingCause}{slo='${slo.name}'}" }}{{ with first . }} Leading: {{ .Labels.cause }} accounts for {{ .Value | humanizePercentage }} of the excess failures.{{ end }}{{ end }}`
    : '';

/**
 * One alert per SLO and window pair. It opens when the short window and the evidence over the long one burn above the fitted factor, the evidence holds,
 * the collector covered the windows, no maintenance lasts, and no other pair of the severity tells already; it stays while the evaluator holds it, and
 * while nothing is heard of Muster at all.
 */
export function burnAlert(slo: Slo, pair: Pair, links: Links): AlertingRule {
  const { objective, isSliced } = judgedOf(slo);
  const of = (name: string) => `${name}{slo="${slo.name}"}`;
  const burn = (name: string) => `${of(name)} / (1 - ${objective})`;
  const gauge = (metric: string, labels = '') => `max by (slo) (${metric}{slo="${slo.name}"${labels}})`;
  const count = (outcome: 'bad' | 'users_bad') => gauge(METRICS.sloEvidence, `,pair="${pair.name}",outcome="${outcome}"`);
  const covered = [pair.long, pair.short].map((window) => `${gauge(METRICS.sloCoverageRatio, `,window="${window}"`)} >= ${MIN_COVERAGE}`);
  const maintenance = gauge(METRICS.sloMaintenance);
  const opens = [
    `${burn(recorded.evidenceRatio(pair))} > ${pair.fittedFactor}`,
    `and ${burn(recorded.errorRatio(pair.short))} > ${pair.fittedFactor}`,
    `and ${count('bad')} >= ${MIN_BAD}`,
    isSliced ? `and ${of(recorded.total(pair.long))} >= ${MIN_SLICES}` : `and ${count('users_bad')} >= ${MIN_USERS}`,
    `and ${of(recorded.evidenceLower(pair))} > (1 - ${objective})`,
    ...covered.map((each) => `and ${each}`),
    `and ${maintenance} == 0`,
    `unless ${gauge(METRICS.sloAlertState, `,severity="${pair.severity}",pair!="${pair.name}",state="firing"`)} == 1`,
  ];
  const firing = gauge(METRICS.sloAlertState, `,pair="${pair.name}",state="firing"`);
  const holds = [`(${burn(recorded.errorRatio(pair.long))} and ${firing} == 1 or ${firing} == 1)`, `unless ${maintenance} == 1`];
  const stays = `${UNHEARD} * (${firedBefore('slo', ALERTS.errorBudgetBurn, `,slo="${slo.name}",pair="${pair.name}"`)})`;
  const fit = pair.isFitted
    ? `; the factor ${number(pair.factor)} was fitted to ${number(pair.fittedFactor)}, since an error ratio cannot exceed 1`
    : '';
  return {
    alert: ALERTS.errorBudgetBurn,
    expr: `(\n${opens.join('\n')}\n)\nor\n(\n${holds.join('\n')}\n)\nor\n${stays}`,
    labels: burnLabels(slo, pair),
    annotations: {
      summary: `${slo.title} {{ if ge $value 0.0 }}burns its error budget {{ $value | printf "%.1f" }} times as fast as allowed{{ else }}burned its error budget when Muster was last heard of{{ end }}`,
      description: `Over ${pair.long} and ${pair.short} the error ratio of ${slo.name} (${knownId(slo.sli)}, ${slo.sli.meaning}) is more than ${number(pair.fittedFactor)} times what the objective of ${percent(objective)} allows; a total outage fires this after ${outageMinutes(pair)} min${fit}.${causeTemplate(slo)}`,
      runbook_url: `${links.baseUrl}/runbooks/error-budget-burn`,
      dashboard_url: `${links.baseUrl}/slos/${slo.name}`,
    },
  };
}

/** The alerts beside the burn rates: decided by the evaluator, seen by Prometheus. */
export function besideAlert(alert: Alert, links: Links): AlertingRule {
  const labels = ['severity', 'service', ...alert.labels].join(', ');
  return {
    alert: alert.name,
    expr: `max by (${labels}) (${METRICS.alertActive}{alert="${alert.name}"}) == 1\nor\n${firedBefore(labels, alert.name)}`,
    // Severity, service and place come with the series.
    labels: {},
    annotations: {
      summary: `${alert.name} of {{ $labels.service }}${alert.labels.map((label) => `{{ with $labels.${label} }}, ${label} {{ . }}{{ end }}`).join('')}`,
      description: alert.meaning,
      runbook_url: `${links.baseUrl}/runbooks/${runbookOf(alert.name)}`,
      dashboard_url: `${links.baseUrl}${alert.page}`,
    },
  };
}

/** Muster itself is gone, or its evaluations stand still: nobody watches enrollment, and what fires stays as it was. */
export const absentAlert = (service: string, links: Links): AlertingRule => ({
  alert: ALERTS.monitoringAbsent,
  expr: `absent(${METRICS.sloEvaluated})\nor\nmax(changes(${METRICS.sloEvaluated}[${STUCK_MINUTES}m])) == 0`,
  for: `${ABSENT_MINUTES}m`,
  labels: { severity: 'page', service },
  annotations: {
    summary: `Nothing is heard of the Muster that watches ${service}`,
    description:
      'Muster cannot be scraped, or no longer evaluates: nobody watches enrollment. Alerts that fired before stay as they were until it is back.',
    runbook_url: `${links.baseUrl}/runbooks/${runbookOf(ALERTS.monitoringAbsent)}`,
    dashboard_url: `${links.baseUrl}/overview`,
  },
});

/** Services of these SLOs, once each. */
export const servicesOf = (slos: readonly Slo[]): string[] => [...new Set(slos.map(({ service }) => service))];

const number = (value: number) => String(Number(value.toPrecision(3)));
const percent = (ratio: number) => `${Number((ratio * 100).toPrecision(6))} %`;

export const RULES_FILE = 'muster-slo.rules.yaml';

/** The rules file for these SLOs. */
export function prometheusRules(slos: readonly Slo[], links: Links): GeneratedFile {
  const alerts = slos.flatMap((slo) => slo.pairs.map((pair) => burnAlert(slo, pair, links)));
  // One group: its rules run in order, so that an alert decides on ratios of the same moment.
  const groups = [
    { name: 'muster-slo', interval: `${EVALUATION_SECONDS}s`, rules: [...recordingRules(slos), ...alerts] },
    {
      name: 'muster-alerts',
      interval: `${EVALUATION_SECONDS}s`,
      rules: [
        ...BESIDE_ALERTS.map((alert) => besideAlert(alert, links)),
        ...servicesOf(slos).map((service) => absentAlert(service, links)),
      ],
    },
  ];
  return { path: `alerts/prometheus/${RULES_FILE}`, text: `# ${GENERATED_NOTE}\n${stringify({ groups }, { lineWidth: 0 })}` };
}
