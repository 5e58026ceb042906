/** `muster attempt`: one attempt, event by event. */
import type { Command } from 'commander';
import { type AttemptDetail, type AttemptEvent, attemptDetail } from '../../slo/attempt-detail.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

/** Fields that say most, in this order. */
const TOLD = ['provider', 'operation', 'http_status', 'outcome', 'error_class', 'error_code', 'action', 'reason', 'duration_ms'] as const;

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
        ({ store, slos }) => attemptDetail(store.read, slos, { id, source: options.source }, context.now()),
        { mayCreate: false },
      );
      if (options.json) printJson(context, detail);
      else print(context, attemptText(context, detail));
    });
}

function attemptText(context: Context, detail: AttemptDetail): string {
  const { sentence, attemptId, source, labels, traces, events, counted } = detail;
  const startMs = Date.parse(detail.startedAt ?? events[0]?.time ?? '');
  const isBad = counted.some(({ good, total }) => good < total);
  const labelText = Object.entries(labels).map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`);
  const width = Math.max(...counted.map(({ slo }) => slo.length));
  const counts = counted.map(({ slo, good, total, meaning }) => {
    const verdict = total === 0 ? 'not counted' : total === 1 ? (good === 1 ? 'good' : 'bad') : `${total - good} of ${total} bad`;
    return `  ${slo.padEnd(width)} ${coloured(context, total === 0 ? 'gray' : good < total ? 'red' : 'green', verdict.padEnd(12))} ${meaning}`;
  });
  return [
    coloured(context, isBad ? 'red' : 'green', sentence),
    `${attemptId} of ${source}${detail.startedAt === null ? ', whose start was not heard' : `, started ${detail.startedAt}`}`,
    ...(labelText.length > 0 ? [labelText.join(', ')] : []),
    ...traces.map((trace) => `trace ${trace}`),
    '',
    ...events.map((event) => eventText(event, startMs)),
    '',
    'How it counted',
    ...counts,
  ].join('\n');
}

function eventText(event: AttemptEvent, startMs: number): string {
  const seconds = (Date.parse(event.time) - startMs) / 1_000;
  const told = TOLD.flatMap((name) =>
    event[name] === undefined ? [] : [name === 'duration_ms' ? `${event[name]} ms` : String(event[name])],
  );
  return `  ${`${seconds < 0 ? '' : '+'}${seconds.toFixed(3)} s`.padStart(13)}  ${event.type.padEnd(32)} ${told.join(', ')}`.trimEnd();
}
