/** `muster query` */
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { TABLES } from '../../names.ts';
import { QUERY_LIMITS } from '../../store/guard/guard.ts';
import { askBytes, type Context, configOf, shownPlain, throughEither } from '../context.ts';

export function queryCommand(program: Command, context: Context): void {
  program
    .command('query')
    .description('Reads with SQL (ClickHouse), from the documented tables only.')
    .argument('<sql>', 'a SELECT, SHOW TABLES or DESCRIBE TABLE; - reads it from the input')
    .option('--format <name>', 'any output format of ClickHouse (default: PrettyCompact on a terminal, JSONEachRow in a pipe)')
    .option('--json', 'the same as --format JSONEachRow')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .addHelpText(
      'after',
      `\nTables: ${TABLES.join(', ')}.
A query may take ${QUERY_LIMITS.seconds} s, ${QUERY_LIMITS.memoryBytes / 2 ** 20} MiB of memory and ${QUERY_LIMITS.rows.toLocaleString('en')} rows.

Examples:
  $ muster query "SHOW TABLES"
  $ muster query "SELECT result, count() FROM attempts GROUP BY result ORDER BY 2 DESC"
  $ muster query "SELECT * FROM events_v WHERE time > now() - INTERVAL 1 HOUR" --format CSVWithNames > events.csv`,
    )
    .action(async (argument: string, options: { format?: string; json?: boolean; data?: string }) => {
      const sql = argument === '-' ? await text(context.stdin) : argument;
      if (sql.trim() === '') throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected SQL, such as "SELECT count() FROM attempts"');
      const preferred = context.stdout.isTTY ? 'PrettyCompact' : 'JSONEachRow';
      const query = { sql, format: options.format ?? (options.json ? 'JSONEachRow' : preferred) };
      const bytes = await throughEither(
        context,
        configOf(context, options),
        (url) =>
          askBytes(`${url}/api/query`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(query) }),
        async ({ store }) => (await store.guard.query(query)).bytes,
        { mayCreate: false },
      );
      context.stdout.write(context.stdout.isTTY ? shownPlain(bytes.toString()) : bytes);
    });
}
