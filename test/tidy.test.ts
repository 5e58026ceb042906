/** What would otherwise be said twice in a review. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CONNECTORS } from '../src/collect/connectors/index.ts';
import { ERRORS } from '../src/errors.ts';
import { ALERTS } from '../src/names.ts';
import { PANELS } from '../src/publish/panels/index.ts';
import { BESIDE_ALERTS } from '../src/slo/evaluate/alerts/index.ts';
import { runbookOf } from '../src/slo/evaluate/notifications.ts';
import { SLIS } from '../src/slo/slis/index.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const filesIn = (folder: string, pattern: RegExp) =>
  (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
    .filter((name) => pattern.test(name) && !name.includes('node_modules'))
    .map((name) => join(folder, name));
const sources = filesIn('src', /\.ts$/);

test('imports go one way', () => {
  execFileSync(join(ROOT, 'node_modules/.bin/depcruise'), ['--config', '.dependency-cruiser.cjs', 'src'], { cwd: ROOT });
});

describe('only the composition root', () => {
  // The clock may also be read where it only measures how long something took.
  test.each([
    ['reads the environment', /process\.env\b/, ['src/cli/main.ts']],
    ['builds the clock', /\bDate\.now\b|new Date\(\)/, ['src/cli/main.ts', 'src/cli/services.ts']],
    ['uses unseeded randomness', /Math\.random/, []],
    ['ends the process', /process\.exit\(/, ['src/cli/main.ts']],
  ])('%s', (_what, pattern, homes) => {
    const found = sources.filter((path) => pattern.test(read(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')));
    expect(found).toEqual(homes);
  });
});

test('no statement of ours asks the engine what time it is, but those that others run for themselves', () => {
  const asked = sources.filter(
    (path) => !/^src\/(?:publish|cli\/commands)\//.test(path) && /\bnow(?:64)?\(\d?\) - INTERVAL/.test(read(path)),
  );
  expect(asked).toEqual([]);
});

test('the generator that detectors are measured by shares nothing with them, nor with anything else of ours', () => {
  expect(read('test/bench/detection/operations.ts')).not.toMatch(/\bfrom '|\bimport\(/);
});

test('every file begins by saying what it is for', () => {
  const silent = sources.filter((path) => !/^(\/\*\*|import [\s\S]*?\n\n?\/\*\*)/.test(read(path)));
  expect(silent).toEqual([]);
});

test('every room says what it is for, what it must not know, and where to begin', () => {
  const rooms = new Set([...sources, ...filesIn('web/src', /\.tsx?$/)].map((path) => dirname(path)));
  for (const room of [...rooms].filter((path) => !['src', 'web/src'].includes(path))) {
    const [, first] =
      /^# .+\n\n[A-Z].+\n\n(?:Must not know: .+|It may know everything)\. Begin with `(.+)`\.\n$/.exec(read(`${room}/README.md`)) ?? [];
    expect(first, room).toBeDefined();
    expect(existsSync(join(ROOT, room, first as string)), `${room}/${first}`).toBe(true);
  }
});

test('tables are made and changed in one file, and their engines are said once', () => {
  const statement = /\b(?:(?:ALTER|OPTIMIZE|TRUNCATE|CREATE) TABLE [\w$]|ENGINE = \w*MergeTree)/;
  const elsewhere = [...sources, ...filesIn('src/store', /\.sql$/)].filter(
    (path) =>
      path.startsWith('src/store/') && path !== 'src/store/engine/ddl.ts' && !/reference-table/.test(path) && statement.test(read(path)),
  );
  // Migrations are written down as they ran, but for the engine.
  expect(elsewhere.filter((path) => !path.includes('/migrations/') || /ENGINE = (?!@)/.test(read(path)))).toEqual([]);
});

test('no line of SQL is longer than a line of code', () => {
  const long = sources.flatMap((path) =>
    read(path)
      .split('\n')
      .filter((line) => line.length > 140 && /\b(?:SELECT|FROM|WHERE|GROUP BY|ORDER BY) [a-z{$]/.test(line) && !/^\s*(?:\*|\/)/.test(line))
      .map((line) => `${path}: ${line.trim().slice(0, 60)}`),
  );
  expect(long).toEqual([]);
});

test('every exported function says what it is for', () => {
  const exported = /^export (?:async )?function\*? (\w+)|^export const (\w+) = (?:async )?(?:\([^)]*\)|\w+)(?:: [^=]+)? =>/gm;
  // A command is what the first line of its file says.
  const silent = sources
    .filter((path) => !path.startsWith('src/cli/commands/'))
    .flatMap((path) => {
      const text = read(path);
      return [...text.matchAll(exported)]
        .filter(({ index }) => !text.slice(0, index).trimEnd().endsWith('*/'))
        .map((found) => `${path}: ${found[1] ?? found[2]}`);
    });
  expect(silent).toEqual([]);
});

