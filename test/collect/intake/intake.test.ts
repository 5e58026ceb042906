/** Intake: counts, durability, and that nothing personal is ever on disk. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KnownIdentities } from '../../../src/collect/intake/known-identities.ts';
import { familyOf, networkOf } from '../../../src/collect/intake/mask.ts';
import { pseudonyms } from '../../../src/collect/people/pseudonyms.ts';
import { EXAMPLES } from '../../../src/events/examples.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const NOW = Date.UTC(2026, 2, 1, 10);
let services: TestServices;
beforeAll(async () => {
  services = await testServices({ now: () => NOW });
});
afterAll(async () => {
  await services.dispose();
});

const accept = (events: readonly unknown[]) =>
  services.intake.accept(
    events.map((value) => ({ value })),
    'live',
  );

/** What a merge of the engine takes away while it is read has become another file that is read too. */
const unlessGone = <T>(reading: Promise<T>, otherwise: T): Promise<T> =>
  reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return otherwise;
    throw error;
  });

async function* filesIn(directory: string): AsyncGenerator<string> {
  for (const entry of await unlessGone(readdir(directory, { withFileTypes: true }), [])) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

test('takes in every example once; sent again they are duplicates, changed they are conflicts, and the store holds one of each', async () => {
  expect(await accept(EXAMPLES)).toMatchObject({ accepted: EXAMPLES.length, duplicates: 0, rejected: [] });
  expect(await accept(EXAMPLES)).toMatchObject({ accepted: 0, duplicates: EXAMPLES.length, conflicts: 0 });
  expect(await accept(EXAMPLES.map((event) => ({ ...event, tenant: 'other' })))).toMatchObject({
    accepted: 0,
    duplicates: EXAMPLES.length,
    conflicts: EXAMPLES.length,
  });
  await services.drain();
  expect(await services.store.read.rows('SELECT toUInt32(count()) AS n, toUInt32(uniqExact(type)) AS types FROM events_v')).toEqual([
    { n: EXAMPLES.length, types: EXAMPLES.length },
  ]);
});

test('the same id with another time or user is another event', async () => {
  const event = { id: 'twice', type: 'api.request', time: '2026-03-01T09:00:00Z', source: 'identity' };
  expect(await accept([event, { ...event, time: '2026-03-01T09:00:01Z' }, { ...event, user: 'ada' }, event])).toMatchObject({
    accepted: 3,
    duplicates: 1,
    conflicts: 0,
  });
});

test('a batch keeps its valid events, and names the others by position', async () => {
  const event = { id: 'kept', type: 'api.request', time: '2026-03-01T09:00:00Z', source: 'batch' };
  const result = await accept([event, { ...event, id: 'not kept', type: 'nonsense' }, 7]);
  expect(result).toMatchObject({
    accepted: 1,
    rejected: [
      { index: 1, id: null, message: expect.stringMatching(/^type/) },
      { index: 2, id: null },
    ],
  });
});

test('no identifier, address or user agent is in any file of the data directory, and keys are for their owner alone', async () => {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Secretive/9.9';
  await takeIn(services, [
    {
      id: 'private',
      type: 'access.blocked',
      time: '2026-03-01T09:00:00Z',
      source: 'privacy',
      user: 'grace.hopper@example.org',
      actor: 'helpdesk-person-77',
      device: 'device-serial-4711',
      destination: '+31612345678',
      session: 'session-token-0815',
      ip: '198.51.100.77',
      user_agent: agent,
    },
  ]);
  const searched = [
    'grace.hopper',
    'helpdesk-person-77',
    'device-serial-4711',
    '31612345678',
    'session-token-0815',
    '198.51.100.77',
    'Secretive',
  ];
  let files = 0;
  for await (const path of filesIn(services.dataDir)) {
    const bytes = await unlessGone(readFile(path), Buffer.alloc(0));
    for (const text of searched) expect(bytes.includes(text), `${text} in ${path}`).toBe(false);
    files += 1;
  }
  expect(files).toBeGreaterThan(20);
  for (const name of ['pseudonym-keys.json', 'identity.key', 'audit.key', 'references.sqlite'])
    expect((await stat(join(services.dataDir, name))).mode & 0o777, name).toBe(0o600);
  // The columns are compressed on disk, so the engine is asked as well.
  const [row] = await services.store.read.rows<Record<string, string>>(`SELECT * FROM events_v WHERE id = 'private'`);
  expect(row).toMatchObject({
    ip: '198.51.100.0/24',
    user_agent: 'Firefox on Linux',
    user_ref: expect.stringMatching(/^[\w-]{16}$/),
    actor_ref: expect.stringMatching(/^[\w-]{16}$/),
  });
  for (const text of searched) expect(JSON.stringify(row)).not.toContain(text);
});

test('pseudonyms are stable, keyed, and the same for a mail address in any case, and for nothing else that looks alike', () => {
  const ours = pseudonyms(Buffer.alloc(32, 1));
  expect(ours.of('person', 'Ada@Example.org')).toBe(ours.of('person', 'ada@example.org'));
  const alike = ['admin', 'Admin', ' admin', 'admın', 'admin²', 'ada@kile.org'];
  expect(new Set(alike.map((each) => ours.of('person', each))).size).toBe(alike.length);
  // One character in another form, and one that nobody sees, make nobody else; of what is no person nothing is changed.
  for (const written of ['ａdmin', 'ad\u200bmin', '\ufeffadmin', 'ad\0min'])
    expect(ours.of('person', written)).toBe(ours.of('person', 'admin'));
  expect(ours.of('device', 'ａdmin')).not.toBe(ours.of('device', 'admin'));
  expect(ours.of('person', 'ada')).not.toBe(ours.of('device', 'ada'));
  expect(ours.of('person', 'ada')).not.toBe(pseudonyms(Buffer.alloc(32, 2)).of('person', 'ada'));
  // HMAC-SHA-256 under 32 bytes of 1 over "muster/person/v1\0ada", first 12 bytes; computed with Python's hmac.
  expect(ours.of('person', 'ada')).toBe('CzNg7Eajfn1dUMTm');
});

test('addresses become networks, agents become families', () => {
  expect(networkOf('203.0.113.199')).toBe('203.0.113.0/24');
  expect(networkOf('::ffff:203.0.113.199')).toBe('203.0.113.0/24');
  expect(networkOf('2001:db8:1:2:3::4')).toBe('2001:db8:1::/48');
  expect(networkOf('fe80::1%eth0')).toBe('fe80::/48');
  // As products write them.
  for (const written of [
    '203.0.113.199:52044',
    ' 203.0.113.199 ',
    '"203.0.113.199"',
    '203.0.113.0/24',
    '203.0.113.199/32',
    '203.0.113.199, 10.0.0.1',
    '[::ffff:203.0.113.199]:443',
  ])
    expect(networkOf(written)).toBe('203.0.113.0/24');
  for (const written of [
    '[2001:db8:1:2::4]',
    '[2001:db8:1:2::4]:443',
    '[2001:db8:1:2::4%eth0]:443',
    '"[2001:db8:1:2::4]:443"',
    '2001:db8:1:2::/64',
  ])
    expect(networkOf(written)).toBe('2001:db8:1::/48');
  // 6to4: all of the address of IPv4 is in the first 48 bits.
  expect(networkOf('2002:cb00:71c7::1')).toBe('203.0.113.0/24');
  for (const wider of ['203.0.0.0/16', '203.0.113.0/33', '2001:db8::/32', '[2001:db8::1', '203.0.113.199:port', '2001:db8::1]:4'])
    expect(networkOf(wider)).toBe('');
  for (const nonsense of ['', '1.2.3', '0x7f.1', 'example.org', '1.2.3:80', '[1.2.3.4', '999.1.2.3:80'])
    expect(networkOf(nonsense)).toBe('');
  expect(familyOf('')).toBe('other');
  expect(
    familyOf(
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
    ),
  ).toBe('Safari on iOS');
});

test('memory of identities keeps a day through growth, takes back what was not durable, and forgets older hours', () => {
  const known = new KnownIdentities();
  const hour = 3_600_000;
  const note = (i: number, content: number, atMs: number) => known.note(Math.imul(i, 0x9e3779b1) >>> 0, i, content, atMs);
  for (let i = 1; i <= 100_000; i++) expect(note(i, 1, NOW)).toBe('new');
  for (let i = 1; i <= 100_000; i++) expect(note(i, 1, NOW + 23 * hour)).toBe('duplicate');
  expect(note(6, 2, NOW + 24 * hour)).toBe('conflict');
  expect(note(6, 2, NOW + 24 * hour)).toBe('duplicate');
  expect(note(6, 1, NOW + 24 * hour)).toBe('conflict');
  known.forget(Math.imul(7, 0x9e3779b1) >>> 0, 7);
  expect(note(7, 1, NOW + 24 * hour)).toBe('new');
  for (let i = 100_001; i <= 400_000; i++) note(i, 1, NOW + 50 * hour);
  expect(note(100, 1, NOW + 50 * hour)).toBe('new');
  expect(note(400_000, 1, NOW + 50 * hour)).toBe('duplicate');
});
