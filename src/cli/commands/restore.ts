/** `muster restore` */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { restoreBackup } from '../../store/upkeep/backup.ts';
import { type Context, configOf, print, printJson, runningAt } from '../context.ts';

interface Options {
  data?: string;
  json?: boolean;
}

export function restoreCommand(program: Command, context: Context): void {
  program
    .command('restore')
    .description('Makes a data directory out of a backup.')
    .argument('<file>', 'made by muster backup')
    .option('--data <dir>', 'the directory to be, which must not hold data yet (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster restore muster-2026-11-26.tar --data .muster-restored')
    .action(async (file: string, options: Options) => {
      const { dataDir } = configOf(context, { data: options.data });
      if (!existsSync(file)) throw new MusterError('MUSTER_NO_SUCH_FILE', `${file}: no such file`);
      const url = await runningAt(dataDir);
      if (url !== undefined) throw new MusterError('MUSTER_DATA_IN_USE', `the data in ${dataDir} is used by the Muster process at ${url}`);
      const manifest = await restoreBackup(file, dataDir);
      if (options.json) printJson(context, { dataDir: resolve(dataDir), ...manifest });
      else print(context, `${dataDir}: as of ${manifest.createdAt}. Start it with muster up --data ${dataDir}.`);
    });
}
