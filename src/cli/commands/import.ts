/** `muster import SOURCE FILE…` */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import { connectorNamed } from '../../collect/connectors/connector.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { addCounts, type ImportCounts, type ImportRecord, importRecords, noCounts } from '../../collect/import.ts';
import { parseLine } from '../../collect/parse.ts';
import { retryRejected } from '../../collect/retry.ts';
import type { Config } from '../../config.ts';
import { MusterError, systemCode } from '../../errors.ts';
import { type Context, configOf, post, print, printJson, progress, throughEither, timeOption } from '../context.ts';

const RECORDS_PER_BATCH = 2_000;
/** Without a running process the import loads what it has written whenever so much of it waits. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A JSON array or object is read whole; NDJSON of any size is streamed. */
const MAX_JSON_BYTES = 512 * 1024 * 1024;

export function importCommand(program: Command, context: Context): void {
  program
    .command('import')
    .description('Take in events from files: NDJSON, a JSON array or object, optionally gzip, or - for standard input.')
    .argument('[source]', `what the files hold: ${CONNECTORS.map(({ name }) => name).join(', ')}`)
    .argument('[file...]', 'files, or - for standard input')
    .option('--retry-rejected', 'instead of files, drive records again that were refused before (table dead_letters)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--default-time <time>', 'time of records that carry none (RFC 3339)')
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
    });
}

interface Options {
  data?: string;
  defaultTime?: string;
  retryRejected?: boolean;
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
  const total = await totalBytes(files);
  return throughEither(
    context,
    config,
    (url) =>
      importFiles(context, files, total, (records) =>
        post<ImportCounts>(`${url}/api/import/${connector.name}`, { records, ...(defaultTime !== undefined && { defaultTime }) }),
      ),
    async (services) => {
      const imported = await importFiles(context, files, total, async (records) => {
        const part = await importRecords(services, connector, records, {
          fingerprint: (text) => services.pseudonyms.of('record', text),
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
}

type Send = (records: ImportRecord[]) => Promise<ImportCounts>;

/** Takes in files one after the other. When one cannot be read to its end, the counts so far are said with the error. */
async function importFiles(context: Context, files: readonly string[], totalBytes: number, send: Send): Promise<ImportCounts> {
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
      for await (const batch of batches(recordsOf(counted))) addCounts(counts, await send(batch));
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
async function* batches(records: AsyncIterable<ImportRecord>): AsyncGenerator<ImportRecord[]> {
  let batch: ImportRecord[] = [];
  try {
    for await (const record of records) {
      batch.push(record);
      if (batch.length < RECORDS_PER_BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (batch.length > 0) yield batch;
    throw error;
  }
  if (batch.length > 0) yield batch;
}

/** The records of a file, whichever of the forms it has. */
export async function* recordsOf(input: AsyncIterable<Buffer>): AsyncGenerator<ImportRecord> {
  let number = 0;
  let document: { line: number; text: Buffer }[] | undefined;
  let size = 0;
  let isFirst = true;
  for await (const bytes of linesOf(await unpacked(input))) {
    number += 1;
    const line = number === 1 ? withoutByteOrderMark(bytes) : bytes;
    if (line.toString('latin1').trim() === '') continue;
    if (isFirst && opensDocument(line)) document = [];
    isFirst = false;
    if (!document) {
      yield { line: number, ...parseLine(line) };
      continue;
    }
    size += line.length + 1;
    if (size > MAX_JSON_BYTES)
      throw new MusterError('MUSTER_BAD_JSON', 'a JSON document of this size is not read whole; convert it to one record a line');
    document.push({ line: number, text: line });
  }
  if (document) yield* documentRecords(document);
}

const withoutByteOrderMark = (line: Buffer): Buffer => (line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? line.subarray(3) : line);

/** Whether the first line begins a document over many lines: an array, or an object that does not end on it or holds a list of records. */
function opensDocument(line: Buffer): boolean {
  const text = line.toString('utf8').trimStart();
  if (text.startsWith('[')) return true;
  if (!text.startsWith('{')) return false;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && listOf(value) !== undefined;
  } catch {
    return true;
  }
}

/** Elements of the lists under which products ship records: `Records`, `records`, `items`, `data.events`, `response` or a list in it. */
function listOf(value: Record<string, unknown>): unknown[] | undefined {
  const data = isObject(value.data) ? value.data.events : undefined;
  const response = isObject(value.response) ? Object.values(value.response).find(Array.isArray) : value.response;
  return [value.Records, value.records, value.items, data, response].find((list): list is unknown[] => Array.isArray(list));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The records of a document; when the lines are none together, each is taken for a record of its own. */
function* documentRecords(lines: readonly { line: number; text: Buffer }[]): Generator<ImportRecord> {
  let value: unknown;
  try {
    value = JSON.parse(lines.map(({ text }) => text.toString('utf8')).join('\n'));
  } catch (error) {
    if (lines[0]?.text.toString('utf8').trimStart().startsWith('[')) {
      throw new MusterError('MUSTER_BAD_JSON', 'the file begins as a JSON array, but is not a valid one', { cause: error });
    }
    for (const { line, text } of lines) yield { line, ...parseLine(text) };
    return;
  }
  const list = Array.isArray(value) ? value : ((isObject(value) ? listOf(value) : undefined) ?? [value]);
  for (const [index, element] of list.entries()) yield { line: index + 1, value: element };
}

/** Bytes of a stream, without the gzip if it has one. */
async function unpacked(input: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const iterator = input[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* all(): AsyncGenerator<Buffer> {
    if (first.done) return;
    yield first.value;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  const isGzip = !first.done && first.value[0] === 0x1f && first.value[1] === 0x8b;
  return isGzip ? gunzipped(all()) : all();
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  // A failure reaches the loop below as well; here it must only not be left unhandled.
  const piping = pipeline(Readable.from(chunks), gunzip).catch(() => {});
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw new MusterError('MUSTER_BAD_JSON', 'the gzip data is damaged or cut off; records before the damage were taken in', {
      cause: error,
    });
  }
  await piping;
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const tail = chunk.subarray(from, end);
      yield rest.length > 0 ? Buffer.concat([...rest, tail]) : tail;
      rest = [];
      from = end + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

const SHOWN_ERRORS = 10;

const countsText = (counts: ImportCounts): string =>
  `${counts.read} read: ${counts.accepted} accepted, ${counts.duplicates} known already` +
  `${counts.conflicts > 0 ? ` (${counts.conflicts} with another content)` : ''}, ` +
  `${counts.ignored} ignored (nothing to do with enrollment), ${counts.rejected} rejected`;

function printCounts(context: Context, dataDir: string, counts: ImportCounts): void {
  print(context, `${countsText(counts)} (data in ${dataDir})`);
  for (const { line, id, message } of counts.errors.slice(0, SHOWN_ERRORS))
    print(context, `  line ${line}${id === null ? '' : ` (${id})`}: ${message}`);
  if (counts.rejected > SHOWN_ERRORS) print(context, `  and ${counts.rejected - SHOWN_ERRORS} more; --json lists the first 1,000`);
}
