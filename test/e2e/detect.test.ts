/** `muster detect` as a user starts it: a file, standard input, a folder, and what is wrong with them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runMuster } from '../support/process.ts';

let folder: string;
const HEADER = 'timestamp,value,anomaly_score,flag';
/** Flat at 7, then at 8. */
const rows = Array.from(
  { length: 400 },
  (_, i) => `2026-03-${String(1 + Math.floor(i / 96)).padStart(2, '0')} 00:00:00,${i < 300 ? 7 : 8}`,
);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-detect-'));
  await mkdir(join(folder, 'in/deeper'), { recursive: true });
  await writeFile(join(folder, 'in/flat.csv'), ['timestamp,value', ...rows].join('\n'));
  await writeFile(join(folder, 'in/deeper/gap.csv'), ['timestamp,value', '2026-03-01,NaN', '2026-03-03,2', '2026-03-02,1'].join('\n'));
  await writeFile(join(folder, 'in/notes.txt'), 'not a series');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a file: its rows as they are, with score and flag', async () => {
  const { status, stdout, stderr } = await runMuster(['detect', join(folder, 'in/flat.csv')]);
  expect(status, stderr).toBe(0);
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toBe(HEADER);
  expect(lines.slice(1).map((line) => line.split(',').slice(0, 2).join(','))).toEqual(rows);
  expect(lines.findIndex((line) => line.endsWith(',1')) - 1).toBe(300);
});

test('standard input, as JSON', async () => {
  const { stdout } = await runMuster(['detect', '-', '--json'], { input: 'timestamp,value\n2026-03-01,5\n2026-03-02,\n' });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { timestamp: '2026-03-01', value: 5, anomaly_score: 0, flag: 0 },
    { timestamp: '2026-03-02', value: null, anomaly_score: 0, flag: 0 },
  ]);
});

test('a folder: every series below it, under the same name; what is odd is said', async () => {
  const { status, stderr } = await runMuster(['detect', '--folder', join(folder, 'in'), join(folder, 'out')]);
  expect(status, stderr).toBe(0);
  expect(await readFile(join(folder, 'out/flat.csv'), 'utf8')).toContain(HEADER);
  expect(await readFile(join(folder, 'out/deeper/gap.csv'), 'utf8')).toBe(
    `${HEADER}\n2026-03-01,NaN,0,0\n2026-03-03,2,0,0\n2026-03-02,1,0,0\n`,
  );
  expect(stderr).toContain('gap.csv: 1 rows (the first in line 2) hold no finite number');
  expect(stderr).toContain('gap.csv: 1 rows (the first in line 4) are stamped earlier');
});

test('a file that is none does not keep the others from being scored', async () => {
  await mkdir(join(folder, 'mixed'), { recursive: true });
  await writeFile(join(folder, 'mixed/a.csv'), 'one,two,three\n1,2,3\n');
  await writeFile(join(folder, 'mixed/b.csv'), 'timestamp,value\n2026-03-01,5\n');
  const { status, stderr } = await runMuster(['detect', '--folder', join(folder, 'mixed'), join(folder, 'mixed-out')]);
  expect(status).toBe(2);
  expect(stderr).toContain('a.csv: line 1: expected the columns timestamp and value, got one,two,three');
  expect(stderr).toContain('1 of 2 files');
  expect(await readFile(join(folder, 'mixed-out/b.csv'), 'utf8')).toBe(`${HEADER}\n2026-03-01,5,0,0\n`);
});

test.each([
  [['/nowhere.csv'], '/nowhere.csv: no such file'],
  [['/tmp'], '/tmp: is a folder'],
  [['-'], 'standard input: there is no point in it'],
  [['a.csv', 'b.csv'], '--folder takes many'],
  [['--folder', '/nowhere', 'out'], '/nowhere: no such folder'],
  [['--folder', '/tmp', '/tmp/out'], 'would be read the next time'],
  [['--sli', 'M99', '--from', '2026-03-01T00:00:00Z'], '--sli M99: there are M1, '],
  [['--sli', 'M1'], '--sli needs --from, before --to'],
  [['--sli', 'M1', '--from', '2026-03-01T00:00:00Z', 'a.csv'], 'takes no file'],
  [['--sli', 'M1', '--from', '2026-03-01T00:00:00Z', '--data', '/nowhere'], 'holds no data of Muster'],
])('detect %j is refused in one sentence', async (parameters, why) => {
  const { status, stdout, stderr } = await runMuster(['detect', ...parameters], { input: '' });
  expect(status, stderr).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(why);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
