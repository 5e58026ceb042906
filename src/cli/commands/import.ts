/** `muster import SOURCE FILE…` */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { AnyConnector } from '../../collect/connectors/connector.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { addCounts, type ImportCounts, type ImportRecord, importRecords, noCounts } from '../../collect/import/import.ts';
import { type FileRecord, recordsOf } from '../../collect/import/record-file.ts';
import { retryRejected } from '../../collect/import/retry.ts';
import { MAPPED_SOURCES, sourceNamed, testedMapping } from '../../collect/mappings/index.ts';
import type { Config } from '../../config.ts';
import { MusterError, systemCode } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import { type Context, configOf, post, print, printJson, progress, shown, throughEither, timeOption } from '../context.ts';
import { dryRun, likeliestReason } from '../dry-run.ts';

const RECORDS_PER_BATCH = 2_000;
/** A running process takes bodies of 16 MiB. */
const BYTES_PER_BATCH = 4 * 1024 * 1024;
/** Without a running process the import loads what it has written whenever so much of it waits. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export function importCommand(program: Command, context: Context): void {
  program
    .command('import')
    .description('Take in events from files: NDJSON, a JSON array or object, optionally gzip, or - for standard input.')
    .argument('[source]', `what the files hold: ${[...CONNECTORS.map(({ name }) => name), ...MAPPED_SOURCES].join(', ')}`)
    .argument('[file...]', 'files, or - for standard input')
    .option('--mapping <file>', 'instead of a source, a mapping file (YAML) that says what the records mean; see docs/sources.md')
    .option('--dry-run', 'say what would become of each record, and keep nothing')
    .option('--explain <n>', 'show record N field by field, and keep nothing')
    .option('--retry-rejected', 'instead of files, drive records again that were refused before (table dead_letters)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--default-time <time>', 'time of records that carry none (RFC 3339)')
    .option('--strict', 'end with status 1 when any record was rejected')
    .option('--json', 'print the counts as JSON')
    .addHelpText(
      'after',
      [
        '',
        'Examples:',
        '  $ muster import okta system-log.ndjson.gz',
        '  $ muster import entra audits.json --dry-run',
        '  $ muster import entra audits.json --explain 3',
        '  $ muster import --mapping our-portal.yaml portal.ndjson',
        '  $ muster import --retry-rejected',
      ].join('\n'),
    )
    .action(async (source: string | undefined, files: string[], options: Options) => {
      timeOption('--default-time', options.defaultTime);
      if (options.dryRun || options.explain !== undefined) return dryRun(context, options, await askedFor(options, source, files));
      const config = configOf(context, { data: options.data });
      const counts = options.retryRejected
        ? await retry(context, config, options, [source, ...files])
        : await importAll(context, config, options, source, files);
      if (options.json) printJson(context, counts);
      else printCounts(context, config.dataDir, counts);
      if (!(options.retryRejected && counts.read === 0) && counts.rejected === counts.read) process.exitCode = 2;
      else if (counts.read > 0 && counts.ignored === counts.read) process.exitCode = 1;
      else if (options.strict && counts.rejected > 0) process.exitCode = 1;
    });
}

interface Options {
  data?: string;
  mapping?: string;
  dryRun?: boolean;
  explain?: string;
  defaultTime?: string;
  retryRejected?: boolean;
  strict?: boolean;
  json?: boolean;
}

async function retry(context: Context, config: Config, { defaultTime }: Options, named: (string | undefined)[]): Promise<ImportCounts> {
  if (named.some((each) => each !== undefined))
    throw new MusterError('MUSTER_BAD_ARGUMENT', '--retry-rejected: takes no source and no files; it drives what is in dead_letters');
  return throughEither(
    context,
    config,
    (url) => post<ImportCounts>(`${url}/api/rejected/retry`, { ...(defaultTime !== undefined && { defaultTime }) }),
    async ({ intake, drain, store, people, now }) => {
      await people.audited(userInfo().username, 'rejected.retry', 'dead_letters');
      return retryRejected({ intake, drain, engine: store.engine, now }, defaultTime);
    },
    { mayCreate: false },
  );
}

async function importAll(
  context: Context,
  config: Config,
  options: Options,
  source: string | undefined,
  named: string[],
): Promise<ImportCounts> {
  const { defaultTime } = options;
  const { connector, files, mapping } = await askedFor(options, source, named);
  const first: { record?: unknown } = {};
  const reading = { files, totalBytes: await totalBytes(files), first, connector };
  const counts = await throughEither(
    context,
    config,
    (url) =>
      importFiles(context, reading, (records) =>
        post<ImportCounts>(`${url}/api/${mapping === undefined ? `import/${connector.name}` : 'import-by-mapping'}`, {
          records,
          ...(mapping !== undefined && { mapping }),
          ...(defaultTime !== undefined && { defaultTime }),
        }),
      ),
    async (services) => {
      const imported = await importFiles(context, reading, async (records) => {
        const part = await importRecords(services, connector, records, {
          fingerprint: services.pseudonyms.fingerprint,
          ...(defaultTime !== undefined && { defaultTime }),
        });
        if (services.log.bytes() > MAX_WAITING_BYTES) await services.drain();
        return part;
      });
      await services.drain();
      return imported;
    },
    { mayCreate: true },
  );
  if (counts.read > 0 && counts.ignored === counts.read)
    context.stderr.write(`muster: nothing was recognised as ${connector.name}: ${shown(likeliestReason(connector, first.record))}\n`);
  return counts;
}

/** The connector that was asked for, and the files: with a mapping file, what stands in the place of the source is a file too. */
async function askedFor(
  { mapping }: Options,
  source: string | undefined,
  files: readonly string[],
): Promise<{ connector: AnyConnector; files: string[]; mapping?: { text: string; file: string } }> {
  const all = source === undefined ? [...files] : mapping === undefined ? [...files] : [source, ...files];
  if ((mapping === undefined && source === undefined) || all.length === 0)
    throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected a source and its files, such as muster import okta system-log.ndjson.gz');
  if (mapping === undefined) return { connector: await sourceNamed(CONNECTORS, source ?? ''), files: all };
  await totalBytes([mapping]);
  const text = await readFile(mapping, 'utf8');
  return { connector: await testedMapping(text, mapping), files: all, mapping: { text, file: mapping } };
}

