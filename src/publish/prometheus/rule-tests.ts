/** promtool unit tests for the generated rules: when each alert fires, when it stays silent, and what no data does. */
import { stringify } from 'yaml';
import { ALERTS, METRICS } from '../../names.ts';
import { MIN_BAD, MIN_USERS } from '../../slo/arithmetic/burn.ts';
import type { Pair } from '../../slo/arithmetic/pairs.ts';
import { judgedOf, type Slo } from '../../slo/definition/openslo.ts';
import { type Alert, PLACE_LABELS } from '../../slo/evaluate/alerts/alert.ts';
import { BESIDE_ALERTS } from '../../slo/evaluate/alerts/index.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';
import {
  ABSENT_MINUTES,
  absentAlert,
  besideAlert,
  burnAlert,
  causeTemplate,
  EVALUATION_SECONDS,
  type Links,
  RULES_FILE,
  STUCK_MINUTES,
  servicesOf,
} from './rules.ts';

/** Each phase of a test lasts this many minutes: quiet, as the case says, quiet again. */
const PHASE_MINUTES = 4;
const TOTAL = 1_000_000;

interface WindowCounts {
  good: number;
  bad: number;
  usersBad: number;
}

const HEALTHY: WindowCounts = { good: TOTAL, bad: 0, usersBad: 0 };
const SILENT: WindowCounts = { good: 0, bad: 0, usersBad: 0 };

interface Case {
  name: string;
  long: WindowCounts;
  short: WindowCounts;
  fires: boolean;
  coverage?: number;
  isMaintenance?: boolean;
  /** What counts as evidence; what the long window says when not given. */
  evidence?: Pick<WindowCounts, 'bad' | 'usersBad'>;
  /** Whether the evaluator says that it fires. */
  isHeld?: boolean;
  /** Whether another pair of the severity tells already. */
  isTold?: boolean;
  /** Whether the evaluator has found what leads the failures. */
  hasCause?: boolean;
}

/** Burning counts, and each way in which one condition alone is missing. */
function casesOf(slo: Slo, pair: Pair): Case[] {
  const { objective, isSliced } = judgedOf(slo);
  const limit = pair.fittedFactor * (1 - objective);
  const bad = Math.ceil(TOTAL * Math.min(1, limit * 1.2));
  const burning: WindowCounts = { good: TOTAL - bad, bad, usersBad: 50 };
  const below = Math.floor(TOTAL * limit * 0.9);
  const long = burning;
  const short = burning;
  return [
    { name: 'both windows burn', long, short, fires: true },
    { name: 'both windows burn, and a provider leads', long, short, fires: true, hasCause: true },
    { name: 'the long window burns below the factor', long: { good: TOTAL - below, bad: below, usersBad: 50 }, short, fires: false },
    { name: 'the short window has recovered', long, short: HEALTHY, fires: false },
    { name: 'the short window has no traffic', long, short: SILENT, fires: false },
    { name: 'the failures belong to an episode that has ended', long, short, evidence: { bad: below, usersBad: 50 }, fires: false },
    { name: 'another pair tells already', long, short, isTold: true, fires: false },
    ...(isSliced ? [] : [{ name: 'too few users are hit', long: { ...burning, usersBad: MIN_USERS - 1 }, short, fires: false }]),
    {
      name: 'too few failures',
      long: { good: 0, bad: MIN_BAD - 1, usersBad: MIN_BAD - 1 },
      short: { good: 0, bad: 1, usersBad: 1 },
      fires: false,
    },
    { name: 'the collector saw too little', long, short, coverage: 0.89, fires: false },
    { name: 'maintenance lasts', long, short, isMaintenance: true, fires: false },
    { name: 'it fired, and traffic stops', long, short: SILENT, isHeld: true, fires: true },
    { name: 'it fired, and the collector stops', long, short: HEALTHY, coverage: 0.5, isHeld: true, fires: true },
    { name: 'it fired, and the flow works for a moment', long, short: HEALTHY, isHeld: true, fires: true },
    { name: 'it fired, and maintenance begins', long, short: SILENT, isHeld: true, isMaintenance: true, fires: false },
    { name: 'the evaluator ended it, and the long window remembers', long, short: HEALTHY, isHeld: false, fires: false },
  ];
}

