/** The audit log against whoever can write to its table and files, and has no key. */
import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Audit, openAudit } from '../../../src/store/records/audit.ts';
import { type HeadPlace, headElsewhere, headFile, headInReferences } from '../../../src/store/records/audit-head.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

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

/** A table of references that keeps what it is told to. */
function memory() {
  let kept: string | undefined;
  return {
    kept: () => kept,
    keep: async (_: string, value: string) => {
      kept = value;
    },
  };
}

/** A log of its own with four entries, its heads in three places. */
async function begun(): Promise<{ audit: Audit; heads: HeadPlace[]; reopen: () => Promise<Audit>; file: string; elsewhere: string }> {
  await run('TRUNCATE TABLE audit_entries');
  folder = await mkdtemp(join(tmpdir(), 'muster-audit-'));
  const [file, elsewhere] = [join(folder, 'audit-head.json'), join(folder, 'away', 'heads.ndjson')];
  const heads = [
    headFile(file),
    headInReferences(memory(), 'references'),
    headElsewhere(elsewhere, (message) => problems.push(message), Date.now),
  ];
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
  ])('%s', async (what, cut, change) => {
    const { audit, reopen, file, elsewhere } = await begun();
    // As it was after the first entry.
    const first = (await readFile(elsewhere, 'utf8')).split('\n')[1] ?? '';
    await writeFile(`${file}.old`, first);
    if (cut !== '') await run(`ALTER TABLE audit_entries DELETE WHERE ${cut} ${SYNC}`);
    await change(file, elsewhere);
    for (const each of [audit, await reopen()]) expect((await each.verify()).broken).not.toBeNull();
    // Nor by going on, which writes the heads anew: of heads that are kept elsewhere, that place itself tells.
    await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
    await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'y' });
    if (cut !== '' || !what.includes('elsewhere')) expect((await audit.verify()).broken).not.toBeNull();
  });

  it('an entry that was noted elsewhere and is not there any more', async () => {
    const { audit } = await begun();
    const { head } = await audit.verify();
    expect((await audit.verify({ seq: 4, hash: head })).broken).toBeNull();
    expect((await audit.verify({ seq: 4, hash: '0'.repeat(64) })).broken).toEqual({ seq: 4, why: 'it is not the entry that was noted' });
    expect((await audit.verify({ seq: 5, hash: head })).broken).toMatchObject({ seq: 5 });
  });
});

describe('a view that shows another log', () => {
  it.each([
    ['fewer entries', "SELECT seq, at, actor_ref, action, target, reason, prev_hash, hash FROM audit_entries WHERE action != 'reveal'", 1],
    ['another actor', "SELECT seq, at, 'somebody' AS actor_ref, action, target, reason, prev_hash, hash FROM audit_entries", 1],
    [
      'an entry more',
      "SELECT seq, at, actor_ref, action, target, reason, prev_hash, hash FROM audit_entries UNION ALL SELECT 9, now64(3), '', '', '', '', '', ''",
      4,
    ],
  ])('%s', async (_, select, seq) => {
    const { audit } = await begun();
    const [{ text } = { text: '' }] = await services.store.engine
      .session('tidy')
      .rows<{ text: string }>("SELECT as_select AS text FROM system.tables WHERE database = currentDatabase() AND name = 'audit_log'");
    try {
      await run(`CREATE OR REPLACE VIEW audit_log AS ${select}`);
      expect((await audit.verify()).broken).toEqual({ seq, why: 'the table audit_log does not show it as it is' });
    } finally {
      await run(`CREATE OR REPLACE VIEW audit_log AS ${text}`);
    }
    expect((await audit.verify()).broken).toBeNull();
  });
});

