/** `muster slo …`: one file per subcommand, one line here. */
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { backtestCommand } from './slo/backtest.ts';
import { listCommand } from './slo/list.ts';
import { maintenanceCommand } from './slo/maintenance.ts';
import { statusCommand } from './slo/status.ts';
import { suggestCommand } from './slo/suggest.ts';
import { validateCommand } from './slo/validate.ts';

const SUBCOMMANDS = [statusCommand, listCommand, validateCommand, backtestCommand, suggestCommand, maintenanceCommand];

export function sloCommand(program: Command, context: Context): void {
  const slo = program.command('slo').description('Service level objectives: their status, and the definitions behind them.');
  for (const subcommand of SUBCOMMANDS) subcommand(slo, context);
}
