/** `muster backup` */
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, lstat, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import { MusterError, systemCode } from '../../errors.ts';
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
      if (await isThere(file)) throw isThereAlready(file);
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

const isThereAlready = (file: string) => new MusterError('MUSTER_CONFLICT', `${file}: is there already; backups are not written over`);

/** A link that leads nowhere is there too. */
const isThere = (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  );

/** Under a name of its own, which nobody else has, until all of it is on the disk. */
async function writeWhole(file: string, stream: Readable): Promise<void> {
  const part = `${file}.${randomUUID()}.part`;
  try {
    await pipeline(stream, createWriteStream(part, { mode: 0o600, flags: 'wx', flush: true }));
    await giveName(part, file);
    await syncDirectory(dirname(resolve(file)));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** In the place of nothing: a file that has come meanwhile stays. */
async function giveName(part: string, file: string): Promise<void> {
  try {
    await link(part, file);
    await rm(part);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw isThereAlready(file);
    // Not every file system has a second name for a file.
    if (await isThere(file)) throw isThereAlready(file);
    await rename(part, file);
  }
}
