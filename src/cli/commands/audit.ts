/** `muster audit verify` */
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import type { AuditVerdict } from '../../store/records/audit.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

export function auditCommand(program: Command, context: Context): void {
  const audit = program.command('audit').description('The audit log of privileged actions (table audit_log).');
  audit
    .command('verify')
    .description('Checks the chain of hashes: whether an entry was changed, put in, or taken out.')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--expect <entry:hash>', 'an entry that you noted: it must be in the log as it was')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  $ muster audit verify\n  $ muster audit verify --expect 41:9f2c…')
    .action(async (options: { data?: string; json?: boolean; expect?: string }) => {
      const noted = notedEntry(options.expect);
      const verdict = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<AuditVerdict>(`${url}/api/audit/verify${noted ? `?expect=${noted.seq}:${noted.hash}` : ''}`),
        ({ people }) => people.verifyAudit(noted),
        { mayCreate: false },
      );
      const { entries, head, broken } = verdict;
      if (options.json) printJson(context, verdict);
      else if (broken) print(context, coloured(context, 'red', `Broken at entry ${broken.seq}: ${broken.why}.`));
      else
        print(context, coloured(context, 'green', `${entries} ${entries === 1 ? 'entry' : 'entries'}, unbroken. Head ${entries}:${head}`));
      if (broken) process.exitCode = 1;
    });
}

/** @throws MUSTER_BAD_ARGUMENT */
function notedEntry(text: string | undefined): { seq: number; hash: string } | undefined {
  if (text === undefined) return undefined;
  const [, seq, hash] = /^(\d{1,9}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      '--expect: expected the number and the hash of an entry, as muster audit verify prints them, such as 41:9f2c…',
    );
  return { seq: Number(seq), hash };
}
