/** `muster keys create|list|rotate|revoke` */

import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { EVENT_TYPES, type EventType } from '../../events/catalogue.ts';
import { printable } from '../../events/checker.ts';
import { type KeyRequest, SCOPES, type Scope, type ShownKey } from '../../serve/access/keys.ts';
import { ask, type Context, coloured, configOf, post, print, printJson, throughEither, timeOption } from '../context.ts';
import type { Services } from '../services.ts';

type Made = { key: string } & ShownKey;

interface CreateOptions {
  scope: string[];
  name?: string;
  source?: string[];
  type?: string[];
  anyTraffic?: boolean;
  from?: string;
  until?: string;
  rate?: string;
  data?: string;
  json?: boolean;
}

export function keysCommand(program: Command, context: Context): void {
  const keys = program.command('keys').description('Keys of the API. Once there is one, every request needs one.');
  const actor = () => userInfo().username;
  const either = <T>(data: string | undefined, remote: (url: string) => Promise<T>, local: (services: Services) => Promise<T>) =>
    throughEither(context, configOf(context, { data }), remote, local, { mayCreate: true });
  const withData = (command: Command) =>
    command.option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)').option('--json', 'print as JSON');
  /** The key alone goes to standard output, so that it can be piped where it belongs. */
  const show = (made: Made, isJson: boolean | undefined) => {
    if (isJson) return printJson(context, made);
    context.stderr.write(`Key ${made.id} (${made.scopes.join(', ')}). It is shown this once; only its digest is kept.\n`);
    print(context, made.key);
  };

  withData(keys.command('create'))
    .description('Makes a key and prints it, once.')
    .requiredOption('--scope <scope...>', `what it may do: ${SCOPES.join(', ')}`)
    .option('--name <text>', 'whose it is')
    .option('--source <name...>', 'ingest: only events of these sources')
    .option('--type <type...>', 'ingest: only events of these types')
    .option('--any-traffic', 'ingest: also synthetic, internal and bot traffic')
    .option('--from <time>', 'valid from this moment on (RFC 3339)')
    .option('--until <time>', 'valid until this moment')
    .option('--rate <n>', 'requests per second')
    .addHelpText('after', '\nExample:\n  $ muster keys create --scope ingest --source enrollment-app --name "enrollment app"')
    .action(async (options: CreateOptions) => {
      const request = requestOf(options);
      const made = await either<Made>(
        options.data,
        (url) => post(`${url}/api/keys`, { ...request, actor: actor() }),
        async (services) => {
          const { key, shown } = await services.keys.create(request, ({ id, scopes }) =>
            services.people.audited(actor(), 'keys.create', id, scopes.join(' ')),
          );
          return { key, ...shown };
        },
      );
      show(made, options.json);
    });

  withData(keys.command('list'))
    .description('Keys and what they may do.')
    .addHelpText('after', '\nExample:\n  $ muster keys list')
    .action(async (options: { data?: string; json?: boolean }) => {
      const list = await either<ShownKey[]>(
        options.data,
        (url) => ask(`${url}/api/keys`),
        async (services) => services.keys.list(),
      );
      if (options.json) printJson(context, list);
      else if (list.length === 0) print(context, 'No keys: who reaches this machine needs none.');
      else for (const key of list) print(context, keyText(context, key));
    });

  withData(keys.command('rotate'))
    .description('Makes another key that may do the same; the old one goes on for a while.')
    .argument('<id>', 'as muster keys list shows it')
    .option('--grace <hours>', 'hours until the old key ends', '24')
    .addHelpText('after', '\nExample:\n  $ muster keys rotate 3f1c0f0e --grace 48')
    .action(async (id: string, options: { grace: string; data?: string; json?: boolean }) => {
      const hours = Number(options.grace);
      if (!(hours >= 0 && hours <= 8_760)) throw new MusterError('MUSTER_BAD_ARGUMENT', '--grace: expected hours, from 0 to 8760');
      const graceMs = Math.round(hours * 3_600_000);
      const made = await either<Made>(
        options.data,
        (url) => post(`${url}/api/keys/${encodeURIComponent(id)}/rotate`, { graceMs, actor: actor() }),
        async (services) => {
          const { key, shown } = await services.keys.rotate(id, graceMs, (next) =>
            services.people.audited(actor(), 'keys.rotate', id.slice(0, 64), `now ${next.id}`),
          );
          return { key, ...shown };
        },
      );
      show(made, options.json);
    });

  withData(keys.command('revoke'))
    .description('Ends a key, within a second.')
    .argument('<id>', 'as muster keys list shows it')
    .addHelpText('after', '\nExample:\n  $ muster keys revoke 3f1c0f0e')
    .action(async (id: string, options: { data?: string; json?: boolean }) => {
      const revoked = await either<ShownKey>(
        options.data,
        (url) =>
          ask(`${url}/api/keys/${encodeURIComponent(id)}`, {
            method: 'DELETE',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ actor: actor() }),
          }),
        async (services) => {
          const shown = await services.keys.revoke(id);
          await services.people.audited(actor(), 'keys.revoke', shown.id);
          return shown;
        },
      );
      if (options.json) printJson(context, revoked);
      else print(context, keyText(context, revoked));
    });
}

