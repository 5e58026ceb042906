/** `muster forget` */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { Forgotten } from '../../collect/people/forget.ts';
import { atWork, type Context, coloured, configOf, post, print, printJson, throughEither } from '../context.ts';

interface Options {
  user: string;
  actor?: string;
  reason?: string;
  data?: string;
  json?: boolean;
}

export function forgetCommand(program: Command, context: Context): void {
  program
    .command('forget')
    .description('Takes a person out of everything that is kept, and searches for what is left. Figures stay as they are.')
    .requiredOption('--user <id>', 'the identifier that the events carried')
    .option('--reason <text>', 'why, for the audit log, such as the request of the person')
    .option('--actor <name>', 'who asks (default: the user of the system)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster forget --user ada@example.org --reason "DSR-2026-14, asked for on 1 March"')
    .action(async (options: Options) => {
      const by = { actor: options.actor ?? userInfo().username, reason: options.reason ?? '' };
      const waiting = atWork(context, 'Taking the person out, then searching all that is kept');
      const forgotten = await throughEither(
        context,
        configOf(context, { data: options.data }),
        (url) => post<Forgotten>(`${url}/api/forget`, { user: options.user, ...by }),
        ({ people }) => people.forget(options.user, by),
        { mayCreate: false },
      ).finally(() => waiting.stop());
      if (options.json) printJson(context, forgotten);
      else print(context, forgottenText(context, forgotten));
      if (isNobody(forgotten) || Object.keys(forgotten.left).length > 0) process.exitCode = 1;
    });
}

const isNobody = ({ references, events, attempts, spans, findings, deadLetters, core }: Forgotten) =>
  [references, events, attempts, spans, findings, deadLetters, core].every((count) => count === 0);

function forgottenText(context: Context, forgotten: Forgotten): string {
  if (isNobody(forgotten) && Object.keys(forgotten.left).length === 0)
    return coloured(context, 'red', 'Nobody is known here by this identifier: nothing was taken out. Is it what the events carried?');
  const { references, events, attempts, spans, findings, deadLetters, core, searched, left } = forgotten;
  const parts = { references, events, attempts, spans, findings, 'refused records': deadLetters, 'rows of the core': core };
  const told = Object.entries(parts).map(([name, count]) => `  ${String(count).padStart(8)} ${name}`);
  const megabytes = (searched.bytes / 1e6).toFixed(1);
  const proof = Object.entries(left).map(([place, count]) => `  ${String(count).padStart(8)} in ${place}`);
  return [
    'Taken out, or made anonymous where they count:',
    ...told,
    `Searched ${searched.tables} tables and ${searched.files} files (${megabytes} MB):`,
    ...(proof.length === 0
      ? [coloured(context, 'green', '  nothing of the person is left')]
      : [coloured(context, 'red', '  still found'), ...proof]),
    ...(searched.isEmbedded ? [] : ['Not searched: the files of the ClickHouse server, and its backups']),
  ].join('\n');
}
