/** `muster vault status|rotate` */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import type { VaultRotation, VaultStatus } from '../../serve/routes/vault-control.ts';
import { ask, type Context, configOf, post, print, printJson, runningAt } from '../context.ts';

interface Options {
  actor?: string;
  data?: string;
  json?: boolean;
}

export function vaultCommand(program: Command, context: Context): void {
  const vault = program.command('vault').description("The key-encryption keys under which the core's secrets are sealed.");
  const running = async ({ data }: Options): Promise<string> => {
    const { dataDir } = configOf(context, { data });
    const url = await runningAt(dataDir);
    if (url !== undefined) return url;
    throw new MusterError('MUSTER_NOT_FOUND', `no Muster runs on ${dataDir}; start it with muster up, or name its directory with --data`);
  };
  const withData = (command: Command) =>
    command.option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)').option('--json', 'print as JSON');

  withData(vault.command('status'))
    .description('The keys that are held.')
    .addHelpText('after', '\nExample:\n  $ muster vault status')
    .action(async (options: Options) => {
      const status = await ask<VaultStatus>(`${await running(options)}/api/vault`);
      if (options.json) printJson(context, status);
      else print(context, statusText(status));
    });
  withData(vault.command('rotate'))
    .description('Makes a new key and seals everything under it, while people go on. The old one is kept until nothing is under it.')
    .option('--actor <name>', 'who asks (default: the user of the system)')
    .addHelpText('after', '\nExample:\n  $ muster vault rotate')
    .action(async (options: Options) => {
      const by = { actor: options.actor ?? userInfo().username };
      const rotation = await post<VaultRotation>(`${await running(options)}/api/vault/rotate`, by);
      if (options.json) printJson(context, rotation);
      else print(context, rotationText(rotation));
    });
}

function rotationText(rotation: VaultRotation): string {
  const { done, left, unreadable } = rotation;
  const lost = unreadable.map((each) => `  ${each} cannot be opened, and stays as it is`);
  return [statusText(rotation), `${done} records sealed anew${left > 0 ? `, ${left} follow` : ''}`, ...lost].join('\n');
}

const statusText = ({ keys }: VaultStatus): string =>
  ['Keys', ...keys.map(({ id, createdAt }, index) => `  ${id}  ${(index === 0 ? 'in use' : 'older').padEnd(8)}  since ${createdAt}`)].join(
    '\n',
  );
