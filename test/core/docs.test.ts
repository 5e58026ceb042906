/** The core's pages hold true: the settings that they show are settings, and every test that the checklist names is there. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FACTOR_TYPES } from '../../src/core/factors/index.ts';
import { PROVIDER_KINDS } from '../../src/core/providers/index.ts';
import { DEFAULT_SETTINGS, loadSettings } from '../../src/core/settings.ts';

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('the settings of the page are settings, and name every kind of provider and every field', async () => {
  const yaml = /```yaml\n(.*?)```/s.exec(page('core.md'))?.[1] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'muster-docs-'));
  try {
    await writeFile(join(folder, 'core.yaml'), yaml);
    const settings = await loadSettings(join(folder, 'core.yaml'));
    expect(Object.keys(settings).sort()).toEqual([...new Set([...Object.keys(DEFAULT_SETTINGS), 'canary', 'tokens', 'countries'])].sort());
    const shown = new Set(settings.providers.map(({ kind }) => kind));
    for (const kind of Object.keys(PROVIDER_KINDS)) expect(page('core.md').includes(`kind: ${kind}`), kind).toBe(true);
    expect(shown.size).toBe(4);
    // The limits that are shown are the defaults.
    expect(settings.limits).toEqual(DEFAULT_SETTINGS.limits);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('the table of factors has each of them', () => {
  for (const type of FACTOR_TYPES) expect(page('core.md')).toContain(`\`${type}\``);
});

test('every point of the checklist names tests that are there', () => {
  const rows = page('core-checklist.md')
    .split('\n')
    .filter((line) => /^\| \d/.test(line));
  expect(rows.length).toBeGreaterThan(30);
  for (const row of rows) {
    const shown = row.split('|')[3]?.trim() ?? '';
    if (shown === 'the same') continue;
    const files = [...shown.matchAll(/`((?:core|e2e)\/[\w/-]+)`: (.*?)(?= · `|$)/g)];
    expect(files.length, row).toBeGreaterThan(0);
    for (const [, file, names = ''] of files) {
      const path = new URL(`../${file}.test.ts`, import.meta.url);
      expect(existsSync(path), row).toBe(true);
      const text = readFileSync(path, 'utf8');
      // A name of its own may have the sign by which names are parted here.
      const all = text.includes(names) ? [names] : names.split(' · ');
      for (const name of all) expect(text.includes(`'${name}'`), `${file}: ${name}`).toBe(true);
    }
  }
});