/** The evaluations as Prometheus sees them go on. */
const evaluated = (values: string) => ({ series: METRICS.sloEvaluated, values });

/** A value before, during and after. */
const phases = (quiet: number, during: number) => [quiet, during, quiet].map((value) => `${value}x${PHASE_MINUTES - 1}`).join(' ');

function inputSeries(slo: Slo, pair: Pair, test: Case) {
  const windows = [
    [pair.long, test.long],
    [pair.short, test.short],
  ] as const;
  const coverage = test.coverage ?? 1;
  return [
    ...windows.flatMap(([window, counts]) => {
      const outcomes = { good: [HEALTHY.good, counts.good], bad: [0, counts.bad], users_bad: [0, counts.usersBad] } as const;
      return Object.entries(outcomes).map(([outcome, [quiet, during]]) => ({
        series: `${METRICS.sloWindowEvents}{slo="${slo.name}",window="${window}",outcome="${outcome}"}`,
        values: phases(quiet, during),
      }));
    }),
    ...windows.map(([window]) => ({
      series: `${METRICS.sloCoverageRatio}{slo="${slo.name}",window="${window}"}`,
      values: phases(1, coverage),
    })),
    ...(['bad', 'usersBad'] as const).map((key) => ({
      series: `${METRICS.sloEvidence}{slo="${slo.name}",pair="${pair.name}",outcome="${key === 'bad' ? 'bad' : 'users_bad'}"}`,
      values: phases(0, (test.evidence ?? test.long)[key]),
    })),
    { series: `${METRICS.sloMaintenance}{slo="${slo.name}"}`, values: phases(0, Number(test.isMaintenance ?? false)) },
    {
      series: `${METRICS.sloAlertState}{slo="${slo.name}",pair="${pair.name}",severity="${pair.severity}",state="firing"}`,
      values: phases(0, Number(test.isHeld ?? false)),
    },
    {
      series: `${METRICS.sloAlertState}{slo="${slo.name}",pair="other",severity="${pair.severity}",state="firing"}`,
      values: phases(0, Number(test.isTold ?? false)),
    },
    ...(test.hasCause
      ? [
          {
            series: `${METRICS.sloLeadingCause}{slo="${slo.name}",cause="provider sms-aurora and region eu-west"}`,
            values: `0.92x${3 * PHASE_MINUTES}`,
          },
        ]
      : []),
  ];
}

interface Subject {
  slo: Slo;
  pair: Pair;
}

/** Pairs whose windows do not meet are tested together: many rules in few runs. */
function apart(slos: readonly Slo[]): Subject[][] {
  const groups: { windows: Set<string>; subjects: Subject[] }[] = [];
  for (const slo of slos) {
    for (const pair of slo.pairs) {
      const windows = [pair.long, pair.short].map((window) => `${slo.name} ${window}`);
      let group = groups.find((each) => windows.every((window) => !each.windows.has(window)));
      if (!group) {
        group = { windows: new Set(), subjects: [] };
        groups.push(group);
      }
      for (const window of windows) group.windows.add(window);
      group.subjects.push({ slo, pair });
    }
  }
  return groups.map(({ subjects }) => subjects);
}

const summaryOf = ({ title }: Slo, burn: number) => `${title} burns its error budget ${burn.toFixed(1)} times as fast as allowed`;