describe('heads of the version before', () => {
  const oldHead = (seq: number, hash: string) =>
    JSON.stringify({ seq, hash, mac: createHmac('sha256', KEY).update(`head\0${seq}\0${hash}`).digest('hex') });
  const hashOf = async (seq: number) =>
    (await services.store.read.rows<{ hash: string }>(`SELECT hash FROM audit_log WHERE seq = ${seq}`))[0]?.hash ?? '';

  it('are taken once, where they fit', async () => {
    const { file, elsewhere } = await begun();
    await writeFile(file, oldHead(4, await hashOf(4)));
    await rm(elsewhere);
    const fresh = [headFile(file), headInReferences(memory(), 'references')];
    const open = () => openAudit({ engine: services.store.engine, key: KEY, heads: fresh, now: () => 0 });
    expect(await (await open()).verify()).toMatchObject({ entries: 5, broken: null });
    expect(await (await open()).verify()).toMatchObject({ entries: 5, broken: null });
  });

  it.each([
    ['of an older entry', 2, '', 'heads of this version are there'],
    ['of an older entry, with the other head deleted', 2, '', 'none'],
    ['of a log that was cut off', 4, 'seq > 2', 'none'],
    ['of a log that was taken away', 4, 'seq > 0', 'none'],
  ])('are not: %s', async (_, seq, cut, others) => {
    const { file, heads } = await begun();
    const old = oldHead(seq, await hashOf(seq));
    if (cut !== '') await run(`ALTER TABLE audit_entries DELETE WHERE ${cut} ${SYNC}`);
    await writeFile(file, old);
    const places = others === 'none' ? [headFile(file), headInReferences(memory(), 'references')] : heads;
    const audit = await openAudit({ engine: services.store.engine, key: KEY, heads: places, now: () => 0 });
    expect((await audit.verify()).broken).not.toBeNull();
    await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
    expect((await audit.verify()).broken).not.toBeNull();
  });
});

describe('a log without an entry and without a head', () => {
  let places = 0;
  const anew = () => [headFile(join(folder, `none-${++places}.json`)), headInReferences(memory(), 'references')];
  it('is that of a new store, and of no other', async () => {
    await begun();
    await run('TRUNCATE TABLE audit_entries');
    const open = () => openAudit({ engine: services.store.engine, key: KEY, heads: anew(), now: () => 0 });
    expect(await (await open()).verify()).toMatchObject({ entries: 0, broken: null });
    await takeIn(services, [{ id: 'a', type: 'enrollment.started', time: '2026-03-01T09:00:00Z', source: 'app', attempt_id: 'one' }]);
    expect((await (await open()).verify()).broken).toMatchObject({ why: expect.stringContaining('no head was left') });
    await run('TRUNCATE TABLE events');
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
    await run(`ALTER TABLE audit_entries UPDATE actor_ref = 'another' WHERE seq = 3 ${SYNC}`);
    expect((await audit.verify()).broken).toEqual({ seq: 3, why: 'its actor was changed' });
    await run(`ALTER TABLE audit_entries UPDATE reason = 'another' WHERE seq = 2 ${SYNC}`);
    expect((await audit.verify()).broken).toMatchObject({ seq: 2 });
  });

  it('two people taken out of one entry', async () => {
    const { audit } = await begun();
    expect(await audit.redact(['person-3'], () => false)).toBe(1);
    expect(await audit.redact([], (text) => text === 'reason 3')).toBe(1);
    expect((await audit.verify()).broken).toBeNull();
    // Neither what was there between the two nor what was there first may come back.
    await run(`ALTER TABLE audit_entries UPDATE reason = 'reason 3' WHERE seq = 3 ${SYNC}`);
    expect((await audit.verify()).broken).toEqual({ seq: 3, why: 'it is not as forget left it' });
  });

  it('a line of heads elsewhere that was being written when the machine stopped', async () => {
    const { audit, reopen, elsewhere } = await begun();
    await writeFile(elsewhere, `${await readFile(elsewhere, 'utf8')}{"seq":5,"ha`);
    expect((await (await reopen()).verify()).broken).toBeNull();
    await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
    expect((await audit.verify()).broken).toBeNull();
  });

  it('a place that is configured later: it begins with what the others say', async () => {
    const { heads } = await begun();
    const later = headElsewhere(join(folder, 'later.ndjson'), () => {}, Date.now);
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
    headElsewhere(place, (message) => problems.push(message), Date.now),
  );
  const audit = await openAudit({ engine: services.store.engine, key: KEY, heads: [...heads, ...places], now: () => 0 });
  await audit.record({ actorRef: 'operator', action: 'reveal', target: 'x', reason: 'x' });
  await expect.poll(() => received.length).toBe(1);
  expect(received[0]).toMatch(/^<109>1 \S+ \S+ muster \d+ audit-head - \{"seq":5,"hash":"[0-9a-f]{64}","mac":"[0-9a-f]{64}"\}$/);
  expect(problems.at(-1)).toBe('the audit head was not sent to 127.0.0.1:9: ECONNREFUSED');
  expect((await audit.verify()).broken).toBeNull();
  server.close();
  expect(() => headElsewhere('http://x', () => {}, Date.now)).toThrow('MUSTER_AUDIT_HEAD');
});
