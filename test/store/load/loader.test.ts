/** The loader when things go wrong: nothing acknowledged is lost, and nothing keeps its neighbours out. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LineBuffer } from '../../../src/collect/intake/line-buffer.ts';
import { mask } from '../../../src/collect/intake/mask.ts';
import type { Event } from '../../../src/events/catalogue.ts';
import { closeSeen } from '../../../src/store/upkeep/damage.ts';
import { lockDirectory } from '../../../src/system/lock.ts';
import { type TestServices, testServices } from '../../support/store.ts';

let services: TestServices;
beforeEach(async () => {
  services = await testServices();
});
afterEach(async () => {
  await services.dispose();
});

const TIME = Date.UTC(2026, 2, 1, 9);
const event = (n: number): Event => ({
  id: `e${n}`,
  type: 'api.request',
  time: new Date(TIME + n * 1_000).toISOString(),
  source: 'loader',
});
const accept = (...numbers: number[]) =>
  services.intake.accept(
    numbers.map((n) => ({ value: event(n) })),
    'import',
  );
const ids = async () => (await services.store.read.rows<{ id: string }>('SELECT id FROM events_v ORDER BY id')).map(({ id }) => id);
const segments = async () => (await readdir(join(services.dataDir, 'log'))).length;

test('a load that fails once is tried again, and nothing behind it goes ahead', async () => {
  await accept(1);
  const { insert } = services.store.engine;
  let failures = 0;
  services.store.engine.insert = async (role, ...rest) => {
    if (role === 'load' && failures++ === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    return insert(role, ...rest);
  };
  await expect(services.drain()).rejects.toThrow('no space left');
  await accept(2, 3);
  await services.drain();
  expect(await ids()).toEqual(['e1', 'e2', 'e3']);
  expect(await segments()).toBe(0);
});

test('a row that the engine cannot read is set aside alone; its neighbours are loaded and the store opens again', async () => {
  const keys = services.pseudonyms;
  const lines = new LineBuffer();
  for (const n of [1, 2, 3, 4, 5]) {
    const row = mask(event(n), { timeMs: TIME + n * 1_000, expiresAtMs: undefined }, keys).content;
    // Intake refuses such text; an older version, or a damaged disk with a lucky checksum, might not have.
    lines.add(n === 4 ? row.replace('"loader"', '"\\ud800"') : row, TIME);
  }
  for (const { bytes, rows } of lines.payloads()) await services.log.append(bytes, rows);
  await services.drain();
  expect(await ids()).toEqual(['e1', 'e2', 'e3', 'e5']);
  expect(await segments()).toBe(0);
  const [name] = await readdir(join(services.dataDir, 'quarantine'));
  expect(await readFile(join(services.dataDir, 'quarantine', String(name)), 'utf8')).toContain('"e4"');
  expect(services.problems).toEqual([expect.stringMatching(/a row that the engine cannot read .* set aside/)]);
});

test('a damaged record is set aside; the records around it are loaded', async () => {
  await accept(1);
  await accept(2);
  await accept(3);
  const [segment] = await services.log.seal();
  const bytes = await readFile(String(segment));
  bytes.writeUInt8(bytes.readUInt8(Math.floor(bytes.length / 2)) ^ 1, Math.floor(bytes.length / 2));
  await writeFile(String(segment), bytes);
  await services.drain();
  expect(await ids()).toEqual(['e1', 'e3']);
  expect(services.problems).toEqual([expect.stringMatching(/damaged bytes of the log/)]);
  const states = () => services.store.read.rows("SELECT status FROM findings WHERE detector = 'log_damage'");
  expect(await states()).toEqual([{ status: 'open' }]);
  await closeSeen(services.store.engine, TIME);
  expect(await states()).toEqual([{ status: 'open' }]);
  await rm(join(services.dataDir, 'quarantine'), { recursive: true });
  await closeSeen(services.store.engine, TIME);
  expect(await states()).toEqual([{ status: 'resolved' }]);
});

test('damage that is found while the engine takes nothing is not forgotten with its segment', async () => {
  await accept(1);
  await accept(2);
  const [segment] = await services.log.seal();
  const bytes = await readFile(String(segment));
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
  await writeFile(String(segment), bytes);
  const { engine } = services.store;
  const { insert } = engine;
  let failures = 2;
  engine.insert = (role, rows, statement) =>
    statement('rows').includes('findings_log') && failures-- > 0
      ? Promise.reject(new Error('the server does not answer'))
      : insert.call(engine, role, rows, statement);
  await expect(services.drain()).rejects.toThrow('the server does not answer');
  await expect(services.drain()).rejects.toThrow('the server does not answer');
  await services.drain();
  expect(await ids()).toEqual(['e1']);
  expect(await services.store.read.rows("SELECT status FROM findings WHERE detector = 'log_damage'")).toEqual([{ status: 'open' }]);
  expect(await readdir(join(services.dataDir, 'quarantine'))).toHaveLength(1);
  expect(services.problems).toEqual([expect.stringMatching(/damaged bytes of the log/)]);
});

test('a large request becomes several records of the log, and every row of it arrives', async () => {
  const attributes = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`key-${i}`, 'é'.repeat(1_024)]));
  const many = Array.from({ length: 500 }, (_, n) => ({ value: { ...event(n), attributes } }));
  expect(await services.intake.accept(many, 'import')).toMatchObject({ accepted: 500 });
  await services.drain();
  expect(await ids()).toHaveLength(500);
});

test('a data directory belongs to one process: who comes second is told', () => {
  expect(() => lockDirectory(services.dataDir)).toThrow(/is used by another process; stop that one, or name another directory with --data/);
});