function firedOf({ slo, pair }: Subject, test: Case, links: Links) {
  const rule = burnAlert(slo, pair, links);
  const burn = test.long.bad / (test.long.good + test.long.bad) / (1 - judgedOf(slo).objective);
  const summary = summaryOf(slo, burn);
  const cause =
    test.hasCause && causeTemplate(slo) !== ''
      ? ' Leading: provider sms-aurora and region eu-west accounts for 92% of the excess failures.'
      : '';
  const description = (rule.annotations.description ?? '').replace(causeTemplate(slo), cause);
  return { exp_labels: rule.labels, exp_annotations: { ...rule.annotations, summary, description } };
}

function testsOf(subjects: readonly Subject[], links: Links) {
  const cases = subjects.flatMap((subject) => casesOf(subject.slo, subject.pair).map((test) => ({ subject, test })));
  return [...Map.groupBy(cases, ({ test }) => test.name)].map(([name, of]) => {
    const series = new Map(
      of.flatMap(({ subject, test }) => inputSeries(subject.slo, subject.pair, test)).map((each) => [each.series, each]),
    );
    const fired = of.filter(({ test }) => test.fires).map(({ subject, test }) => firedOf(subject, test, links));
    return {
      name: `${name} (pairs ${[...new Set(of.map(({ subject }) => subject.pair.name))].join(', ')} of ${new Set(of.map(({ subject }) => subject.slo.name)).size} SLOs)`,
      interval: '1m',
      input_series: [...series.values(), evaluated(`0+60x${3 * PHASE_MINUTES}`)],
      alert_rule_test: Array.from({ length: 3 * PHASE_MINUTES }, (_, minute) => {
        const isMiddle = minute >= PHASE_MINUTES && minute < 2 * PHASE_MINUTES;
        return { eval_time: `${minute}m`, alertname: ALERTS.errorBudgetBurn, exp_alerts: isMiddle ? fired : [] };
      }),
    };
  });
}

function besideTest(alert: Alert, links: Links) {
  const place = alert.labels.slice(0, 2).map((label) => [label, `some-${label}`] as const);
  const labels = { severity: 'page', service: 'mfa-enrollment', ...Object.fromEntries(place) };
  const rule = besideAlert(alert, links);
  const summary = [`${alert.name} of mfa-enrollment`, ...place.map((each) => each.join(' '))].join(', ');
  const empty = Object.fromEntries(PLACE_LABELS.map((label) => [label, '']));
  const series = Object.entries({ alert: alert.name, ...empty, ...labels }).map(([name, value]) => `${name}="${value}"`);
  return {
    name: `${alert.name} fires while the evaluator says so`,
    interval: '1m',
    // Before and after, the series is not there at all.
    input_series: [{ series: `${METRICS.alertActive}{${series.join(',')}}`, values: '_ _ 1 1 stale' }, evaluated('0+60x8')],
    alert_rule_test: Array.from({ length: 8 }, (_, minute) => ({
      eval_time: `${minute}m`,
      alertname: alert.name,
      exp_alerts: minute >= 2 && minute < 4 ? [{ exp_labels: labels, exp_annotations: { ...rule.annotations, summary } }] : [],
    })),
  };
}

