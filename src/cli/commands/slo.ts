/** `muster slo status|list|validate` */
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { parseTime } from '../../events/time.ts';
import { loadSlos, type Slo } from '../../slo/openslo.ts';
import { outageMinutes, type Pair } from '../../slo/pairs.ts';
import { type SloStatus, sloStatus } from '../../slo/status.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

export function sloCommand(program: Command, context: Context): void {
  const slo = program.command('slo').description('Service level objectives: their status, and the definitions behind them.');

  slo
    .command('status')
    .description('Objective, budget, burn rates and alerts of every SLO.')
    .option('--at <time>', 'as of this moment, by event time (RFC 3339; default now)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON, unrounded')
    .addHelpText('after', '\nExample:\n  $ muster slo status --at 2026-11-24T12:00:00Z --json')
    .action(async (options: { at?: string; data?: string; json?: boolean }) => {
      const atMs = options.at === undefined ? context.now() : parseTime(options.at);
      if (atMs === undefined) {
        throw new MusterError('MUSTER_BAD_ARGUMENT', `--at ${options.at?.slice(0, 60)}: expected RFC 3339, such as 2026-03-01T09:30:00Z`);
      }
      const statuses = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<SloStatus[]>(`${url}/api/slos?at=${encodeURIComponent(new Date(atMs).toISOString())}`),
        (services) => sloStatus(services.store.read, services.slos, atMs),
        { mayCreate: false },
      );
      if (options.json) printJson(context, statuses);
      else for (const status of statuses) print(context, statusText(context, status));
    });

  slo
    .command('list')
    .description('The SLOs that are defined.')
    .argument('[path...]', 'OpenSLO files or folders (default: those that ship)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo list')
    .action(async (paths: string[], options: { json?: boolean }) => {
      const slos = await loadSlos(paths);
      if (options.json) {
        printJson(
          context,
          slos.map((each) => ({
            slo: each.name,
            sli: each.sli.id,
            kind: each.sli.kind,
            objective: each.objective,
            window: each.window,
            service: each.service,
            description: each.description,
          })),
        );
        return;
      }
      for (const each of slos)
        print(
          context,
          `${each.name.padEnd(20)} ${each.sli.id.padEnd(4)} ${percent(each.objective).padStart(8)} over ${each.window}   ${each.description}`,
        );
    });

  slo
    .command('validate')
    .description('Checks OpenSLO files and says for every window pair what fires it, and how soon.')
    .argument('[path...]', 'OpenSLO files or folders (default: those that ship)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster slo validate schemas/slos')
    .action(async (paths: string[], options: { json?: boolean }) => {
      const slos = await loadSlos(paths);
      if (options.json)
        printJson(
          context,
          slos.map((each) => ({ slo: each.name, sli: each.sli.id, objective: each.objective, window: each.window, pairs: each.pairs })),
        );
      else for (const each of slos) print(context, validationText(each));
    });
}

const percent = (ratio: number) => `${Number((ratio * 100).toPrecision(6))} %`;
const times = (burn: number | null) => (burn === null ? '–' : `${Number(burn.toPrecision(3))}×`);

function statusText(context: Context, status: SloStatus): string {
  const value = status.sliValue === null ? 'no data' : `${(Math.floor(status.sliValue * 1e5) / 1e3).toFixed(3)} %`;
  const budget =
    status.errorBudgetRemaining === null ? '' : `, ${Math.floor(status.errorBudgetRemaining * 100)} % of the error budget left`;
  const burns = (['5m', '1h', '6h', '3d'] as const).map((name) => `${name} ${times(status.burnRates[name])}`).join('  ');
  return statusLines(context, status, value, budget, burns);
}

function statusLines(context: Context, status: SloStatus, value: string, budget: string, burns: string): string {
  const firing = status.alerts
    .filter(({ state }) => state === 'firing')
    .map(({ severity, since, pair }) =>
      coloured(context, severity === 'page' ? 'red' : 'yellow', `${severity} firing since ${since} (pair ${pair})`),
    );
  const others = (['too_few', 'no_traffic'] as const).flatMap((state) => {
    const pairs = status.alerts.filter((alert) => alert.state === state).map(({ pair }) => pair);
    return pairs.length === 0
      ? []
      : [coloured(context, 'gray', `${state === 'too_few' ? 'too few events' : 'no traffic'} (pairs ${pairs.join(', ')})`)];
  });
  const state = [...firing, ...others].join('; ') || coloured(context, 'green', 'healthy');
  return `${status.slo.padEnd(20)} ${status.sli.padEnd(4)} ${value} of ${percent(status.objective)} over ${status.window} (${status.good} of ${status.total})${budget}\n${' '.repeat(26)}burn ${burns}   ${state}`;
}

function validationText(slo: Slo): string {
  const head = `${slo.name}: valid. ${slo.sli.id}, ${percent(slo.objective)} over ${slo.window}`;
  const pairs = slo.pairs.map(pairText);
  return [head, ...(pairs.length > 0 ? pairs : ['  no alert policy: nothing fires'])].join('\n');
}

function pairText(pair: Pair): string {
  const share = `${Number((pair.fittedBudgetShare * 100).toPrecision(3))} % of the budget`;
  const fit = pair.isFitted
    ? `factor ${Number(pair.factor.toPrecision(4))} fitted to ${Number(pair.fittedFactor.toPrecision(4))} (an error ratio cannot exceed 1)`
    : `factor ${Number(pair.factor.toPrecision(4))}`;
  return `  pair ${pair.name} ${pair.severity.padEnd(6)} ${pair.long.padStart(2)} and ${pair.short.padStart(3)}: ${fit}; ${share}; a total outage fires it after ${duration(outageMinutes(pair))}`;
}

function duration(minutes: number): string {
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