/** @throws MUSTER_BAD_ARGUMENT */
function requestOf({ scope, name = '', source = [], type = [], anyTraffic = false, from, until, rate }: CreateOptions): KeyRequest {
  const known = <T extends string>(option: string, given: readonly string[], all: readonly T[]): T[] =>
    given.map((each) => {
      if ((all as readonly string[]).includes(each)) return each as T;
      throw new MusterError(
        'MUSTER_BAD_ARGUMENT',
        `${option} ${each.slice(0, 60)}: expected ${all.length > 9 ? 'one of the catalogue (schemas/events/)' : all.join(', ')}`,
      );
    });
  const moment = (option: string, text: string | undefined) => {
    const ms = timeOption(option, text);
    return ms === undefined ? null : new Date(ms).toISOString();
  };
  const ratePerSecond = rate === undefined ? null : Number(rate);
  if (ratePerSecond !== null && !(ratePerSecond > 0 && ratePerSecond <= 1e6))
    throw new MusterError('MUSTER_BAD_ARGUMENT', '--rate: expected requests per second, such as 50');
  const scopes = known<Scope>('--scope', scope, SCOPES);
  if ((source.length > 0 || type.length > 0 || anyTraffic) && !scopes.includes('ingest'))
    throw new MusterError('MUSTER_BAD_ARGUMENT', '--source, --type and --any-traffic: are for keys with --scope ingest');
  return {
    name,
    scopes,
    sources: source,
    types: known<EventType>('--type', type, EVENT_TYPES),
    anyTraffic,
    validFrom: moment('--from', from),
    validUntil: moment('--until', until),
    ratePerSecond,
  };
}

function keyText(context: Context, key: ShownKey): string {
  const { id, name, scopes, sources, types, anyTraffic, validFrom, validUntil, ratePerSecond, revokedAt } = key;
  const now = context.now();
  const ended =
    revokedAt !== null ? `revoked ${revokedAt}` : validUntil !== null && Date.parse(validUntil) <= now ? `ended ${validUntil}` : undefined;
  const told = [
    scopes.join(', '),
    ...(sources.length > 0 ? [`sources ${sources.join(', ')}`] : []),
    ...(types.length > 0 ? [`types ${types.join(', ')}`] : []),
    ...(anyTraffic ? ['any traffic'] : []),
    ...(ratePerSecond === null ? [] : [`${ratePerSecond}/s`]),
    ...(validFrom !== null && Date.parse(validFrom) > now ? [`from ${validFrom}`] : []),
    ...(ended === undefined && validUntil !== null ? [`until ${validUntil}`] : []),
  ];
  return `${id}  ${coloured(context, ended ? 'gray' : 'green', ended ?? 'valid')}  ${printable(told.join(' · '))}${name ? `  ${printable(name)}` : ''}`;
}