test('every part is in its registry', () => {
  const parts = (folder: string, ...others: string[]) =>
    readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts') && !['index.ts', ...others].includes(name)).length;
  expect(parts('src/slo/slis', 'sli.ts')).toBe(SLIS.length);
  expect(parts('src/slo/evaluate/alerts', 'alert.ts', 'thresholds.ts')).toBe(BESIDE_ALERTS.length);
  expect(parts('src/publish/panels', 'panel.ts', 'collector-metrics.ts')).toBe(PANELS.length);
  expect(parts('src/collect/connectors', 'connector.ts', 'entra-sign-in.ts', 'envelope.ts', 'factor-names.ts', 'product-time.ts')).toBe(
    CONNECTORS.length,
  );
});

/** F1 to F8 of the domain. */
const FAILURE_MODES = [
  'f1-provider-outage',
  'f2-duplicate-factors',
  'f3-invalid-seed',
  'f4-bad-attestation',
  'f5-rate-limit',
  'f6-partial-enrollments',
  'f7-migration-break',
  'f8-secret-exposure',
];
const REVIEW_DAYS = 180;

test('every alert and every failure mode has its runbook, and no runbook is without one', () => {
  const wanted = [...Object.values(ALERTS).map(runbookOf), ...FAILURE_MODES];
  expect(readdirSync(join(ROOT, 'alerts/runbooks')).sort()).toEqual(wanted.map((name) => `${name}.md`).sort());
});

test.each(readdirSync(join(ROOT, 'alerts/runbooks')))('the runbook %s says what to do in every phase', (name) => {
  const sections = [...read(`alerts/runbooks/${name}`).matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  expect(sections).toEqual(['First five minutes', 'Queries', 'Mitigation', 'Rollback', 'Communication', 'After']);
});

test.each(readdirSync(join(ROOT, 'alerts/runbooks')))('%s says when it was reviewed', (name) => {
  const day = /^---\nlast_reviewed: (\d{4}-\d{2}-\d{2})\n---\n/.exec(read(`alerts/runbooks/${name}`))?.[1] ?? '';
  const ageDays = (Date.now() - Date.parse(day)) / 86_400_000;
  expect(ageDays).not.toBeNaN();
  // A review that is due is said and does not break the build.
  if (ageDays > REVIEW_DAYS) console.warn(`alerts/runbooks/${name} was last reviewed ${Math.floor(ageDays)} days ago; review it`);
});

test('docs/errors.md lists exactly the error codes that there are', () => {
  const listed = [...read('docs/errors.md').matchAll(/^\| `(MUSTER_\w+)` \|/gm)].map(([, code]) => code);
  expect(listed).toEqual(Object.keys(ERRORS));
});

test('ARCHITECTURE.md has a line for every dependency', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const text = read('ARCHITECTURE.md');
  const missing = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(
    (name) => !name.startsWith('@types/') && !text.includes(`\`${name}\``),
  );
  expect(missing).toEqual([]);
});

test('every command and script that the documents name exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const commands = readdirSync(join(ROOT, 'src/cli/commands')).map((name) => name.replace('.ts', ''));
  for (const path of ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', ...filesIn('docs', /\.md$/)]) {
    const text = read(path);
    for (const [, command] of text.matchAll(/^\s*(?:\$ )?npx muster (\w+)/gm))
      expect([path, commands]).toEqual([path, expect.arrayContaining([command])]);
    for (const [, script] of text.matchAll(/npm run ([\w:]+)/g))
      expect([path, Object.keys(scripts)]).toEqual([path, expect.arrayContaining([script])]);
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g))
      expect(() => read(join(path, '..', String(target))), `${path} links to ${target}`).not.toThrow();
  }
});

test('nothing names a path of one machine', () => {
  const tracked = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n');
  const texts = tracked.filter(
    (path) => /\.(ts|tsx|mjs|cjs|md|json|yaml|sql|css|html)$/.test(path) && path !== 'package-lock.json' && path !== 'test/tidy.test.ts',
  );
  expect(texts.filter((path) => /(^|[^A-Za-z0-9_.])\/(work|root|home)\//m.test(read(path)))).toEqual([]);
});
