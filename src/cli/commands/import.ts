/** `muster import SOURCE FILE…` */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { type Connector, connectorNamed } from '../../collect/connectors/connector.ts';
import { mapUnwrapped } from '../../collect/connectors/envelope.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { addCounts, type ImportCounts, type ImportRecord, importRecords, noCounts } from '../../collect/import/import.ts';
import { type FileRecord, recordsOf } from '../../collect/import/record-file.ts';
import { retryRejected } from '../../collect/import/retry.ts';
import type { Config } from '../../config.ts';
import { MusterError, systemCode } from '../../errors.ts';
import { fieldName, printable } from '../../events/checker.ts';
import { type Context, configOf, post, print, printJson, progress, shown, throughEither, timeOption } from '../context.ts';

const RECORDS_PER_BATCH = 2_000;
/** A running process takes bodies of 16 MiB. */
const BYTES_PER_BATCH = 4 * 1024 * 1024;
/** Without a running process the import loads what it has written whenever so much of it waits. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export function importCommand(program: Command, context: Context): void {
  program
    .command('import')
    .description('Take in events from files: NDJSON, a JSON array or object, optionally gzip, or - for standard input.')
    .argument('[source]', `what the files hold: ${CONNECTORS.map(({ name }) => name).join(', ')}`)
    .argument('[file...]', 'files, or - for standard input')
    .option('--retry-rejected', 'instead of files, drive records again that were refused before (table dead_letters)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--default-time <time>', 'time of records that carry none (RFC 3339)')
    .option('--strict', 'end with status 1 when any record was rejected')
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', '\nExamples:\n  $ muster import okta system-log.ndjson.gz\n  $ muster import --retry-rejected')
    .action(async (source: string | undefined, files: string[], options: Options) => {
      timeOption('--default-time', options.defaultTime);
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
  { defaultTime }: Options,
  source: string | undefined,
  files: string[],
): Promise<ImportCounts> {
  if (source === undefined || files.length === 0)
    throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected a source and its files, such as muster import okta system-log.ndjson.gz');
  const connector = connectorNamed(CONNECTORS, source);
  const first: { record?: unknown } = {};
  const reading = { files, totalBytes: await totalBytes(files), first, connector };
  const counts = await throughEither(
    context,
    config,
    (url) =>
      importFiles(context, reading, (records) =>
        post<ImportCounts>(`${url}/api/import/${connector.name}`, { records, ...(defaultTime !== undefined && { defaultTime }) }),
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

/** Why a connector makes nothing of any record, by the first. */
function likeliestReason(connector: Connector, record: unknown): string {
  const context = { fingerprint: () => '', defaultTime: '2000-01-01T00:00:00Z' };
  const other = CONNECTORS.find(
    (each) => !['muster', 'cloudevents', connector.name].includes(each.name) && mapUnwrapped(each, record, context).kind === 'events',
  );
  if (other) return `these look like records of ${other.name}; try muster import ${other.name}`;
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'its records are no JSON objects';
  const names = Object.keys(record)
    .slice(0, MAX_KEYS)
    .map((name) => JSON.stringify(fieldName(name)));
  if ('specversion' in record) return 'these look like CloudEvents; try muster import cloudevents';
  if ('attempt_id' in record) return 'these look like events of Muster; try muster import muster';
  return `it reads ${connector.reads}, and the first record has the fields ${names.join(', ')}`;
}

const MAX_KEYS = 8;

type Send = (records: ImportRecord[]) => Promise<ImportCounts>;

/** Takes in files one after the other. When one cannot be read to its end, the counts so far are said with the error. */
async function importFiles(
  context: Context,
  {
    files,
    totalBytes,
    first,
    connector,
  }: { files: readonly string[]; totalBytes: number; first: { record?: unknown }; connector: Connector },
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
