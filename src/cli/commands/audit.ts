/** `muster audit verify` */
import type { Command } from 'commander';
import type { AuditVerdict } from '../../store/audit.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

export function auditCommand(program: Command, context: Context): void {
  const audit = program.command('audit').description('The audit log of privileged actions (table audit_log).');
  audit
    .command('verify')
    .description('Checks the chain of hashes: whether an entry was changed, put in, or taken out.')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster audit verify')
    .action(async (options: { data?: string; json?: boolean }) => {
      const verdict = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<AuditVerdict>(`${url}/api/audit/verify`),
        ({ people }) => people.verifyAudit(),
        { mayCreate: false },
      );
      const { entries, head, broken } = verdict;
      if (options.json) printJson(context, verdict);
      else if (broken) print(context, coloured(context, 'red', `Broken at entry ${broken.seq}: ${broken.why}.`));
      else print(context, coloured(context, 'green', `${entries} ${entries === 1 ? 'entry' : 'entries'}, unbroken. Head ${head}`));
      if (broken) process.exitCode = 1;
    });
}
