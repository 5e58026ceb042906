/** `muster reveal` */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { printable } from '../../events/checker.ts';
import { type Context, configOf, post, print, printJson, throughEither } from '../context.ts';

interface Options {
  reason: string;
  actor?: string;
  data?: string;
  json?: boolean;
}

export function revealCommand(program: Command, context: Context): void {
  program
    .command('reveal')
    .description('The person behind a pseudonym. Who asked and why is written to the audit log first.')
    .argument('<ref>', 'a user_ref or actor_ref')
    .requiredOption('--reason <text>', 'why the person must be known')
    .option('--actor <name>', 'who asks (default: the user of the system)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster reveal q2w8Zr0pXk1LmN4t --reason "incident 4711: call the account\'s owner"')
    .action(async (ref: string, options: Options) => {
      const by = { actor: options.actor ?? userInfo().username, reason: options.reason };
      const revealed = await throughEither(
        context,
        configOf(context, { data: options.data }),
        (url) => post<{ ref: string; identifier: string }>(`${url}/api/reveal`, { ref, ...by }),
        ({ people }) => people.reveal(ref, by),
        { mayCreate: false },
      );
      if (options.json) printJson(context, revealed);
      else print(context, printable(revealed.identifier));
    });
}
