/** `muster detect`: what is unlike its own past, in any series. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Command } from 'commander';
import { createCommittee } from '../../detect/novelty/committee.ts';
import { type CsvPoint, csvPoints } from '../../detect/novelty/csv-series.ts';
import { MusterError, systemCode } from '../../errors.ts';
import { SLIS } from '../../slo/slis/index.ts';
import { DAY_MS } from '../../system/time.ts';
import { askBytes, type Context, configOf, progress, shownPlain, throughEither, timeOption } from '../context.ts';

export function detectCommand(program: Command, context: Context): void {
  program
    .command('detect')
    .description('Scores every point of a series by how unlike it is to all before it, and flags the few that stand out.')
    .argument('[path...]', 'a CSV file with the columns timestamp and value, or - for standard input; with --folder, a folder and where to')
    .option('--folder', 'score every .csv below the first folder into the second, under the same names')
    .option('--sli <id>', `instead of a file, what an SLI had of bad events in each five minutes: ${SLIS.map(({ id }) => id).join(', ')}`)
    .option('--from <time>', 'with --sli: from this moment on (RFC 3339); the four weeks before are gone through as well')
    .option('--to <time>', 'with --sli: up to this moment (default the last full five minutes)')
    .option('--flagged', 'print flagged points only')
    .option('--data <dir>', 'with --sli: data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON, one point a line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ muster detect cpu.csv > scored.csv\n  $ muster detect --folder series scored\n  $ muster detect --sli M1 --from 2026-11-20T00:00:00Z --flagged',
    )
    .action(async (paths: string[], options: Options) => {
      if (options.sli !== undefined) return detectSli(context, paths, options.sli, options);
      if (options.folder) return detectFolder(context, paths, options);
      const [path] = paths;
      if (paths.length !== 1 || path === undefined)
        throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected one file, such as muster detect cpu.csv; --folder takes many');
      await detectFile(context, path, context.stdout, options);
    });
}

interface Options {
  folder?: boolean;
  json?: boolean;
  flagged?: boolean;
  sli?: string;
  from?: string;
  to?: string;
  data?: string;
}

const HEADER = 'timestamp,value,anomaly_score,flag\n';
const STEP_SECONDS = 300;
const STEP_MS = STEP_SECONDS * 1_000;
/** What is usual is learned from so long before. */
const LEARNED_MS = 28 * DAY_MS;

/** The share of bad events of an SLI, or how many there are of a count, in steps of five minutes; those without events are gaps. */
async function detectSli(context: Context, paths: readonly string[], id: string, options: Options): Promise<void> {
  const sli = SLIS.find((each) => each.id === id);
  if (!sli) throw new MusterError('MUSTER_BAD_ARGUMENT', `--sli ${id.slice(0, 40)}: there are ${SLIS.map((each) => each.id).join(', ')}`);
  if (paths.length > 0 || options.folder)
    throw new MusterError('MUSTER_BAD_ARGUMENT', '--sli reads the store: it takes no file and no --folder');
  const fromMs = timeOption('--from', options.from);
  // A step that is not over says nothing yet.
  const toMs = timeOption('--to', options.to) ?? Math.floor(context.now() / STEP_MS) * STEP_MS;
  if (fromMs === undefined || fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', '--sli needs --from, before --to');
  const seconds = (ms: number) => Math.floor(ms / 1_000);
  const sql = `SELECT toUnixTimestamp(toStartOfInterval(minute, INTERVAL ${STEP_SECONDS} SECOND)) AS at,
      toFloat64(sum(good)) AS good, toFloat64(sum(total)) AS total
    FROM sli_minutes WHERE sli = '${sli.id}' AND dimension = ''
      AND minute >= toDateTime(${seconds(fromMs - LEARNED_MS)}, 'UTC') AND minute < toDateTime(${seconds(toMs)}, 'UTC')
    GROUP BY at ORDER BY at`;
  const query = { sql, format: 'JSONEachRow' };
  const bytes = await throughEither(
    context,
    configOf(context, { data: options.data }),
    (url) => askBytes(`${url}/api/query`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(query) }),
    async ({ store }) => (await store.guard.query(query)).bytes,
    { mayCreate: false },
  );
  const committee = createCommittee();
  const line = options.json ? jsonLine : csvLine;
  if (!options.json) context.stdout.write(HEADER);
  for (const row of bytes.toString().split('\n').filter(Boolean)) {
    const { at, good, total } = JSON.parse(row) as { at: number; good: number; total: number };
    const measured = sli.kind === 'count' ? total : (total - good) / total;
    const { anomalyScore, isFlagged } = committee.push(at * 1_000, measured);
    if (at * 1_000 < fromMs || (options.flagged && !isFlagged)) continue;
    const timestamp = new Date(at * 1_000).toISOString();
    context.stdout.write(line({ timestamp, value: String(measured), measured }, anomalyScore, isFlagged));
  }
}

