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
import { type Context, progress, shownPlain } from '../context.ts';

export function detectCommand(program: Command, context: Context): void {
  program
    .command('detect')
    .description('Scores every point of a series by how unlike it is to all before it, and flags the few that stand out.')
    .argument('<path...>', 'a CSV file with the columns timestamp and value, or - for standard input; with --folder, a folder and where to')
    .option('--folder', 'score every .csv below the first folder into the second, under the same names')
    .option('--json', 'print as JSON, one point a line')
    .addHelpText('after', '\nExamples:\n  $ muster detect cpu.csv > scored.csv\n  $ muster detect --folder series scored')
    .action(async (paths: string[], options: { folder?: boolean; json?: boolean }) => {
      if (options.folder) return detectFolder(context, paths, options.json ?? false);
      const [path] = paths;
      if (paths.length !== 1 || path === undefined)
        throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected one file, such as muster detect cpu.csv; --folder takes many');
      await detectFile(context, path, context.stdout, options.json ?? false);
    });
}

/** @throws MUSTER_BAD_ARGUMENT when any file could not be scored, after all others were */
async function detectFolder(context: Context, paths: readonly string[], asJson: boolean): Promise<void> {
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
      await detectFile(context, file, output, asJson);
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
async function detectFile(context: Context, path: string, output: Writable, asJson: boolean): Promise<void> {
  const name = path === '-' ? 'standard input' : path;
  const committee = createCommittee();
  const gaps = createTally();
  const steps = createTally();
  let latestMs = Number.NEGATIVE_INFINITY;
  let rows = 0;
  const line = asJson ? jsonLine : csvLine;
  try {
    for await (const point of csvPoints(path === '-' ? context.stdin : createReadStream(path))) {
      if (rows === 0 && !asJson) output.write('timestamp,value,anomaly_score,flag\n');
      rows += 1;
      if (point.timeMs < latestMs) steps.add(point.line);
      latestMs = Math.max(latestMs, point.timeMs);
      if (point.measured === undefined) gaps.add(point.line);
      const { anomalyScore, isFlagged } =
        point.measured === undefined ? { anomalyScore: 0, isFlagged: false } : committee.push(point.timeMs, point.measured);
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

const csvLine = ({ timestamp, value }: CsvPoint, score: number, isFlagged: boolean): string =>
  `${timestamp},${value},${score},${isFlagged ? 1 : 0}\n`;

const jsonLine = (
  { timestamp, measured = null }: Omit<CsvPoint, 'measured'> & { measured?: number | null | undefined },
  score: number,
  isFlagged: boolean,
): string => `${JSON.stringify({ timestamp, value: measured, anomaly_score: score, flag: isFlagged ? 1 : 0 })}\n`;

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
