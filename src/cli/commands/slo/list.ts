/** `muster slo list` */
import type { Command } from 'commander';
import { loadSlos } from '../../../slo/definition/openslo.ts';
import { knownId } from '../../../slo/slis/sli.ts';
import { type Context, configOf, print, printJson } from '../../context.ts';
import { objectiveText } from '../../figures.ts';

export function listCommand(slo: Command, context: Context): void {
  slo
    .command('list')
    .description('The SLOs that are defined.')
    .argument('[path...]', 'OpenSLO files or folders (default: those that ship, or MUSTER_SLO)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo list')
    .action(async (paths: string[], options: { json?: boolean }) => {
      const slos = await loadSlos(paths.length > 0 ? paths : configOf(context, {}).slo);
      if (options.json) {
        printJson(
          context,
          slos.map(({ name, sli, objective, period, service, description, pairs }) => ({
            slo: name,
            sli: knownId(sli),
            kind: sli.kind,
            objective,
            window: period.text,
            service,
            severities: [...new Set(pairs.map(({ severity }) => severity))],
            description,
          })),
        );
        return;
      }
      for (const { name, sli, objective, period, pairs, description } of slos) {
        const severities = [...new Set(pairs.map(({ severity }) => severity))].join(' and ') || 'reported only';
        const goal = objective === null ? '–' : objectiveText(objective);
        print(context, `${name.padEnd(22)} ${knownId(sli).padEnd(4)} ${goal.padStart(7)} over ${period.text.padEnd(4)} ${severities}`);
        print(context, `  ${description}`);
      }
    });
}
