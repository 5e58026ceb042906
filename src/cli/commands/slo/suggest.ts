/** `muster slo suggest` */
import type { Command } from 'commander';
import { MusterError } from '../../../errors.ts';
import { readSloFiles, sloNamed, slosIn } from '../../../slo/definition/openslo.ts';
import { loadPast, type Suggestion, suggest } from '../../../slo/inquiry/backtest.ts';
import { sloAsked, trialPast } from '../../../slo/inquiry/trial.ts';
import { toMinute } from '../../../slo/measure/figures.ts';
import { ask, type Context, configOf, momentParameters, post, print, printJson, throughEither } from '../../context.ts';
import { budgetText, objectiveText, percentText } from '../../figures.ts';

export function suggestCommand(slo: Command, context: Context): void {
  slo
    .command('suggest')
    .description('The strictest objective that the past would have met with room to spare, by a backtest of each.')
    .option('--slo <name...>', 'only these SLOs')
    .option('--file <path...>', 'SLO files that are not live yet')
    .option('--days <n>', 'how far to look back', '30')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo suggest --slo enrollment-success\n  $ muster slo suggest --file eu-west.yaml')
    .action(async (options: { slo?: string[]; file?: string[]; days: string; data?: string; json?: boolean }) => {
      const days = Number(options.days);
      if (!(Number.isInteger(days) && days >= 1 && days <= 366))
        throw new MusterError('MUSTER_BAD_ARGUMENT', '--days: expected a whole number from 1 to 366');
      const toMs = toMinute(context.now());
      const fromMs = toMs - days * 86_400_000;
      const files = options.file && (await readSloFiles(options.file));
      const tried = files && sloAsked(slosIn(files), options.slo ?? []);
      const suggestions = await throughEither(
        context,
        configOf(context, { data: options.data }),
        async (url) => {
          const range = { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
          if (tried) return post<Suggestion[]>(`${url}/api/slo-files/suggest`, { files, slo: tried.map(({ name }) => name), ...range });
          const names =
            options.slo ??
            (await ask<{ slo: string; objective: number | null }[]>(`${url}/api/slos`)).flatMap((each) =>
              each.objective === null ? [] : [each.slo],
            );
          const all: Suggestion[] = [];
          for (const name of names)
            all.push(
              await ask<Suggestion>(`${url}/api/slos/${encodeURIComponent(name)}/suggest?${momentParameters({ from: fromMs, to: toMs })}`),
            );
          return all;
        },
        async ({ store, slos }) => {
          const all: Suggestion[] = [];
          if (tried) {
            for (const each of tried) all.push(await suggest(each, await trialPast(store.engine, each, fromMs, toMs, context.now())));
            return all;
          }
          const wanted = options.slo ? options.slo.map((name) => sloNamed(slos, name)) : slos.filter(({ objective }) => objective !== null);
          for (const each of wanted) all.push(await suggest(each, await loadPast(store.engine, each, fromMs, toMs)));
          return all;
        },
        { mayCreate: false },
      );
      if (options.json) printJson(context, suggestions);
      else for (const suggestion of suggestions) print(context, suggestionText(suggestion));
    });
}

function suggestionText({ slo, current, suggested, value, candidates }: Suggestion): string {
  if (candidates.length === 0) return `${slo}: it is only counted, without good and bad ones, so no objective can be suggested`;
  if (value === null) return `${slo}: nothing was counted, so nothing can be suggested`;
  const advice =
    suggested === null
      ? 'none of the usual objectives leaves room'
      : `${objectiveText(suggested)} ${suggested === current ? 'as it is' : `instead of ${current === null ? 'none' : objectiveText(current)}`}`;
  const rows = candidates.map(
    ({ objective, pages, tickets, budgetLeft }) =>
      `  ${objectiveText(objective).padStart(8)} ${String(pages).padStart(5)} ${String(tickets).padStart(8)}   ${budgetLeft === null ? '–' : budgetText(budgetLeft).padStart(8)}${objective === suggested ? '  ←' : ''}`,
  );
  return [`${slo}: ${percentText(value)} was good; suggested: ${advice}`, '  objective pages  tickets  budget left', ...rows].join('\n');
}
