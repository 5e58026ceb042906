/** `muster attempt`: one attempt, event by event. */
import type { Command } from 'commander';
import { printable } from '../../events/checker.ts';
import { type AttemptDetail, type AttemptEvent, attemptDetail } from '../../slo/inquiry/attempt-detail.ts';
import { asTree, countedText, isBad, TOLD } from '../../slo/wording/attempt-wording.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

export function attemptCommand(program: Command, context: Context): void {
  program
    .command('attempt')
    .description('One attempt: what became of it, its events, its traces, and how each SLO counted it.')
    .argument('<id>', 'attempt_id of its events')
    .option('--source <name>', 'when several sources have an attempt of this id')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster attempt 018f3c3a-7a4e-7d2a-9f1b-0d6f2b7c1e55')
    .action(async (id: string, options: { source?: string; data?: string; json?: boolean }) => {
      const query = options.source === undefined ? '' : `?${new URLSearchParams({ source: options.source })}`;
      const detail = await throughEither(
        context,
        configOf(context, options),
        (url) => ask<AttemptDetail>(`${url}/api/attempts/${encodeURIComponent(id)}${query}`),
        ({ store, slos }) => attemptDetail({ ...store, session: store.read, slos }, { id, source: options.source }, context.now()),
        { mayCreate: false },
      );
      if (options.json) printJson(context, detail);
      else print(context, attemptText(context, detail));
    });
}

function attemptText(context: Context, detail: AttemptDetail): string {
  const { sentence, attemptId, source, labels, traces, events, counted } = detail;
  const startMs = Date.parse(detail.startedAt ?? events[0]?.time ?? '');
  const labelText = Object.entries(labels).map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`);
  const width = Math.max(...counted.map(({ slo }) => slo.length));
  const counts = counted.map((each) => {
    const colour = each.total === 0 || each.isExcluded ? 'gray' : isBad(each) ? 'red' : 'green';
    return `  ${each.slo.padEnd(width)} ${coloured(context, colour, countedText(each).padEnd(21))} ${each.meaning}`;
  });
  return [
    coloured(context, counted.some(isBad) ? 'red' : 'green', printable(sentence)),
    `${attemptId} of ${source}${detail.startedAt === null ? ', whose start was not heard' : `, started ${detail.startedAt}`}`,
    ...(labelText.length > 0 ? [printable(labelText.join(', '))] : []),
    ...traces.map((trace) => `trace ${trace}`),
    '',
    ...events.map((event) => eventText(event, startMs)),
    ...(detail.isCut ? ['  … and more'] : []),
    ...(detail.spans.length > 0 ? ['', 'Spans', ...asTree(detail.spans).map((each) => spanText(each, startMs))] : []),
    '',
    'How it counted',
    ...counts,
  ].join('\n');
}

const MAX_INDENT = 12;

function spanText({ span, depth }: ReturnType<typeof asTree>[number], startMs: number): string {
  const at = `${((span.startMs - startMs) / 1_000).toFixed(3)} s`;
  const name = `${'  '.repeat(Math.min(depth, MAX_INDENT))}${span.name}`;
  const told = [`${Number(span.durationMs.toPrecision(3))} ms`, span.service, ...(span.hasFailed ? ['failed'] : [])].filter(Boolean);
  return printable(`  ${at.padStart(13)}  ${name.padEnd(32)} ${told.join(', ')}`);
}

function eventText(event: AttemptEvent, startMs: number): string {
  const seconds = (Date.parse(event.time) - startMs) / 1_000;
  const told = TOLD.flatMap((name) => (event[name] === undefined ? [] : [String(event[name])]));
  const took = event.duration_ms === undefined ? [] : [`${event.duration_ms} ms`];
  const distance = `${seconds < 0 ? '' : '+'}${seconds.toFixed(3)} s`;
  return printable(`  ${distance.padStart(13)}  ${event.type.padEnd(32)} ${[...told, ...took].join(', ')}`.trimEnd());
}
