/** `muster slo backtest` */
import type { Command } from 'commander';
import type { Config } from '../../../config.ts';
import { MusterError } from '../../../errors.ts';
import { readSloFiles, sloNamed, slosIn } from '../../../slo/definition/openslo.ts';
import { type Backtest, backtest, loadPast } from '../../../slo/inquiry/backtest.ts';
import { oneAsked, trialPast } from '../../../slo/inquiry/trial.ts';
import { toMinute } from '../../../slo/measure/figures.ts';
import { ask, type Context, configOf, momentParameters, neededTime, post, print, printJson, throughEither } from '../../context.ts';
import { budgetText, countText, durationText, momentText, objectiveText } from '../../figures.ts';

interface Options {
  slo?: string;
  file?: string[];
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
    .option('--slo <name>', 'the SLO')
    .option('--file <path...>', 'SLO files that are not live yet')
    .requiredOption('--from <time>', 'from this moment on (RFC 3339)')
    .requiredOption('--to <time>', 'up to this moment')
    .option('--objective <ratio>', 'as if this were the objective, such as 0.99')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ muster slo backtest --slo enrollment-success --from 2026-11-01T00:00:00Z --to 2026-11-24T00:00:00Z --objective 0.99\n  $ muster slo backtest --file eu-west.yaml --from 2026-11-01T00:00:00Z --to 2026-11-24T00:00:00Z',
    )
    .action(async (options: Options) => {
      const fromMs = toMinute(neededTime('--from', options.from));
      const toMs = toMinute(neededTime('--to', options.to));
      if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', '--from must be before --to');
      const objective = options.objective === undefined ? undefined : Number(options.objective);
      if (objective !== undefined && !(objective > 0 && objective < 1))
        throw new MusterError('MUSTER_BAD_ARGUMENT', '--objective: expected a ratio between 0 and 1, such as 0.98');
      const config = configOf(context, { data: options.data });
      const asked = {
        from: new Date(fromMs).toISOString(),
        to: new Date(toMs).toISOString(),
        ...(objective !== undefined && { objective }),
      };
      const result = options.file
        ? await ofFiles(context, config, options.file, { ...asked, ...(options.slo !== undefined && { slo: options.slo }) })
        : await ofLive(context, config, options.slo, { fromMs, toMs, objective });
      if (options.json) printJson(context, result);
      else print(context, backtestText(result));
    });
}

interface Range {
  fromMs: number;
  toMs: number;
  objective: number | undefined;
}

async function ofLive(context: Context, config: Config, slo: string | undefined, { fromMs, toMs, objective }: Range): Promise<Backtest> {
  if (slo === undefined) throw new MusterError('MUSTER_BAD_ARGUMENT', '--slo: expected the name of an SLO, or --file with an SLO file');
  return throughEither(
    context,
    config,
    (url) =>
      ask<Backtest>(
        `${url}/api/slos/${encodeURIComponent(slo)}/backtest?${momentParameters({ from: fromMs, to: toMs })}${objective === undefined ? '' : `&objective=${objective}`}`,
      ),
    async ({ store, slos }) => {
      const named = sloNamed(slos, slo);
      return backtest(named, await loadPast(store.engine, named, fromMs, toMs), objective);
    },
    { mayCreate: false },
  );
}

async function ofFiles(
  context: Context,
  config: Config,
  paths: readonly string[],
  asked: { slo?: string; from: string; to: string; objective?: number },
): Promise<Backtest> {
  const files = await readSloFiles(paths);
  const slo = oneAsked(slosIn(files), asked.slo);
  return throughEither(
    context,
    config,
    (url) => post<Backtest>(`${url}/api/slo-files/backtest`, { files, ...asked, slo: slo.name }),
    async ({ store }) => {
      const past = await trialPast(store.engine, slo, Date.parse(asked.from), Date.parse(asked.to), context.now());
      return backtest(slo, past, asked.objective);
    },
    { mayCreate: false },
  );
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
