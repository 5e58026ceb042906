/** `muster suppressions` */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { endSuppressions, suppressionsAt } from '../../detect/incidents/suppressions.ts';
import { MusterError } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import { shownSuppression } from '../../serve/routes/incidents.ts';
import { ask, type Context, configOf, post, print, printJson, throughEither } from '../context.ts';
import { momentText } from '../figures.ts';

type Shown = ReturnType<typeof shownSuppression>;
interface Options {
  data?: string;
  json?: boolean;
}

export function suppressionsCommand(program: Command, context: Context): void {
  const suppressions = program
    .command('suppressions')
    .description('What is held back since somebody dismissed an incident of it: for a week such flags begin no incident of their own.')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster suppressions --json')
    .action(async (options: Options) => {
      const all = await throughEither(
        context,
        configOf(context, { data: options.data }),
        (url) => ask<Shown[]>(`${url}/api/suppressions`),
        async ({ store }) => (await suppressionsAt(store.engine, context.now())).map(shownSuppression),
        { mayCreate: false },
      );
      if (options.json) printJson(context, all);
      else if (all.length === 0) print(context, 'Nothing is held back.');
      else for (const each of all) print(context, textOf(each));
    });
  suppressions
    .command('end')
    .description('Ends what is held back of a value: its flags begin incidents again.')
    .argument('<dimension=value>', 'as muster suppressions shows it')
    .requiredOption('--reason <text>', 'why; goes into the audit log')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .addHelpText('after', '\nExample:\n  $ muster suppressions end region=eu-west --reason "the load test is over"')
    .action(async (place: string, given: Options & { reason: string }) => {
      const [dimension = '', ...rest] = place.split('=');
      if (rest.length === 0) throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected a dimension and a value, such as region=eu-west');
      const value = rest.join('=');
      const actor = userInfo().username;
      const { reason } = given;
      const { ended } = await throughEither(
        context,
        configOf(context, { data: { ...suppressions.opts<Options>(), ...given }.data }),
        (url) => post<{ ended: number }>(`${url}/api/suppressions/end`, { dimension, value, reason, actor }),
        async ({ store, people }) => {
          const count = await endSuppressions(store.engine, { dimension, value }, context.now());
          await people.audited(actor, 'suppression.end', place, reason);
          return { ended: count };
        },
        { mayCreate: false },
      );
      if (ended === 0)
        throw new MusterError(
          'MUSTER_NOT_FOUND',
          `nothing is held back of ${printable(place.slice(0, 200))}: muster suppressions lists what is`,
        );
      print(context, `Flags of ${printable(place)} begin incidents again.`);
    });
}

const textOf = ({ detector, metric, dimension, value, reason, since, until, heldBack }: Shown): string =>
  `${printable(`${dimension}=${value}`)}  ${detector} of ${metric}, until ${momentText(until)}
  since ${momentText(since)}: ${printable(reason)} · ${heldBack} minutes held back`;
