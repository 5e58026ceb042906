/** `muster pseudonyms status|rotate|retire` */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { People, PseudonymStatus } from '../../collect/people/people.ts';
import { MusterError } from '../../errors.ts';
import { ask, type Context, configOf, post, print, printJson, throughEither } from '../context.ts';

interface Options {
  actor?: string;
  force?: boolean;
  data?: string;
  json?: boolean;
}

export function pseudonymsCommand(program: Command, context: Context): void {
  const pseudonyms = program
    .command('pseudonyms')
    .description('The keys by which people, devices, destinations and sessions become references.');
  const actorOf = ({ actor }: Options) => actor ?? userInfo().username;
  const done = async (
    options: Options,
    remote: (url: string) => Promise<PseudonymStatus>,
    local: (people: People) => Promise<PseudonymStatus>,
  ) => {
    const config = configOf(context, { data: options.data });
    const status = await throughEither(context, config, remote, ({ people }) => local(people), { mayCreate: false });
    if (options.json) printJson(context, status);
    else print(context, statusText(status));
  };
  const withData = (command: Command) =>
    command.option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)').option('--json', 'print as JSON');

  withData(pseudonyms.command('status'))
    .description('Keys, and how many references only an older one leads to.')
    .addHelpText('after', '\nExample:\n  $ muster pseudonyms status')
    .action((options: Options) =>
      done(
        options,
        (url) => ask(`${url}/api/pseudonyms`),
        async (people) => people.status(),
      ),
    );
  withData(pseudonyms.command('rotate'))
    .description('Makes a new key. References stay as they are: who is known keeps the one that there is.')
    .option('--actor <name>', 'who asks (default: the user of the system)')
    .addHelpText('after', '\nExample:\n  $ muster pseudonyms rotate')
    .action((options: Options) => {
      const by = { actor: actorOf(options) };
      return done(
        options,
        (url) => post(`${url}/api/pseudonyms/rotate`, by),
        (people) => people.rotate(by),
      );
    });
  withData(pseudonyms.command('retire'))
    .description('Destroys an older key.')
    .argument('<key>', 'its number')
    .option('--force', 'even if it still leads to somebody, who would come back as somebody new')
    .option('--actor <name>', 'who asks (default: the user of the system)')
    .addHelpText('after', '\nExample:\n  $ muster pseudonyms retire 1')
    .action((key: string, options: Options) => {
      if (!/^\d{1,9}$/.test(key)) throw new MusterError('MUSTER_BAD_ARGUMENT', `${key.slice(0, 20)}: expected the number of a key`);
      const by = { actor: actorOf(options), force: options.force === true };
      return done(
        options,
        (url) => post(`${url}/api/pseudonyms/retire`, { key: Number(key), ...by }),
        (people) => people.retire(Number(key), by),
      );
    });
}

function statusText({ keys, references, behind }: PseudonymStatus): string {
  const lines = keys.map(({ id, createdAt, state }) => `  ${id}  ${state.padEnd(8)}  since ${createdAt}`);
  const told = keys.length > 1 ? `, ${behind} of them led to by an older key only` : '';
  return ['Keys', ...lines, `${references} references${told}`].join('\n');
}
