/** The audit log against whoever can write to its table and files, and has no key. */
import { createSocket } from 'node:dgram';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Audit, openAudit } from '../../src/store/audit.ts';
import { type HeadPlace, headElsewhere, headFile, headInReferences } from '../../src/store/audit-head.ts';
import { type TestServices, testServices } from '../support/store.ts';

let services: TestServices;
let folder: string;
const KEY = Buffer.alloc(32, 7);
const run = (statement: string) => services.store.engine.session('tidy').run(statement);
const SYNC = 'SETTINGS mutations_sync = 2';
const problems: string[] = [];

beforeAll(async () => {
  services = await testServices();
});
afterAll(() => services.dispose());

/** A log of its own with four entries, its heads in three places. */
async function begun(): Promise<{ audit: Audit; heads: HeadPlace[]; reopen: () => Promise<Audit>; file: string; elsewhere: string }> {
  await run('TRUNCATE TABLE audit_entries');
  folder = await mkdtemp(join(tmpdir(), 'muster-audit-'));
  let kept: string | undefined;
  const table = {
    kept: () => kept,
    keep: async (_: string, value: string) => {
      kept = value;
    },
  };
  const [file, elsewhere] = [join(folder, 'audit-head.json'), join(folder, 'away', 'heads.ndjson')];
  const heads = [headFile(file), headInReferences(table, 'references'), headElsewhere(elsewhere, (message) => problems.push(message))];
  let now = 0;
  const reopen = () => openAudit({ engine: services.store.engine, key: KEY, heads, now: () => ++now });
  const audit = await reopen();
  for (const n of [1, 2, 3, 4])
    await audit.record({ actorRef: 'operator', action: 'reveal', target: `person-${n}`, reason: `reason ${n}` });
  expect(await audit.verify()).toMatchObject({ entries: 4, broken: null });
  return { audit, heads, reopen, file, elsewhere };
}

describe('what breaks the chain', () => {
  it.each([
    ['a changed reason', `ALTER TABLE audit_entries UPDATE reason = 'x' WHERE seq = 2 ${SYNC}`, 2, 'it was changed'],
    ['a changed target', `ALTER TABLE audit_entries UPDATE target = 'x' WHERE seq = 3 ${SYNC}`, 3, 'its target was changed'],
    [
      'a blanked target',
      `ALTER TABLE audit_entries UPDATE target = '', target_salt = '' WHERE seq = 3 ${SYNC}`,
      3,
      'its target was changed',
    ],
    ['a blanked reason', `ALTER TABLE audit_entries UPDATE reason = '[forgotten]' WHERE seq = 3 ${SYNC}`, 3, 'it was changed'],
    ['another actor', `ALTER TABLE audit_entries UPDATE actor_ref = 'x' WHERE seq = 3 ${SYNC}`, 3, 'its actor was changed'],
    ['no actor', `ALTER TABLE audit_entries UPDATE actor_ref = '', actor_salt = '' WHERE seq = 3 ${SYNC}`, 3, 'its actor was changed'],
    ['a missing entry', `ALTER TABLE audit_entries DELETE WHERE seq = 2 ${SYNC}`, 3, 'entry 2 is missing'],
    ['a missing beginning', `ALTER TABLE audit_entries DELETE WHERE seq = 1 ${SYNC}`, 2, 'entry 1 is missing'],
    ['an end that was cut off', `ALTER TABLE audit_entries DELETE WHERE seq > 2 ${SYNC}`, 3, 'the log was cut off'],
    ['everything cut off', 'TRUNCATE TABLE audit_entries', 1, 'the log was cut off'],
    ['the last entry cut off', `ALTER TABLE audit_entries DELETE WHERE seq = 4 ${SYNC}`, 4, 'the log was cut off'],
    [
      'a forged entry',
      'INSERT INTO audit_entries SELECT * REPLACE (5 AS seq, hash AS prev_hash) FROM (SELECT * FROM audit_entries WHERE seq = 4)',
      5,
      'it was changed',
    ],
    [
      'a forged note that something was taken out',
      `INSERT INTO audit_entries SELECT * REPLACE (5 AS seq, hash AS prev_hash, 'audit.redact' AS action, '2:${'0'.repeat(32)}' AS reason) FROM (SELECT * FROM audit_entries WHERE seq = 4)`,
      5,
      'it was changed',
    ],
  ])('%s', async (_, statement, seq, why) => {
    const { audit, reopen } = await begun();
    await run(statement);
    for (const each of [audit, await reopen()])
      expect((await each.verify()).broken).toMatchObject({ seq, why: expect.stringContaining(why) });
  });

  it.each<[string, string, (file: string, elsewhere: string) => Promise<unknown>]>([
    ['one head deleted', '', (file) => rm(file)],
    ['the log cut off and one head deleted', 'seq > 2', (file) => rm(file)],
    ['all but the first entry, and a head, deleted', 'seq > 1', (file) => rm(file)],
    ['all entries and a head deleted', 'seq > 0', (file) => rm(file)],
    ['a head that is no JSON', '', (file) => writeFile(file, 'x')],
    ['a head forged to fit', 'seq > 2', (file) => writeFile(file, JSON.stringify({ seq: 2, hash: 'x', mac: 'x' }))],
    ['an older head put back', '', (file) => copyFile(`${file}.old`, file)],
    ['an older head put back, and the log cut off to fit', 'seq > 1', (file) => copyFile(`${file}.old`, file)],
    [
      'the heads elsewhere cut off',
      '',
      async (_, elsewhere) => writeFile(elsewhere, `${(await readFile(elsewhere, 'utf8')).split('\n')[1]}\n`),
    ],
  ])('%s', async (_, cut, change) => {
    const { audit, reopen, file, elsewhere } = await begun();
    // As it was after the first entry.
    const first = (await readFile(elsewhere, 'utf8')).split('\n')[1] ?? '';
    await writeFile(`${file}.old`, first);
    if (cut !== '') await run(`ALTER TABLE audit_entries DELETE WHERE ${cut} ${SYNC}`);
    await change(file, elsewhere);
    for (const each of [audit, await reopen()]) expect((await each.verify()).broken).not.toBeNull();
    // Nor by going on.
    await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
    if (cut !== '') expect((await audit.verify()).broken).not.toBeNull();
  });

  it('an entry that was noted elsewhere and is not there any more', async () => {
    const { audit } = await begun();
    const { head } = await audit.verify();
    expect((await audit.verify({ seq: 4, hash: head })).broken).toBeNull();
    expect((await audit.verify({ seq: 4, hash: '0'.repeat(64) })).broken).toEqual({ seq: 4, why: 'it is not the entry that was noted' });
    expect((await audit.verify({ seq: 5, hash: head })).broken).toMatchObject({ seq: 5 });
  });
});

