/** `muster findings` */

import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { printable } from '../../events/checker.ts';
import { shownFinding } from '../../serve/routes/slo.ts';
import { dismissFinding, findingsSince, MAX_LISTED, mergeFinding, VERDICTS } from '../../store/records/findings.ts';
import { ask, type Context, coloured, configOf, momentParameters, post, print, printJson, throughEither, timeOption } from '../context.ts';
import { momentText } from '../figures.ts';

const EXAMPLE = 'secret_exposure:idp:reason:credential:2026-03-01T09:00:00.000Z';
const OTHER = EXAMPLE.replace('03-01T', '03-02T');
const COUNT = 'SELECT detector, count() AS n FROM findings GROUP BY detector';
const DEFAULT_MS = 30 * 86_400_000;
type Shown = ReturnType<typeof shownFinding>;

export function findingsCommand(program: Command, context: Context): void {
  const findings = program
    .command('findings')
    .description('What was found: open findings, and those of the last thirty days.')
    .option('--since <time>', 'that began at or after this moment (RFC 3339), and all that are open')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster findings --since 2026-11-24T00:00:00Z --json')
    .action(async (options: { since?: string; data?: string; json?: boolean }) => {
      const sinceMs = timeOption('--since', options.since) ?? context.now() - DEFAULT_MS;
      const findings = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<Shown[]>(`${url}/api/findings?${momentParameters({ since: sinceMs })}`),
        async ({ store }) => (await findingsSince(store.engine, sinceMs)).map(shownFinding),
        { mayCreate: false },
      );
      if (options.json) printJson(context, findings);
      else if (findings.length === 0) print(context, 'No findings.');
      else for (const finding of findings) print(context, findingText(context, finding));
      if (findings.length === MAX_LISTED)
        context.stderr.write(`muster: these are the newest ${MAX_LISTED}, and there may be more: muster query "${COUNT}" counts all\n`);
    });

  findings
    .command('dismiss')
    .description('Takes a finding for none; it stays so while its detector still sees the same.')
    .argument('<id>', 'as muster findings --json shows it')
    .requiredOption('--reason <text>', 'why it is none; goes into the audit log')
    .addOption(
      new Option('--verdict <word>', 'false: there is nothing; benign: there is, and it may be so')
        .choices(VERDICTS.filter((verdict) => verdict !== 'duplicate'))
        .default('false'),
    )
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .addHelpText('after', `\nExample:\n  $ muster findings dismiss ${EXAMPLE} --reason "a test of ours" --verdict benign`)
    .action(async (id: string, options: { reason: string; verdict: 'false' | 'benign'; data?: string }) => {
      const actor = userInfo().username;
      const { reason, verdict } = options;
      await throughEither(
        context,
        configOf(context, { ...findings.opts<{ data?: string }>(), ...options }),
        (url) => post<unknown>(`${url}/api/findings/${encodeURIComponent(id)}/dismissal`, { reason, verdict, actor }),
        async ({ store, people }) => {
          await dismissFinding(store.engine, id, verdict, context.now());
          await people.audited(actor, 'finding.dismiss', id, reason);
        },
        { mayCreate: false },
      );
      print(context, 'Dismissed.');
    });

  findings
    .command('merge')
    .description('Takes a finding for the same as another one, which stays.')
    .argument('<id>', 'as muster findings --json shows it')
    .requiredOption('--into <id>', 'the one that stays')
    .requiredOption('--reason <text>', 'why they are the same; goes into the audit log')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .addHelpText('after', `\nExample:\n  $ muster findings merge ${EXAMPLE} --into ${OTHER} --reason "the same leak"`)
    .action(async (id: string, options: { into: string; reason: string; data?: string }) => {
      const actor = userInfo().username;
      const { into, reason } = options;
      await throughEither(
        context,
        configOf(context, { ...findings.opts<{ data?: string }>(), ...options }),
        (url) => post<unknown>(`${url}/api/findings/${encodeURIComponent(id)}/merge`, { into, reason, actor }),
        async ({ store, people }) => {
          await mergeFinding(store.engine, id, into, context.now());
          await people.audited(actor, 'finding.merge', id, reason);
        },
        { mayCreate: false },
      );
      print(context, 'Merged.');
    });
}

function findingText(context: Context, { severity, detector, start, end, status, evidence, incident, assignee }: Shown): string {
  const when = end === null ? `since ${momentText(start)}` : `${momentText(start)} to ${momentText(end)}`;
  const colour = end === null ? (severity === 'page' ? 'red' : 'yellow') : 'gray';
  const within = incident === '' ? '' : ` · ${printable(incident)}${assignee === '' ? '' : `, with ${printable(assignee)}`}`;
  const summary = typeof evidence.summary === 'string' ? evidence.summary : detector;
  return `${coloured(context, colour, `${status.padEnd(12)} ${severity.padEnd(6)}`)} ${when}${within}\n  ${printable(summary)}`;
}