type Send = (records: ImportRecord[]) => Promise<ImportCounts>;

/** Takes in files one after the other. When one cannot be read to its end, the counts so far are said with the error. */
async function importFiles(
  context: Context,
  {
    files,
    totalBytes,
    first,
    connector,
  }: { files: readonly string[]; totalBytes: number; first: { record?: unknown }; connector: AnyConnector },
  send: Send,
): Promise<ImportCounts> {
  const bar = progress(context, 'importing', totalBytes);
  const counts = noCounts();
  let doneBytes = 0;
  try {
    for (const file of files) {
      const input = file === '-' ? context.stdin : createReadStream(file);
      const counted = counting(input, (bytes) => {
        doneBytes += bytes;
        bar.update(doneBytes);
      });
      for await (const batch of batches(recordsOf(counted, connector.ofLine))) {
        const [record] = batch;
        if (record && 'value' in record) first.record ??= record.value;
        addCounts(counts, await send(batch));
      }
    }
  } catch (error) {
    bar.stop();
    if (counts.read > 0) context.stderr.write(`muster: before the failure below: ${countsText(counts)}\n`);
    throw error;
  }
  bar.stop();
  return counts;
}

async function* counting(chunks: AsyncIterable<Buffer>, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}

async function totalBytes(files: readonly string[]): Promise<number> {
  let total = 0;
  for (const file of files) {
    if (file === '-') continue;
    try {
      const entry = await stat(file);
      if (entry.isDirectory()) throw new MusterError('MUSTER_NO_SUCH_FILE', `${file}: is a directory; name the files in it`);
      total += entry.size;
    } catch (error) {
      if (error instanceof MusterError) throw error;
      throw new MusterError('MUSTER_NO_SUCH_FILE', `${file}: ${systemCode(error) === 'ENOENT' ? 'no such file' : 'cannot be read'}`, {
        cause: error,
      });
    }
  }
  return total;
}

/** Records in batches. When reading fails, what was read before is still handed on. */
async function* batches(records: AsyncIterable<FileRecord>): AsyncGenerator<ImportRecord[]> {
  let batch: ImportRecord[] = [];
  let size = 0;
  try {
    for await (const { record, bytes } of records) {
      batch.push(record);
      size += bytes;
      if (batch.length < RECORDS_PER_BATCH && size < BYTES_PER_BATCH) continue;
      yield batch;
      batch = [];
      size = 0;
    }
  } catch (error) {
    if (batch.length > 0) yield batch;
    throw error;
  }
  if (batch.length > 0) yield batch;
}

const SHOWN_ERRORS = 10;
const SHOWN_TYPES = 10;

const countsText = (counts: ImportCounts): string =>
  `${counts.read} read: ${counts.accepted} accepted, ${counts.duplicates} known already` +
  `${counts.conflicts > 0 ? ` (${counts.conflicts} with another content)` : ''}, ` +
  `${counts.ignored} ignored (nothing to do with enrollment), ${counts.rejected} rejected`;

function printCounts(context: Context, dataDir: string, counts: ImportCounts): void {
  print(context, `${countsText(counts)} (data in ${dataDir})`);
  const ignored = Object.entries(counts.ignored_types).sort(([, a], [, b]) => b - a);
  const more = ignored.length > SHOWN_TYPES ? `, and ${ignored.length - SHOWN_TYPES} more (--json lists them)` : '';
  if (ignored.length > 0)
    print(
      context,
      `  ignored: ${printable(
        ignored
          .slice(0, SHOWN_TYPES)
          .map(([type, n]) => `${type} ${n}`)
          .join(', '),
      )}${more}`,
    );
  if (counts.without_person > 0) print(context, `  ${counts.without_person} of the accepted do not say whom they concern`);
  for (const { line, id, message } of counts.errors.slice(0, SHOWN_ERRORS))
    print(context, printable(`  line ${line}${id === null ? '' : ` (${id})`}: ${message}`));
  if (counts.rejected > SHOWN_ERRORS) print(context, `  and ${counts.rejected - SHOWN_ERRORS} more; --json lists the first 1,000`);
}
