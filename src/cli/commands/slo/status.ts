/** `muster slo status` */
import type { Command } from 'commander';
import { timesToExplain } from '../../../slo/inquiry/explain.ts';
import { burnClauses } from '../../../slo/measure/alert-words.ts';
import { toMinute } from '../../../slo/measure/figures.ts';
import { type SloReport, sloReport } from '../../../slo/measure/report.ts';
import { burning, type SloAlert } from '../../../slo/measure/status.ts';
import { companionWords } from '../../../slo/wording/companion-counts.ts';
import { countWords } from '../../../slo/wording/count-words.ts';
import { budgetOf, stateOf } from '../../../slo/wording/verdict.ts';
import { ask, type Colour, type Context, coloured, configOf, print, printJson, throughEither, timeOption } from '../../context.ts';
import { budgetText, burnText, countText, decimalsOf, momentText, objectiveText, percentText, sparkline } from '../../figures.ts';

export function statusCommand(slo: Command, context: Context): void {
  slo
    .command('status')
    .description('Objective, budget, burn rates and alerts of every SLO.')
    .option('--at <time>', 'as of this moment, by event time (RFC 3339; default now)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON, unrounded')
    .addHelpText('after', '\nExample:\n  $ muster slo status --at 2026-11-24T12:00:00Z --json')
    .action(async (options: { at?: string; data?: string; json?: boolean }) => {
      const atMs = timeOption('--at', options.at) ?? context.now();
      const reports = await throughEither(
        context,
        configOf(context, options),
        (url) =>
          ask<SloReport[]>(`${url}/api/slos?${options.at === undefined ? '' : `at=${encodeURIComponent(new Date(atMs).toISOString())}`}`),
        (services) => sloReport(services.store.engine, services.slos, atMs),
        { mayCreate: false },
      );
      if (options.json) printJson(context, reports);
      else for (const report of reports) print(context, statusText(context, report, { ...options, atMs }));
    });
}

const WORDS = {
  page: 'Paging',
  ticket: 'Ticket',
  too_few: 'Too few events',
  no_traffic: 'No data',
  frozen: 'Frozen',
  maintenance: 'Maintenance',
  missed: 'Objective missed',
  healthy: 'Healthy',
} as const;
const COLOURS: Partial<Record<keyof typeof WORDS, Colour>> = { page: 'red', ticket: 'yellow', missed: 'yellow', healthy: 'green' };

/** As of when, and of which data directory, if one was named. */
interface Asked {
  atMs: number;
  data?: string;
}

/** Lines that fit 100 columns: what is met, in which state and why, how fast it burns; and what to do, if anything. */
function statusText(context: Context, report: SloReport, asked: Asked): string {
  const { state, pair } = stateOf(report);
  const alert = report.alerts.find((each) => each.pair === pair);
  const word = coloured(context, COLOURS[state] ?? 'gray', WORDS[state]);
  const name = `${report.slo.padEnd(22)} ${report.sli.padEnd(4)}`;
  const days = sparkline(report.daily.map(dailyBar(report)));
  if (report.kind === 'count') {
    return `${name} ${countText(report.total)} over ${report.window}${countWords(report)
      .map((words) => `, ${words}`)
      .join('')}\n  ${days}`;
  }
  const next = nextStep(report, state, asked);
  return [
    `${name} ${valueText(report)}`,
    `  ${word}${budgetLine(report)}`,
    ...(alert && state !== 'healthy' ? [`  ${reasonText(report, alert, state)}`] : []),
    `  ${days}  burn ${['5m', '1h', '6h', '1d', '3d'].map((window) => `${window} ${burnText(report.burnRates[window])}`).join('  ')}`,
    ...companionWords(report).map((words) => `  ${words}`),
    ...(next ? [coloured(context, 'gray', `  next: ${next}`)] : []),
  ].join('\n');
}

function valueText({ sliValue, objective, good, total, interval, window }: SloReport): string {
  const goal = objective === null ? '' : ` of ${objectiveText(objective)}`;
  if (sliValue === null) return `no data${goal} over ${window}`;
  const decimals = Math.max(1, decimalsOf(sliValue));
  const range = interval ? ` (${percentText(interval.lower, decimals).replace(' %', '')}–${percentText(interval.upper, decimals)})` : '';
  return `${percentText(sliValue)}${goal} over ${window}, ${countText(good ?? 0)} of ${countText(total)}${range}`;
}

function budgetLine(report: SloReport): string {
  const { errorBudgetRemaining, total, good, objective } = report;
  if (errorBudgetRemaining === null || objective === null) return '';
  const allowed = Math.floor(total * (1 - objective) + 1e-9);
  const left = budgetOf(report) === 'too_few' ? 'too few events to say' : budgetText(errorBudgetRemaining);
  return ` · budget left ${left} (${countText(total - (good ?? 0))} bad of ${countText(allowed)} allowed)`;
}

function reasonText(report: SloReport, alert: SloAlert, state: keyof typeof WORDS): string {
  const since = alert.since === null ? '' : `since ${momentText(alert.since)}`;
  const counts = report.windows[alert.longWindow];
  const bad = counts ? `${countText(counts.total - counts.good)} bad of ${countText(counts.total)} in ${alert.longWindow}` : '';
  if (state === 'page' || state === 'ticket') return [`${bad} (pair ${alert.pair})`, ...burnClauses(alert)].join('\n  ');
  if (state === 'too_few') return `${bad}, ${since} (pair ${alert.pair})`;
  if (state === 'frozen') return `${since}, ${percentText(report.coverage[alert.longWindow] ?? 1)} of ${alert.longWindow} covered`;
  return since;
}

/** What a reader would do next. */
function nextStep(report: SloReport, state: keyof typeof WORDS, { atMs, data }: Asked): string | undefined {
  const firing = report.alerts.find((alert) => alert.state === 'firing');
  if (firing?.since && report.kind === 'ratio') {
    const { when, baseline } = timesToExplain(burning(firing, atMs), toMinute(atMs));
    const times = { from: when.fromMs, to: when.toMs, 'baseline-from': baseline.fromMs, 'baseline-to': baseline.toMs };
    const [from, to, ...before] = Object.entries(times).map(([name, ms]) => `--${name} ${new Date(ms).toISOString().slice(0, 19)}Z`);
    const where = data === undefined ? '' : ` --data ${quoted(data)}`;
    // A shell takes the lines as one.
    return [`muster explain --slo ${report.slo}${where}`, [from, to].join(' '), before.join(' ')].join(' \\\n    ');
  }
  if (state === 'frozen') return 'see that the collector runs and keeps up: /metrics, muster_collector_lag_seconds';
  if (state === 'missed') return `muster gate --slo ${report.slo} holds deploys back`;
  return undefined;
}

/** A path as a shell takes it. */
const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** Height of a day's bar: how much of what the objective allows was not used; of a count, its share of the largest day. */
function dailyBar(report: SloReport) {
  const largest = Math.max(1, ...report.daily.map(({ total }) => total));
  return ({ good, total }: { good: number; total: number }): number | null => {
    if (total === 0) return null;
    if (report.kind === 'count') return total / largest;
    return report.objective === null ? null : 1 - (total - good) / total / (2 * (1 - report.objective));
  };
}