describe('what does not break it', () => {
  it('a process that ended between an entry and its head', async () => {
    const { audit, file, elsewhere } = await begun();
    const [, , , third = ''] = (await readFile(elsewhere, 'utf8')).split('\n');
    await writeFile(file, third);
    expect((await audit.verify()).broken).toBeNull();
    await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
    expect(await audit.verify()).toMatchObject({ entries: 5, broken: null });
  });

  it('what is taken out for somebody who is forgotten, which is in the chain', async () => {
    const { audit } = await begun();
    expect(await audit.redact(['person-2'], (text) => text.includes('reason 3'))).toBe(2);
    const { entries, broken } = await audit.verify();
    expect({ entries, broken }).toEqual({ entries: 5, broken: null });
    const rows = await services.store.read.rows('SELECT toUInt32(seq) AS seq, target, reason FROM audit_log WHERE seq <= 3 ORDER BY seq');
    expect(rows).toEqual([
      { seq: 1, target: 'person-1', reason: 'reason 1' },
      { seq: 2, target: '', reason: 'reason 2' },
      { seq: 3, target: 'person-3', reason: '[forgotten]' },
    ]);
    // It covers what is left: neither more of it can go, nor that of another.
    await run(`ALTER TABLE audit_entries UPDATE reason = 'another' WHERE seq = 2 ${SYNC}`);
    expect((await audit.verify()).broken).toMatchObject({ seq: 2 });
  });

  it('a place that is configured later: it begins with what the others say', async () => {
    const { heads } = await begun();
    const later = headElsewhere(join(folder, 'later.ndjson'), () => {});
    const audit = await openAudit({ engine: services.store.engine, key: KEY, heads: [...heads, later], now: () => 0 });
    expect((await audit.verify()).broken).toBeNull();
  });
});

it('sends its heads to a syslog server, and goes on when there is none', async () => {
  const server = createSocket('udp4');
  const received: string[] = [];
  server.on('message', (message) => received.push(message.toString()));
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  const { heads } = await begun();
  const places = [`syslog://127.0.0.1:${server.address().port}`, 'syslog+tcp://127.0.0.1:9'].map((place) =>
    headElsewhere(place, (message) => problems.push(message)),
  );
  const audit = await openAudit({ engine: services.store.engine, key: KEY, heads: [...heads, ...places], now: () => 0 });
  await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
  await expect.poll(() => received.length).toBe(1);
  expect(received[0]).toMatch(/^<109>1 \S+ \S+ muster \d+ audit-head - \{"seq":5,"hash":"[0-9a-f]{64}","mac":"[0-9a-f]{64}"\}$/);
  expect(problems.at(-1)).toBe('the audit head was not sent to 127.0.0.1:9: ECONNREFUSED');
  expect((await audit.verify()).broken).toBeNull();
  server.close();
  expect(() => headElsewhere('http://x', () => {})).toThrow('MUSTER_AUDIT_HEAD');
});
