/** `muster import SOURCE FILE…` */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import { connectorNamed } from '../../collect/connectors/connector.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { addCounts, type ImportCounts, type ImportRecord, importRecords, noCounts } from '../../collect/import.ts';
import { parseLine } from '../../collect/parse.ts';
import { MusterError, systemCode } from '../../errors.ts';
import { parseTime } from '../../events/time.ts';
import { ask, type Context, configOf, print, printJson, progress, throughEither } from '../context.ts';

const RECORDS_PER_BATCH = 2_000;
/** A JSON array or object is read whole; NDJSON of any size is streamed. */
const MAX_JSON_BYTES = 512 * 1024 * 1024;

export function importCommand(program: Command, context: Context): void {
  program
    .command('import')
    .description('Take in events from files: NDJSON, a JSON array or object, optionally gzip, or - for standard input.')
    .argument('<source>', `what the files hold: ${CONNECTORS.map(({ name }) => name).join(', ')}`)
    .argument('<file...>', 'files, or - for standard input')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--default-time <time>', 'time of records that carry none (RFC 3339)')
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', '\nExample:\n  $ muster import okta system-log.ndjson.gz')
    .action(async (source: string, files: string[], options: { data?: string; defaultTime?: string; json?: boolean }) => {
      const connector = connectorNamed(CONNECTORS, source);
      if (options.defaultTime !== undefined && parseTime(options.defaultTime) === undefined) {
        throw new MusterError(
          'MUSTER_BAD_ARGUMENT',
          `--default-time ${options.defaultTime.slice(0, 60)}: expected RFC 3339, such as 2026-03-01T09:30:00Z`,
        );
      }
      const total = await totalBytes(files);
      const counts = await throughEither(
        context,
        configOf(context, options),
        (url) =>
          importFiles(context, files, total, (records) =>
            ask<ImportCounts>(`${url}/api/import/${connector.name}`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ records, ...(options.defaultTime !== undefined && { defaultTime: options.defaultTime }) }),
            }),
          ),
        async (services) => {
          const imported = await importFiles(context, files, total, (records) =>
            importRecords(services, connector, records, {
              fingerprint: (text) => services.pseudonyms.of('record', text),
              ...(options.defaultTime !== undefined && { defaultTime: options.defaultTime }),
            }),
          );
          await services.drain();
          return imported;
        },
      );
      if (options.json) printJson(context, counts);
      else printCounts(context, counts);
      if (counts.read === 0 || counts.rejected === counts.read) process.exitCode = 2;
    });
}

type Send = (records: ImportRecord[]) => Promise<ImportCounts>;

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
  } finally {
    bar.stop();
  }
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
      const { size } = await stat(file);
      total += size;
    } catch (error) {
      throw new MusterError('MUSTER_NO_SUCH_FILE', `${file}: ${systemCode(error) === 'ENOENT' ? 'no such file' : 'cannot be read'}`, {
        cause: error,
      });
    }
  }
  return total;
}

async function* batches(records: AsyncIterable<ImportRecord>): AsyncGenerator<ImportRecord[]> {
  let batch: ImportRecord[] = [];
  for await (const record of records) {
    batch.push(record);
    if (batch.length < RECORDS_PER_BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** The records of a file, whichever of the forms it has. */
export async function* recordsOf(input: AsyncIterable<Buffer>): AsyncGenerator<ImportRecord> {
  const lines = linesOf(await unpacked(input));
  let number = 0;
  let isFirst = true;
  let whole: Buffer[] | undefined;
  let size = 0;
  for await (const line of lines) {
    number += 1;
    const isBlank = line.toString('latin1').trim() === '';
    if (!whole && isBlank) continue;
    if (isFirst && opensDocument(line)) whole = [];
    isFirst = false;
    if (!whole) {
      yield { line: number, ...parseLine(line) };
      continue;
    }
    size += line.length + 1;
    if (size > MAX_JSON_BYTES)
      throw new MusterError('MUSTER_BAD_JSON', 'a JSON document of this size is not read whole; convert it to one record a line');
    whole.push(line);
  }
  if (whole) yield* documentRecords(Buffer.concat(whole.flatMap((line) => [line, Buffer.from('\n')])));
}

/** A first line that is not a whole JSON value, or is an array, begins a document; anything else is NDJSON. */
function opensDocument(line: Buffer): boolean {
  const text = line.toString('utf8').trimStart();
  if (text.startsWith('[')) return true;
  if (!text.startsWith('{')) return false;
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return listOf(value) !== undefined;
  } catch {
    return text.trim() === '{' || /^\{\s*"[^"]*"\s*:\s*[[{]?\s*$/.test(text);
  }
}

/** Elements of the lists under which products ship records: `Records`, `records`, `data.events`. */
function listOf(value: Record<string, unknown>): unknown[] | undefined {
  const data = value.data as Record<string, unknown> | undefined;
  const list = value.Records ?? value.records ?? (typeof data === 'object' && data !== null ? data.events : undefined);
  return Array.isArray(list) ? list : undefined;
}

function* documentRecords(bytes: Buffer): Generator<ImportRecord> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new MusterError('MUSTER_BAD_JSON', 'the file is neither NDJSON nor one valid JSON array or object', { cause: error });
  }
  const list = Array.isArray(value) ? value : (listOf(value as Record<string, unknown>) ?? [value]);
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

function printCounts(context: Context, counts: ImportCounts): void {
  print(
    context,
    `${counts.read} read: ${counts.accepted} accepted, ${counts.duplicates} known already${counts.conflicts > 0 ? ` (${counts.conflicts} with another content)` : ''}, ` +
      `${counts.ignored} ignored (nothing to do with enrollment), ${counts.rejected} rejected`,
  );
  for (const { line, id, message } of counts.errors.slice(0, SHOWN_ERRORS))
    print(context, `  line ${line}${id === null ? '' : ` (${id})`}: ${message}`);
  if (counts.rejected > SHOWN_ERRORS) print(context, `  and ${counts.rejected - SHOWN_ERRORS} more; --json lists the first 1,000`);
}
