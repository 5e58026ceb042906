/** `muster slo maintenance add|list|remove` */

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { printable } from '../../../events/checker.ts';
import { addMaintenance, removeMaintenance } from '../../../slo/evaluate/maintenance.ts';
import { shownMaintenance } from '../../../slo/inquiry/budget.ts';
import { maintenanceIn } from '../../../store/records/maintenance.ts';
import { ask, type Context, configOf, neededTime, post, print, printJson, throughEither, timeOption } from '../../context.ts';
import { momentText } from '../../figures.ts';

const YEAR_MS = 366 * 86_400_000;
type Shown = { slo: string } & ReturnType<typeof shownMaintenance>;

interface AddOptions {
  slo: string;
  from?: string;
  to: string;
  reason: string;
  actor?: string;
  data?: string;
  json?: boolean;
}

export function maintenanceCommand(slo: Command, context: Context): void {
  const maintenance = slo
    .command('maintenance')
    .description('Planned work and exclusions: their minutes count in no budget, and nothing fires while one lasts.');

  maintenance
    .command('add')
    .description('Announces maintenance, or takes a past time out of the figures.')
    .option('--slo <name>', 'the SLO that it concerns (default: all)', '*')
    .option('--from <time>', 'from this moment on (RFC 3339; default now)')
    .requiredOption('--to <time>', 'up to this moment')
    .requiredOption('--reason <text>', 'why')
    .option('--actor <name>', 'who says so (default: the user of the system)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo maintenance add --to 2026-12-01T02:00:00Z --reason "database upgrade"')
    .action(async (options: AddOptions) => {
      const startMs = timeOption('--from', options.from) ?? context.now();
      const endMs = neededTime('--to', options.to);
      const actor = options.actor ?? userInfo().username;
      const added = await throughEither(
        context,
        configOf(context, { data: options.data }),
        (url) =>
          post<Shown>(`${url}/api/maintenance`, {
            slo: options.slo,
            start: new Date(startMs).toISOString(),
            end: new Date(endMs).toISOString(),
            reason: options.reason,
            actor,
          }),
        async ({ store, slos, intake, people }) => {
          const window = {
            slo: options.slo,
            startMs,
            endMs,
            reason: options.reason,
            actorRef: await intake.referenceOf('operator', actor),
          };
          const written = await addMaintenance(store.engine, slos, window, context.now());
          await people.audited(actor, 'maintenance.add', options.slo, options.reason);
          return { slo: written.slo, ...shownMaintenance(written) };
        },
        { mayCreate: false },
      );
      if (options.json) printJson(context, added);
      else print(context, windowText(added));
    });

  maintenance
    .command('list')
    .description('Windows of the last and the next year.')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo maintenance list')
    .action(async (options: { data?: string; json?: boolean }) => {
      const windows = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<Shown[]>(`${url}/api/maintenance`),
        async ({ store }) =>
          (await maintenanceIn(store.read, context.now() - YEAR_MS, context.now() + YEAR_MS)).map((window) => ({
            slo: window.slo,
            ...shownMaintenance(window),
          })),
        { mayCreate: false },
      );
      if (options.json) printJson(context, windows);
      else if (windows.length === 0) print(context, 'No maintenance.');
      else for (const window of windows) print(context, windowText(window));
    });

  maintenance
    .command('remove')
    .description('Takes a window away: its minutes count again.')
    .argument('<id>', 'as muster slo maintenance list shows it')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .addHelpText('after', '\nExample:\n  $ muster slo maintenance remove 3f1c0f0e-5a7b-4c58-9d6a-0a51c1d7c2ab')
    .action(async (id: string, options: { data?: string }) => {
      await throughEither(
        context,
        configOf(context, options),
        (url) => ask<unknown>(`${url}/api/maintenance/${encodeURIComponent(id)}`, { method: 'DELETE' }),
        async ({ store, people }) => {
          await removeMaintenance(store.engine, id, context.now());
          await people.audited(userInfo().username, 'maintenance.remove', id);
        },
        { mayCreate: false },
      );
      print(context, 'Removed.');
    });
}

const windowText = ({ id, slo, start, end, reason }: Shown): string =>
  `${id}  ${slo === '*' ? 'all SLOs' : slo}\n  ${momentText(start)} to ${momentText(end)}: ${printable(reason)}`;
