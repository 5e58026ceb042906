/** `muster explain`: what accounts for the failures. */

import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import { sloNamed } from '../../slo/definition/openslo.ts';
import { type Explanation, explain } from '../../slo/inquiry/explain.ts';
import {
  ask,
  type Context,
  coloured,
  configOf,
  momentParameters,
  neededTime,
  print,
  printJson,
  throughEither,
  timeOption,
} from '../context.ts';
import { countText } from '../figures.ts';

interface Options {
  slo: string;
  from: string;
  to?: string;
  baselineFrom?: string;
  baselineTo?: string;
  data?: string;
  json?: boolean;
  limit: string;
}

export function explainCommand(program: Command, context: Context): void {
  program
    .command('explain')
    .description('Ranks dimension values, and pairs of them, by their failures beyond a baseline.')
    .requiredOption('--slo <name>', 'the SLO whose failures are to be explained')
    .requiredOption('--from <time>', 'from this moment on (RFC 3339)')
    .option('--to <time>', 'up to this moment (default now)')
    .option('--baseline-from <time>', 'compare with a time that begins here (default: the same length of time before)')
    .option('--baseline-to <time>', 'and ends here (default: --from)')
    .option('--limit <n>', 'rows to print', '15')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON, all of it')
    .addHelpText('after', '\nExample:\n  $ muster explain --slo enrollment-success --from 2026-11-24T12:00:00Z --to 2026-11-24T13:00:00Z')
    .action(async (options: Options) => {
      const fromMs = neededTime('--from', options.from);
      const toMs = timeOption('--to', options.to) ?? context.now();
      const baselineToMs = timeOption('--baseline-to', options.baselineTo) ?? fromMs;
      const baselineFromMs = timeOption('--baseline-from', options.baselineFrom) ?? baselineToMs - (toMs - fromMs);
      if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', '--from must be before --to');
      if (baselineFromMs >= baselineToMs) throw new MusterError('MUSTER_BAD_ARGUMENT', '--baseline-from must be before --baseline-to');
      const rows = await throughEither(
        context,
        configOf(context, { data: options.data }),
        (url) =>
          ask<Explanation[]>(
            `${url}/api/slos/${encodeURIComponent(options.slo)}/explain?${momentParameters({ from: fromMs, to: toMs, baseline_from: baselineFromMs, baseline_to: baselineToMs })}`,
          ),
        (services) =>
          explain(services.store.engine, sloNamed(services.slos, options.slo).sli, {
            when: { fromMs, toMs },
            baseline: { fromMs: baselineFromMs, toMs: baselineToMs },
            nowMs: context.now(),
          }),
        { mayCreate: false },
      );
      if (options.json) printJson(context, rows);
      else printTable(context, rows, Number(options.limit) || 15);
    });
}

function printTable(context: Context, rows: readonly Explanation[], limit: number): void {
  if (rows.length === 0) {
    print(context, 'Nothing failed beyond what the baseline makes expect.');
    return;
  }
  print(context, `${'excess'.padStart(8)} ${'of all'.padStart(6)}  ${'failed'.padEnd(16)} where`);
  for (const row of rows.slice(0, limit)) {
    const names = row.dimension.split(',');
    const where = printable(names.map((name, i) => `${name}=${row.values[i]}`).join(' and '));
    const excess = row.excess >= 100 ? countText(Math.round(row.excess)) : row.excess.toFixed(1);
    const share = `${Math.round(row.excessShare * 100)} %`;
    const failed = `${countText(row.bad)} of ${countText(row.total)}`;
    const line = `${excess.padStart(8)} ${share.padStart(6)}  ${failed.padEnd(16)} ${where}`;
    print(context, row.isSignificant ? line : coloured(context, 'gray', `${line} (not significant)`));
  }
  print(context, coloured(context, 'gray', 'One failure counts in a row of each label that it has: rows do not add up.'));
  const [example] = rows[0]?.examples ?? [];
  if (example) print(context, `\nFor example: ${printable(rows[0]?.examples.join(', ') ?? '')}`);
}
