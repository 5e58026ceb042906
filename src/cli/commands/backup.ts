/** `muster backup` */
import { createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { withBackup } from '../../serve/backup.ts';
import { syncDirectory } from '../../system/durable-files.ts';
import { askStream, type Context, configOf, print, printJson, throughEither } from '../context.ts';

interface Options {
  data?: string;
  json?: boolean;
}

export function backupCommand(program: Command, context: Context): void {
  program
    .command('backup')
    .description(
      'The whole data directory in one file, as it is at one moment, while everything goes on. It holds the keys: keep it as safe.',
    )
    .argument('<file>', 'where to write it (a tar archive)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster backup muster-2026-11-26.tar')
    .action(async (file: string, options: Options) => {
      if (existsSync(file)) throw new MusterError('MUSTER_CONFLICT', `${file}: is there already; backups are not written over`);
      const config = configOf(context, { data: options.data });
      await throughEither(
        context,
        config,
        async (url) => {
          const { body } = await askStream(`${url}/api/backup`, { method: 'POST' });
          await writeWhole(file, Readable.fromWeb(body as ReadableStream));
        },
        ({ store, log, now }) =>
          withBackup({ store, log, dataDir: config.dataDir, version: context.version, now }, (stream) => writeWhole(file, stream)),
        { mayCreate: false },
      );
      const { size } = await stat(file);
      if (options.json) printJson(context, { file: resolve(file), bytes: size });
      else print(context, `${file}: ${(size / 1e6).toFixed(1)} MB.`);
    });
}

/** Under another name until all of it is on the disk. */
async function writeWhole(file: string, stream: Readable): Promise<void> {
  const part = `${file}.part`;
  try {
    await pipeline(stream, createWriteStream(part, { mode: 0o600 }));
    const handle = await open(part, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(part, file);
    await syncDirectory(dirname(resolve(file)));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
