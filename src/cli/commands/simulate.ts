/** `muster simulate` */

import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { MusterError, systemCode } from '../../errors.ts';
import { parseTime } from '../../events/time.ts';
import { FAULTS, parseFault, type ScheduledFault } from '../../lab/faults.ts';
import { simulate } from '../../lab/simulate.ts';
import { DAY_MS } from '../../system/time.ts';
import { type Context, print, progress, wholeNumber } from '../context.ts';

interface Options {
  seed: string;
  days: string;
  rate: string;
  end?: string;
  fault?: string[];
  out: string;
}

export function simulateCommand(program: Command, context: Context): void {
  program
    .command('simulate')
    .description(
      'Writes a deterministic history of enrollments as NDJSON (source muster), and beside it FILE.truth.json with what is true of it.',
    )
    .requiredOption('--seed <n>', 'the same seed gives the same history')
    .requiredOption('--days <n>', 'length of the history')
    .requiredOption('--rate <n>', 'attempts per day, on average')
    .requiredOption('--out <file>', 'file to write')
    .option('--end <time>', 'end of the history (RFC 3339; default now, cut to the minute)')
    .option(
      '--fault <fault...>',
      `NAME@T+DURATION, T as RFC 3339 or before the end (-2d); names: ${FAULTS.map(({ name }) => name).join(', ')}`,
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ muster simulate --seed 7 --days 2 --rate 3000 --fault provider_outage@-6h+45m --out history.ndjson',
    )
    .action(async (options: Options) => {
      const endMs = options.end === undefined ? Math.floor(context.now() / 60_000) * 60_000 : parseTime(options.end);
      if (endMs === undefined)
        throw new MusterError('MUSTER_BAD_ARGUMENT', `--end ${options.end?.slice(0, 60)}: expected RFC 3339, such as 2026-03-01T00:00:00Z`);
      const days = wholeNumber('--days', options.days, 1, 3_650);
      const { days: history, truth } = simulate({
        seed: wholeNumber('--seed', options.seed, 0, 2 ** 31),
        days,
        perDay: wholeNumber('--rate', options.rate, 1, 10_000_000),
        endMs,
        faults: (options.fault ?? []).map((text) => within(parseFault(text, endMs), text, endMs - days * DAY_MS, endMs)),
      });
      const bar = progress(context, 'simulating', days);
      let events = 0;
      async function* text() {
        for (const { day, events: made } of history) {
          for (let from = 0; from < made.length; from += 1_000)
            yield made
              .slice(from, from + 1_000)
              .map((event) => `${JSON.stringify(event)}\n`)
              .join('');
          events += made.length;
          bar.update(day + 1);
        }
      }
      try {
        await pipeline(text, createWriteStream(options.out));
      } catch (error) {
        throw new MusterError('MUSTER_BAD_ARGUMENT', `--out ${options.out}: cannot be written (${systemCode(error) ?? 'unknown error'})`, {
          cause: error,
        });
      } finally {
        bar.stop();
      }
      await writeFile(`${options.out}.truth.json`, `${JSON.stringify(truth(), null, 2)}\n`);
      print(context, `${events} events in ${options.out}, what is true of them in ${options.out}.truth.json`);
    });
}

/** A fault of the history. @throws MUSTER_BAD_ARGUMENT when it lies outside, where nobody would meet it */
function within(fault: ScheduledFault, text: string, startMs: number, endMs: number): ScheduledFault {
  if (fault.startMs >= startMs && fault.endMs <= endMs) return fault;
  const range = `${new Date(startMs).toISOString()} to ${new Date(endMs).toISOString()}`;
  throw new MusterError('MUSTER_BAD_ARGUMENT', `--fault ${text.slice(0, 80)}: lies outside the history, which is from ${range}`);
}
