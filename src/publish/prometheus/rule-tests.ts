/** promtool unit tests for the generated rules: when each alert fires, when it stays silent, and what no data does. */
import { stringify } from 'yaml';
import { ALERTS, METRICS, type WindowName } from '../../names.ts';
import { MIN_BAD, MIN_USERS } from '../../slo/burn.ts';
import type { Slo } from '../../slo/openslo.ts';
import type { Pair } from '../../slo/pairs.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';
import { burnAlert, EVALUATION_SECONDS, type Links, RULES_FILE } from './rules.ts';

/** Each phase of a test lasts this many minutes: quiet, burning, quiet again. */
const PHASE_MINUTES = 5;
const TOTAL = 10_000;

interface WindowCounts {
  good: number;
  bad: number;
  usersBad: number;
}

const HEALTHY: WindowCounts = { good: TOTAL, bad: 0, usersBad: 0 };

interface Case {
  name: string;
  long: WindowCounts;
  short: WindowCounts;
  fires: boolean;
}

/** Burning counts, and each way in which one condition alone is missing. */
function casesOf(slo: Slo, pair: Pair): Case[] {
  const limit = pair.fittedFactor * (1 - slo.objective);
  const bad = Math.ceil(TOTAL * Math.min(1, limit * 1.2));
  const burning: WindowCounts = { good: TOTAL - bad, bad, usersBad: 50 };
  const below = Math.floor(TOTAL * limit * 0.9);
  return [
    { name: 'both windows burn', long: burning, short: burning, fires: true },
    {
      name: 'the long window burns below the factor',
      long: { good: TOTAL - below, bad: below, usersBad: 50 },
      short: burning,
      fires: false,
    },
    { name: 'the short window has recovered', long: burning, short: HEALTHY, fires: false },
    { name: 'the short window has no traffic', long: burning, short: { good: 0, bad: 0, usersBad: 0 }, fires: false },
    { name: 'too few users are hit', long: { ...burning, usersBad: MIN_USERS - 1 }, short: burning, fires: false },
    {
      name: 'too few failures',
      long: { good: 0, bad: MIN_BAD - 1, usersBad: MIN_BAD - 1 },
      short: { good: 0, bad: 1, usersBad: 1 },
      fires: false,
    },
  ];
}

function inputSeries(slo: Slo, window: WindowName, counts: WindowCounts) {
  const values = { good: counts.good, bad: counts.bad, users_bad: counts.usersBad };
  const quiet = { good: HEALTHY.good, bad: HEALTHY.bad, users_bad: HEALTHY.usersBad };
  return (Object.keys(values) as (keyof typeof values)[]).map((outcome) => ({
    series: `${METRICS.sloWindowEvents}{slo="${slo.name}",window="${window}",outcome="${outcome}"}`,
    values: `${quiet[outcome]}x${PHASE_MINUTES - 1} ${values[outcome]}x${PHASE_MINUTES - 1} ${quiet[outcome]}x${PHASE_MINUTES - 1}`,
  }));
}

function testOf(slo: Slo, pair: Pair, test: Case, links: Links) {
  const rule = burnAlert(slo, pair, links);
  const burn = test.long.bad / (test.long.good + test.long.bad) / (1 - slo.objective);
  const fired = {
    exp_labels: rule.labels,
    exp_annotations: { ...rule.annotations, summary: (rule.annotations.summary ?? '').replace(/\{\{.*\}\}/, burn.toFixed(1)) },
  };
  return {
    name: `${slo.name}, pair ${pair.name} (${pair.severity}, ${pair.long} and ${pair.short}): ${test.name}`,
    interval: '1m',
    input_series: [...inputSeries(slo, pair.long, test.long), ...inputSeries(slo, pair.short, test.short)],
    alert_rule_test: Array.from({ length: 3 * PHASE_MINUTES }, (_, minute) => {
      const isBurning = test.fires && minute >= PHASE_MINUTES && minute < 2 * PHASE_MINUTES;
      return { eval_time: `${minute}m`, alertname: ALERTS.errorBudgetBurn, exp_alerts: isBurning ? [fired] : [] };
    }),
  };
}

/** The tests of {@link prometheusRules}, minute by minute. */
export function prometheusRuleTests(slos: readonly Slo[], links: Links): GeneratedFile {
  const tests = slos.flatMap((slo) => slo.pairs.flatMap((pair) => casesOf(slo, pair).map((test) => testOf(slo, pair, test, links))));
  const silent = {
    name: 'nothing is scraped',
    interval: '1m',
    input_series: [],
    alert_rule_test: [{ eval_time: '30m', alertname: ALERTS.errorBudgetBurn, exp_alerts: [] }],
  };
  const file = { rule_files: [RULES_FILE], evaluation_interval: `${EVALUATION_SECONDS}s`, tests: [...tests, silent] };
  return {
    path: `alerts/prometheus/${RULES_FILE.replace('.rules.', '.test.')}`,
    text: `# ${GENERATED_NOTE}\n${stringify(file, { lineWidth: 0, aliasDuplicateObjects: false })}`,
  };
}
