/** `muster findings` */
import type { Command } from 'commander';
import { shownFinding } from '../../serve/routes/slo.ts';
import { findingsSince } from '../../store/records/findings.ts';
import { ask, type Context, coloured, configOf, momentParameters, print, printJson, throughEither, timeOption } from '../context.ts';
import { momentText } from '../figures.ts';

const DEFAULT_MS = 30 * 86_400_000;
type Shown = ReturnType<typeof shownFinding>;

export function findingsCommand(program: Command, context: Context): void {
  program
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
    });
}

function findingText(context: Context, { severity, detector, start, end, status, evidence }: Shown): string {
  const when = end === null ? `since ${momentText(start)}` : `${momentText(start)} to ${momentText(end)}`;
  const colour = status === 'open' ? (severity === 'page' ? 'red' : 'yellow') : 'gray';
  const summary = typeof evidence.summary === 'string' ? evidence.summary : detector;
  return `${coloured(context, colour, `${status.padEnd(8)} ${severity.padEnd(6)}`)} ${when}\n  ${summary}`;
}
