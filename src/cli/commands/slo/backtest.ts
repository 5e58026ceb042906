/** `muster slo backtest` */
import type { Command } from 'commander';
import { MusterError } from '../../../errors.ts';
import { sloNamed } from '../../../slo/definition/openslo.ts';
import { type Backtest, backtest, loadPast } from '../../../slo/inquiry/backtest.ts';
import { toMinute } from '../../../slo/measure/figures.ts';
import { ask, type Context, configOf, momentParameters, neededTime, print, printJson, throughEither } from '../../context.ts';
import { budgetText, countText, durationText, momentText, objectiveText } from '../../figures.ts';

interface Options {
  slo: string;
  from: string;
  to: string;
  objective?: string;
  data?: string;
  json?: boolean;
}

export function backtestCommand(slo: Command, context: Context): void {
  slo
    .command('backtest')
    .description('Which pages and tickets an SLO would have raised over a past time, with its own objective or another.')
    .requiredOption('--slo <name>', 'the SLO')
    .requiredOption('--from <time>', 'from this moment on (RFC 3339)')
    .requiredOption('--to <time>', 'up to this moment')
    .option('--objective <ratio>', 'as if this were the objective, such as 0.99')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ muster slo backtest --slo enrollment-success --from 2026-11-01T00:00:00Z --to 2026-11-24T00:00:00Z --objective 0.99',
    )
    .action(async (options: Options) => {
      const fromMs = toMinute(neededTime('--from', options.from));
      const toMs = toMinute(neededTime('--to', options.to));
      if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', '--from must be before --to');
      const objective = options.objective === undefined ? undefined : Number(options.objective);
      if (objective !== undefined && !(objective > 0 && objective < 1))
        throw new MusterError('MUSTER_BAD_ARGUMENT', '--objective: expected a ratio between 0 and 1, such as 0.98');
      const result = await throughEither(
        context,
        configOf(context, { data: options.data }),
        (url) =>
          ask<Backtest>(
            `${url}/api/slos/${encodeURIComponent(options.slo)}/backtest?${momentParameters({ from: fromMs, to: toMs })}${objective === undefined ? '' : `&objective=${objective}`}`,
          ),
        async ({ store, slos }) => {
          const named = sloNamed(slos, options.slo);
          return backtest(named, await loadPast(store.engine, named, fromMs, toMs), objective);
        },
        { mayCreate: false },
      );
      if (options.json) printJson(context, result);
      else print(context, backtestText(result));
    });
}

function backtestText({ slo, objective, episodes, budgetSpent, good, total }: Backtest): string {
  const spent = budgetSpent === null ? 'nothing was counted' : `${budgetText(budgetSpent)} of the error budget spent`;
  const head = `${slo} at ${objectiveText(objective)}: ${countText(total - good)} bad of ${countText(total)}, ${spent}`;
  const lines = episodes.map(({ severity, start, end, budgetSpent: lost }) => {
    const minutes = (Date.parse(end) - Date.parse(start)) / 60_000;
    return `  ${severity.padEnd(6)} ${momentText(start)}  ${durationText(minutes).padStart(11)}  ${lost === null ? '' : `${budgetText(lost)} of the budget`}`;
  });
  return [head, ...(lines.length > 0 ? lines : ['  nobody would have been called'])].join('\n');
}