/** Muster dies while an alert of each kind fires, and comes back: neither ends by silence, and its own absence pages. */
function goneTest(slo: Slo, pair: Pair, alert: Alert, links: Links) {
  const burning = { name: 'burning', long: { good: 0, bad: TOTAL, usersBad: TOTAL }, short: { good: 0, bad: TOTAL, usersBad: TOTAL } };
  const gone = 12;
  const values = (before: string, after: string) => `${before} stale _x${gone - 1} ${after}`;
  const burn = firedOf({ slo, pair }, { ...burning, fires: true }, links);
  const unheard = `${slo.title} burned its error budget when Muster was last heard of`;
  const labels = { severity: 'page', service: slo.service };
  const beside = besideAlert(alert, links);
  const absent = absentAlert(slo.service, links);
  const at = (minute: number, alertname: string, exp_alerts: unknown[]) => ({ eval_time: `${minute}m`, alertname, exp_alerts });
  return {
    name: `Muster is gone for ${gone} minutes while pair ${pair.name} of ${slo.name} and ${alert.name} fire`,
    interval: '1m',
    input_series: [
      ...inputSeries(slo, pair, { ...burning, fires: true, isHeld: true }).map(({ series }) => {
        const isBad = /outcome="(?:bad|users_bad)"/.test(series);
        const [during, after] = /outcome="good"/.test(series)
          ? [0, TOTAL]
          : isBad
            ? [TOTAL, 0]
            : /state="firing"/.test(series)
              ? [Number(!/pair="other"/.test(series)), 0]
              : /coverage/.test(series)
                ? [1, 1]
                : [0, 0];
        return { series, values: values(`${during}x3`, `${after}x11`) };
      }),
      {
        series: `${METRICS.alertActive}{alert="${alert.name}",severity="page",service="${slo.service}",provider="",region="",deployment=""}`,
        values: values('1x3', '_x11'),
      },
      evaluated(values('0+60x3', `${(4 + gone) * 60}+60x11`)),
    ],
    alert_rule_test: Array.from({ length: gone + 12 }, (_, minute) => {
      const isTold = minute < 4 + gone;
      const summary = minute < 4 ? burn.exp_annotations.summary : unheard;
      return [
        at(minute, ALERTS.errorBudgetBurn, isTold ? [{ ...burn, exp_annotations: { ...burn.exp_annotations, summary } }] : []),
        at(
          minute,
          alert.name,
          isTold ? [{ exp_labels: labels, exp_annotations: { ...beside.annotations, summary: `${alert.name} of ${slo.service}` } }] : [],
        ),
        at(
          minute,
          ALERTS.monitoringAbsent,
          // Back again, its first sample shows no change yet.
          minute >= 4 + ABSENT_MINUTES && minute < 4 + gone + 1 ? [{ exp_labels: absent.labels, exp_annotations: absent.annotations }] : [],
        ),
      ];
    }).flat(),
  };
}

/** Muster answers, and its evaluations stand still. */
const stuckTest = (services: readonly string[], links: Links) => ({
  name: 'Muster answers, and no longer evaluates',
  interval: '1m',
  input_series: [evaluated('0+60x3 180x20')],
  alert_rule_test: Array.from({ length: 24 }, (_, minute) => ({
    eval_time: `${minute}m`,
    alertname: ALERTS.monitoringAbsent,
    exp_alerts:
      minute < 3 + STUCK_MINUTES + ABSENT_MINUTES
        ? []
        : services.map((service) => {
            const { labels, annotations } = absentAlert(service, links);
            return { exp_labels: labels, exp_annotations: annotations };
          }),
  })),
});

/** The tests of {@link prometheusRules}, minute by minute. */
export function prometheusRuleTests(slos: readonly Slo[], links: Links): GeneratedFile {
  const tests = apart(slos).flatMap((subjects) => testsOf(subjects, links));
  const beside = BESIDE_ALERTS.map((alert) => besideTest(alert, links));
  const silent = {
    name: 'nothing is scraped',
    interval: '1m',
    input_series: [],
    alert_rule_test: [{ eval_time: '30m', alertname: ALERTS.errorBudgetBurn, exp_alerts: [] }],
  };
  const [slo] = slos;
  const [pair] = slo?.pairs ?? [];
  const [alert] = BESIDE_ALERTS;
  const gone = slo && pair && alert ? [goneTest(slo, pair, alert, links)] : [];
  const tested = [...tests, ...beside, ...gone, stuckTest(servicesOf(slos), links), silent];
  const file = { rule_files: [RULES_FILE], evaluation_interval: `${EVALUATION_SECONDS}s`, tests: tested };
  return {
    path: `alerts/prometheus/${RULES_FILE.replace('.rules.', '.test.')}`,
    text: `# ${GENERATED_NOTE}\n${stringify(file, { lineWidth: 0, aliasDuplicateObjects: false })}`,
  };
}