/** @throws MUSTER_BAD_ARGUMENT when any file could not be scored, after all others were */
async function detectFolder(context: Context, paths: readonly string[], options: Options): Promise<void> {
  const [from, to] = paths;
  if (paths.length !== 2 || from === undefined || to === undefined)
    throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected two folders, such as muster detect --folder series scored');
  if (`${resolve(to)}${sep}`.startsWith(`${resolve(from)}${sep}`))
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${to} lies in ${from}: what is written there would be read the next time`);
  const files = await csvFilesBelow(from);
  const bar = progress(context, 'scoring files', files.length);
  let refused = 0;
  for (const [i, file] of files.entries()) {
    const target = join(to, relative(from, file));
    await mkdir(dirname(target), { recursive: true });
    const output = createWriteStream(target);
    try {
      await detectFile(context, file, output, options);
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      refused += 1;
      context.stderr.write(`muster: ${shownPlain(error.message)}\n`);
    } finally {
      output.end();
      await finished(output);
    }
    bar.update(i + 1);
  }
  bar.stop();
  if (refused > 0)
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${refused} of ${files.length} files were not scored to their end, as said above`);
}

async function csvFilesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new MusterError(
      'MUSTER_NO_SUCH_FILE',
      `${folder}: ${systemCode(cause) === 'ENOENT' ? 'no such folder' : 'cannot be read as a folder'}`,
      { cause },
    );
  });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.csv')).map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) throw new MusterError('MUSTER_BAD_ARGUMENT', `${folder}: there is no .csv file in it`);
  return files.sort();
}

/** Rows are written as they are scored; on a bad one, those before it are there already. */
async function detectFile(context: Context, path: string, output: Writable, options: Options): Promise<void> {
  const name = path === '-' ? 'standard input' : path;
  const committee = createCommittee();
  const gaps = createTally();
  const steps = createTally();
  let latestMs = Number.NEGATIVE_INFINITY;
  let rows = 0;
  const line = options.json ? jsonLine : csvLine;
  try {
    for await (const point of csvPoints(path === '-' ? context.stdin : createReadStream(path))) {
      if (rows === 0 && !options.json) output.write(HEADER);
      rows += 1;
      if (point.timeMs < latestMs) steps.add(point.line);
      latestMs = Math.max(latestMs, point.timeMs);
      if (point.measured === undefined) gaps.add(point.line);
      const { anomalyScore, isFlagged } =
        point.measured === undefined ? { anomalyScore: 0, isFlagged: false } : committee.push(point.timeMs, point.measured);
      if (options.flagged && !isFlagged) continue;
      if (!output.write(line(point, anomalyScore, isFlagged))) await new Promise((resume) => output.once('drain', resume));
    }
  } catch (error) {
    throw naming(name, error);
  }
  const say = (text: string) => context.stderr.write(`muster: ${shownPlain(name)}: ${text}\n`);
  if (gaps.count() > 0) say(`${gaps.text()} hold no finite number; they are gaps, and score 0`);
  if (steps.count() > 0) say(`${steps.text()} are stamped earlier than one before them; points are taken in the order of the file`);
  if (rows === gaps.count()) throw new MusterError('MUSTER_BAD_ARGUMENT', `${name}: there is no point in it`);
}

type ShownPoint = Pick<CsvPoint, 'timestamp' | 'value' | 'measured'>;

const csvLine = ({ timestamp, value }: ShownPoint, score: number, isFlagged: boolean): string =>
  `${timestamp},${value},${score},${isFlagged ? 1 : 0}\n`;

const jsonLine = ({ timestamp, measured }: ShownPoint, score: number, isFlagged: boolean): string =>
  `${JSON.stringify({ timestamp, value: measured ?? null, anomaly_score: score, flag: isFlagged ? 1 : 0 })}\n`;

/** How many lines, and the first of them. */
function createTally() {
  let count = 0;
  let first = 0;
  return {
    add(line: number): void {
      count += 1;
      if (count === 1) first = line;
    },
    count: () => count,
    text: () => `${count} rows (the first in line ${first})`,
  };
}

function naming(name: string, error: unknown): unknown {
  if (error instanceof MusterError) return new MusterError(error.code, `${name}: ${error.message}`, { cause: error });
  const code = systemCode(error);
  if (code === undefined) return error;
  return new MusterError('MUSTER_NO_SUCH_FILE', `${name}: ${FILE_PROBLEMS[code] ?? 'cannot be read'}`, { cause: error });
}

const FILE_PROBLEMS: Readonly<Record<string, string>> = { ENOENT: 'no such file', EISDIR: 'is a folder; --folder scores all in it' };
