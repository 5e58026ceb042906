/** `muster slo validate` */
import type { Command } from 'commander';
import { outageMinutes, type Pair } from '../../../slo/arithmetic/pairs.ts';
import { judgedOf, loadSlos, type Slo } from '../../../slo/definition/openslo.ts';
import { knownId } from '../../../slo/slis/sli.ts';
import { type Context, configOf, print, printJson } from '../../context.ts';
import { durationText, objectiveText } from '../../figures.ts';

export function validateCommand(slo: Command, context: Context): void {
  slo
    .command('validate')
    .description('Checks OpenSLO files and says for every window pair what fires it, and how soon.')
    .argument('[path...]', 'OpenSLO files or folders (default: those that ship, or MUSTER_SLO)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo validate schemas/slos')
    .action(async (paths: string[], options: { json?: boolean }) => {
      const slos = await loadSlos(paths.length > 0 ? paths : configOf(context, {}).slo);
      if (options.json) {
        printJson(
          context,
          slos.map(({ name, sli, objective, period, pairs }) => ({
            slo: name,
            sli: knownId(sli),
            meaning: sli.meaning,
            objective,
            window: period.text,
            pairs,
          })),
        );
      } else {
        for (const each of slos) print(context, validationText(each));
        if (slos.some(({ pairs }) => pairs.some(({ severity }) => severity === 'ticket'))) print(context, EVIDENCE);
      }
    });
}

/** What a reader who knows other rules would wonder at. */
const EVIDENCE =
  'Alerts ask for evidence: an outage fires as soon as without, a burn just above a ticket’s factor opens it 2.5 to 5.7 h later (docs/slos.md).';

function validationText(slo: Slo): string {
  const goal = slo.objective === null ? 'counted, without an objective' : objectiveText(judgedOf(slo).objective);
  const head = `${slo.name}: valid. ${knownId(slo.sli)}${slo.sli.base === undefined ? '' : ` (${slo.sli.meaning})`}, ${goal} over ${slo.period.text}`;
  const pairs = slo.pairs.map(pairText);
  return [head, ...(pairs.length > 0 ? pairs : ['  no alert policy: nothing fires'])].join('\n');
}

function pairText(pair: Pair): string {
  const share = `${Number((pair.fittedBudgetShare * 100).toPrecision(3))} % of the budget`;
  const factor = Number(pair.factor.toPrecision(4));
  const head = `  pair ${pair.name} ${pair.severity.padEnd(6)} ${pair.long.padStart(2)} and ${pair.short.padStart(3)}`;
  const fires = `${head}: factor ${Number(pair.fittedFactor.toPrecision(4))}; ${share}; a total outage fires it after ${durationText(outageMinutes(pair))}`;
  return pair.isFitted ? `${fires}\n         fitted: ${factor} could hardly be reached, since an error ratio cannot exceed 1` : fires;
}
