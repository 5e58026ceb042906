/** `muster sources` */
import type { Command } from 'commander';
import { printable } from '../../events/checker.ts';
import { type ShownSource, sourcesNow } from '../../serve/sources.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';
import { momentText } from '../figures.ts';

export function sourcesCommand(program: Command, context: Context): void {
  program
    .command('sources')
    .description('What each source sends, which SLIs it feeds and why no others, and how late its records come in.')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster sources')
    .action(async (options: { data?: string; json?: boolean }) => {
      const sources = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<ShownSource[]>(`${url}/api/sources`),
        ({ store }) => sourcesNow(store.read, context.now()),
        { mayCreate: false },
      );
      if (options.json) printJson(context, sources);
      else print(context, sourcesText(context, sources));
    });
}

function sourcesText(context: Context, sources: readonly ShownSource[]): string {
  const width = Math.max(...sources.map(({ source }) => source.length));
  const seen = sources.filter(({ last }) => last !== null);
  const unread = sources.filter(({ last }) => last === null);
  const answers = ({ feeds, missing }: ShownSource) =>
    `feeds ${feeds.length === 0 ? 'no SLI' : feeds.join(' ')}${missing === '' ? '' : coloured(context, 'gray', `: it tells of ${missing}`)}`;
  const lines = (of: readonly ShownSource[]) =>
    of.flatMap((each) => {
      const { source, last, lagSeconds, records, refused } = each;
      const came = last === null ? [] : [`newest ${momentText(last)}`, `came in after ${lagText(lagSeconds ?? 0)}`, `${records} in 24 h`];
      const said = refused === 0 ? [] : [coloured(context, 'yellow', `${refused} refused`)];
      const state = [...came, ...said].join(', ');
      return [
        `  ${printable(source).padEnd(width)}  ${state === '' ? answers(each) : state}`,
        ...(state === '' ? [] : [`  ${' '.repeat(width)}  ${answers(each)}`]),
      ];
    });
  return [
    seen.length === 0 ? 'No source has sent anything in thirty days.' : 'Sources that sent something in thirty days:',
    ...lines(seen),
    '',
    'What can be read beside them (muster import SOURCE FILE):',
    ...lines(unread),
  ].join('\n');
}

function lagText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
