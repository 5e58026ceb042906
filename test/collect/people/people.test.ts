/** People behind pseudonyms: under new keys, opened for a reason, forgotten; and the audit log of it all. */
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { eraseUser } from '../../../src/core/ledger/erase.ts';
import { openCoreStorage } from '../../../src/core/storage/open.ts';
import { correlate } from '../../../src/detect/incidents/correlate.ts';
import type { Incident } from '../../../src/detect/incidents/incident.ts';
import { incidentsSince, writeIncidents } from '../../../src/detect/incidents/incident-table.ts';
import type { Signal } from '../../../src/detect/incidents/signal.ts';
import { suppressedBy, suppressionsAt } from '../../../src/detect/incidents/suppressions.ts';
import { createVault } from '../../../src/privacy/vault.ts';
import { addMaintenance } from '../../../src/slo/evaluate/maintenance.ts';
import { sloReport } from '../../../src/slo/measure/report.ts';
import { readOrCreateKey } from '../../../src/system/durable-files.ts';
import { whenLong, whenShort } from '../../support/scale.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

// Yesterday: the engine drops refused records of a month ago by its own clock.
const NOON = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 43_200_000;
const MINUTE = 60_000;
const BY = { actor: 'operator' };
let open: TestServices[] = [];
afterEach(async () => {
  for (const each of open) await each.dispose();
  open = [];
});

let now = NOON;
async function services(options: Parameters<typeof testServices>[0] = {}): Promise<TestServices> {
  now = NOON;
  const each = await testServices({ now: () => now, ...options });
  open.push(each);
  return each;
}
/** The same data directory, opened again. */
async function reopened({ dataDir, close }: TestServices, environment: NodeJS.ProcessEnv = {}): Promise<TestServices> {
  await close();
  open = open.filter((each) => each.dataDir !== dataDir);
  return services({ dataDir, environment });
}

let n = 0;
const event = (user: string, type = 'enrollment.started', more: object = {}) => {
  n += 1;
  const time = new Date(NOON - 30 * MINUTE + n).toISOString();
  return { id: `e${n}`, type, time, source: 'app', attempt_id: `of ${user}`.replace(/\W/g, '-'), user, ...more };
};
const refsOf = async ({ store }: TestServices): Promise<Record<string, number>> => {
  const rows = await store.read.rows<{ user_ref: string; n: number }>(
    'SELECT user_ref, toUInt32(count()) AS n FROM events_v GROUP BY user_ref',
  );
  return Object.fromEntries(rows.map(({ user_ref, n }) => [user_ref, n]));
};

whenShort(() => {
  describe('keys', () => {
    test('references stay through new keys, and part only when a key goes that alone leads to them', async () => {
      let each = await services();
      await takeIn(each, [event('ada'), event('ben')]);
      const before = await refsOf(each);
      expect(await each.people.rotate(BY)).toMatchObject({
        keys: [
          { id: 2, state: 'current' },
          { id: 1, state: 'previous' },
        ],
      });
      await takeIn(each, [event('ada'), event('cem')]);
      // The alias is in the table, and not only in memory.
      each = await reopened(each);
      await each.people.rotate(BY);
      await takeIn(each, [event('ada'), event('cem')]);
      const after = await refsOf(each);
      for (const [ref, count] of Object.entries(before)) expect([1, 3].includes(after[ref] as number) && count === 1).toBe(true);
      expect(Object.values(after).sort()).toEqual([1, 2, 3]);
      // Ben has not been seen since, nor the one who rotated: those two would be parted.
      const { behind } = each.people.status();
      expect(behind).toBeGreaterThan(0);
      await expect(each.people.retire(1, { ...BY, force: false })).rejects.toThrow(`${behind} references`);
      await expect(each.people.retire(3, { ...BY, force: true })).rejects.toThrow('the one in use');
      expect((await each.people.retire(1, { ...BY, force: true })).keys.map(({ state }) => state)).toEqual([
        'current',
        'previous',
        'retired',
      ]);
      await takeIn(each, [event('ada'), event('ben')]);
      expect(Object.values(await refsOf(each)).sort()).toEqual([1, 1, 2, 4]);
    });

    test('what a version with a single key has stored keeps its references, and its derived ids', async () => {
      let each = await services();
      await takeIn(each, [event('ada'), event('ben')]);
      const record = each.pseudonyms.fingerprint('the content of a record');
      const before = await refsOf(each);
      const { keys, fingerprint } = JSON.parse(await readFile(join(each.dataDir, 'pseudonym-keys.json'), 'utf8'));
      expect(fingerprint).not.toBe(keys[0].secret);
      await each.close();
      for (const name of ['pseudonym-keys.json', 'references.sqlite']) await rm(join(each.dataDir, name));
      await writeFile(join(each.dataDir, 'pseudonym.key'), `${keys[0].secret}\n`);
      each = await services({ dataDir: each.dataDir });
      open.shift();
      await each.people.rotate(BY);
      await takeIn(each, [event('ada'), event('ben')]);
      expect(await refsOf(each)).toEqual(Object.fromEntries(Object.keys(before).map((ref) => [ref, 2])));
      const again = await reopened(each);
      expect(again.pseudonyms.fingerprint('the content of a record')).not.toBe(record);
      expect(again.pseudonyms.fingerprint('x')).toBe(each.pseudonyms.fingerprint('x'));
    });
  });
});

whenShort(() => {
  describe('reveal', () => {
    test('opens a reference for a reason, and whoever asks is written down, in vain too', async () => {
      const each = await services();
      await takeIn(each, [event('Ada@Example.org', 'enrollment.started', { device: 'phone-1' })]);
      const [row] = await each.store.read.rows<{ user_ref: string; device_ref: string }>('SELECT user_ref, device_ref FROM events_v');
      const { user_ref = '', device_ref = '' } = row ?? {};
      expect(await each.people.reveal(user_ref, { ...BY, reason: 'incident 7, see mail of ada@example.org' })).toEqual({
        ref: user_ref,
        identifier: 'Ada@Example.org',
      });
      await expect(each.people.reveal(device_ref, { ...BY, reason: 'curious' })).rejects.toThrow('nobody can be named');
      await expect(each.people.reveal("x' OR 1", { ...BY, reason: 'curious' })).rejects.toThrow('expected a reference');
      await expect(each.people.reveal(user_ref, { ...BY, reason: ' ' })).rejects.toThrow('reason');
      const log = await each.store.read.rows('SELECT toUInt32(seq) AS seq, actor_ref, action, target, reason FROM audit_log ORDER BY seq');
      const actor_ref = each.pseudonyms.of('operator', 'operator');
      expect(log).toEqual([
        { seq: 1, actor_ref, action: 'reveal', target: user_ref, reason: 'incident 7, see mail of [email]' },
        { seq: 2, actor_ref, action: 'reveal', target: device_ref, reason: 'curious' },
      ]);
      expect(await each.people.verifyAudit()).toMatchObject({ entries: 2, broken: null });
    });

    test('with MUSTER_IDENTITIES=none there is nothing to open', async () => {
      const each = await services({ environment: { MUSTER_IDENTITIES: 'none' } });
      await takeIn(each, [event('ada')]);
      const [ref = ''] = Object.keys(await refsOf(each));
      await expect(each.people.reveal(ref, { ...BY, reason: 'incident' })).rejects.toThrow('MUSTER_IDENTITIES=none');
    });
  });
});

const entries = async (each: TestServices) => {
  for (const reason of ['one', 'two', 'three', 'four']) await each.people.reveal('A'.repeat(16), { ...BY, reason }).catch(() => {});
};

whenShort(() => {
  test('the audit log goes on where it was, after a restart and with many at once', async () => {
    const first = await services();
    await entries(first);
    const each = await reopened(first);
    await Promise.all(Array.from({ length: 5 }, () => each.people.reveal('B'.repeat(16), { ...BY, reason: 'again' }).catch(() => {})));
    expect(await each.people.verifyAudit()).toMatchObject({ entries: 9, broken: null });
  });
});

describe('forget', () => {
  const TRACE = 'a'.repeat(32);
  /** Ada fails and blames a trace, Ben succeeds and is reset by Ada; both have sent from everywhere. */
  const history = () => {
    const everywhere = {
      device: 'd-1',
      session: 's-1',
      destination: '+4917012345',
      ip: '203.0.113.9',
      user_agent: 'curl/8',
      attributes: { plan: 'gold' },
    };
    return [
      event('ada@example.org', 'enrollment.started', { ...everywhere, trace_id: TRACE, reason: 'first time' }),
      event('ada@example.org', 'api.request', { http_status: 503, duration_ms: 20, operation: 'verify' }),
      event('ada@example.org', 'enrollment.failed', { error_class: 'provider' }),
      event('ben'),
      event('ben', 'enrollment.completed'),
      event('ben', 'admin.action', {
        ...everywhere,
        actor: 'ada@example.org',
        action: 'factor.reset',
        reason: 'asked by phone',
        trace_id: 'c'.repeat(32),
      }),
    ];
  };
  const span = {
    traceId: TRACE,
    spanId: 'b'.repeat(16),
    parentSpanId: '',
    service: 'app',
    name: 'x',
    kind: '',
    durationUs: 1,
    hasFailed: false,
    attributes: {},
  };
  const figures = async ({ store, slos }: TestServices) => JSON.stringify(await sloReport(store.engine, slos, NOON));

  whenShort(() => {
    test('takes a person out of everything, keeps every figure, and lets nothing that comes late bring the person back', async () => {
      const each = await services();
      const events = history();
      await takeIn(each, events);
      await each.intake.keepSpans([{ ...span, startUs: (NOON - 30 * MINUTE) * 1_000 }]);
      await each.drain();
      const ref = each.pseudonyms.of('person', 'ada@example.org');
      await each.people.reveal(ref, { ...BY, reason: 'incident' });
      await each.people.rotate(BY);
      await takeIn(each, [event('ada@example.org', 'ux.error')]);
      const refused = (user: string) => ({ value: { ...event(user), time: '2020-01-01T00:00:00Z' } });
      await each.intake.accept([refused('ada@example.org'), refused('ben')], 'live');
      const sign: Signal = {
        source: 'finding',
        name: 'mass_lockout',
        of: '',
        dimension: '',
        value: '',
        fromMs: NOON,
        knownMs: NOON,
        toMs: NOON,
        isPage: true,
        summary: 'ada@example.org and "others" \\ are locked out',
      };
      const [incident] = correlate([], [sign], 1, NOON);
      await writeIncidents(each.store.engine, [{ ...(incident as Incident), assignee: 'Ada@Example.org' }], NOON);
      const told: Signal = { ...sign, source: 'flag', dimension: 'region', value: 'eu', isPage: false };
      await suppressedBy(each.store.engine, { ...(incident as Incident), signals: [told] }, 'a test of ada@example.org', NOON);
      const before = await figures(each);

      const forgotten = await each.people.forget('Ada@example.org', BY);
      const [kept] = await incidentsSince(each.store.engine, 0);
      expect(kept).toMatchObject({ id: 'INC-1', title: '', assignee: '', signals: [{ ...sign, summary: '' }] });
      expect(await suppressionsAt(each.store.engine, NOON)).toMatchObject([{ value: 'eu', reason: '' }]);
      expect(forgotten).toMatchObject({ references: 1, events: 4, attempts: 1, spans: 1, deadLetters: 1, left: {} });
      expect(forgotten.searched.files).toBeGreaterThan(100);
      expect(await figures(each)).toBe(before);
      const rows = await each.store.read.rows<Record<string, unknown>>(
        `SELECT id, user_ref, actor_ref, device_ref, session_ref, destination_ref, ip, user_agent_ref, reason, trace_id, attributes FROM events_v ORDER BY time`,
      );
      expect(rows).toHaveLength(7);
      expect(new Set(rows.map(({ user_ref }) => user_ref)).size).toBe(2);
      for (const row of rows) {
        expect(Object.values(row)).not.toContain(ref);
        expect(row).toMatchObject({
          actor_ref: '',
          device_ref: '',
          session_ref: '',
          destination_ref: '',
          ip: '',
          user_agent_ref: '',
          reason: '',
          trace_id: '',
          attributes: {},
        });
      }
      expect(await each.store.read.rows('SELECT count() AS n FROM dead_letters')).toMatchObject([{ n: 1 }]);
      await expect(each.people.reveal(ref, { ...BY, reason: 'incident' })).rejects.toThrow('nobody can be named');
      // What was taken out of the entry about Ada is an entry itself.
      expect(await each.people.verifyAudit()).toMatchObject({ entries: 5, broken: null });

      // Late, twice, and in another order; after a restart too.
      const again = await reopened(each);
      expect(await takeIn(again, [...events].reverse())).toMatchObject({ accepted: 0, duplicates: 6 });
      expect(await figures(again)).toBe(before);
      expect(
        await again.store.read.rows(`SELECT count() AS n FROM events_v WHERE user_ref = '${ref}' OR actor_ref = '${ref}'`),
      ).toMatchObject([{ n: 0 }]);
      const [reset] = await again.store.read.rows<Record<string, unknown>>(
        "SELECT actor_ref, device_ref, session_ref, destination_ref, ip, user_agent, user_agent_ref, reason, trace_id, attributes FROM events_v WHERE type = 'admin.action'",
      );
      expect(new Set(Object.values(reset ?? {}).map((value) => JSON.stringify(value)))).toEqual(new Set(['""', '{}']));

      // Who comes back is somebody new, and can be forgotten again: at once, while the row is still in the log.
      now = NOON + 60 * MINUTE;
      await takeIn(again, [{ ...event('ada@example.org'), time: new Date(NOON + 59 * MINUTE).toISOString(), attempt_id: 'new' }]);
      const [row] = await again.store.read.rows<{ user_ref: string }>("SELECT user_ref FROM events_v WHERE attempt_id = 'new'");
      expect(rows.map(({ user_ref }) => user_ref)).not.toContain(row?.user_ref);
      expect(row?.user_ref).not.toBe(ref);
      expect((await again.people.reveal(String(row?.user_ref), { ...BY, reason: 'incident' })).identifier).toBe('ada@example.org');
      const known = again.pseudonyms.ring().keys.length;
      await again.people.rotate(BY);
      await again.intake.accept([{ value: event('cem@example.org') }], 'live');
      const cem = again.pseudonyms.of('person', 'cem@example.org');
      expect(await again.people.forget('cem@example.org', BY)).toMatchObject({ references: 1, events: 1, left: {} });
      expect(again.store.references.find(cem)).toBeUndefined();
      // Under a key that is gone, only the sealed identifier still says whose a reference is.
      for (const { id } of again.pseudonyms.ring().keys.slice(1)) await again.people.retire(id, { ...BY, force: true });
      expect(known).toBeGreaterThan(1);
      expect(await again.people.forget('ada@example.org', BY)).toMatchObject({ references: 1, events: 1, left: {} });
    });
  });

  whenLong(() => {
    test('a mail address is one person’s in whatever spelling, late too', async () => {
      const each = await services();
      const spellings = [
        'josé.müller@example.org',
        'JOSÉ.MÜLLER@EXAMPLE.ORG',
        'jose\u0301.mu\u0308ller@example.org',
        'josé.müller＠example.org',
      ];
      const events = spellings.map((user) => event(user));
      await takeIn(each, events);
      const refs = spellings.map((user) => each.pseudonyms.of('person', user));
      // Composed or not, full width or not: only capitals beyond A to Z are another's.
      expect(new Set(refs).size).toBe(2);
      expect(await each.people.forget(spellings[0] as string, BY)).toMatchObject({ references: 2, events: 4, left: {} });
      for (const ref of refs) await expect(each.people.reveal(ref, { ...BY, reason: 'x' })).rejects.toThrow('nobody can be named');
      expect(await takeIn(each, events)).toMatchObject({ accepted: 0, duplicates: 4 });
    });
  });

  whenShort(() => {
    test('whoever is named in what others wrote goes from there too, in whatever spelling, and the proof sees what cannot go', async () => {
      const each = await services();
      const { user: _, ...ofNobody } = event('ada.lovelace', 'api.request', {
        device: 'd-1',
        http_status: 200,
        duration_ms: 1,
        operation: 'verify',
      });
      await takeIn(each, [
        event('ada.lovelace'),
        event('ben', 'ux.error', { reason: 'called by ADA.Lovelace', attributes: { note: 'Ａda.lovelace' } }),
        { ...event('ben', 'ux.error'), attempt_id: 'of-Ada.Lovelace' },
        // Another, whose name has this one in it, and what else stands beside a name.
        event('nada.lovelace', 'ux.error', {
          reason: 'nada.lovelace called',
          attributes: { who: 'nada.lovelace', line: 'x\nada.lovelace', plan: 'gold' },
        }),
        // Not every event of an attempt says whose it is.
        ofNobody,
      ]);
      await addMaintenance(
        each.store.engine,
        each.slos,
        { slo: '*', startMs: NOON, endMs: NOON + MINUTE, reason: 'ada.LOVELACE asked', actorRef: '' },
        NOON,
      );
      await each.people.audited('operator', 'keys.create', 'a1b2', 'for Ada.Lovelace');
      // Who uses Muster as well stays in its audit log.
      await each.people.audited('ada.lovelace', 'keys.create', 'c3d4', 'mine');
      const operator = each.pseudonyms.of('operator', 'ada.lovelace');
      const { left } = await each.people.forget('ada.lovelace', BY);
      // An id of the application stays, and is said.
      expect(Object.keys(left)).toEqual(expect.arrayContaining(['attempt_states', 'events']));
      expect(Object.keys(left)).not.toEqual(expect.arrayContaining(['maintenance_log', 'audit_entries']));
      const texts =
        JSON.stringify(await each.store.read.rows('SELECT reason, attributes FROM events_v')) +
        JSON.stringify(await each.store.read.rows('SELECT reason FROM maintenance UNION ALL SELECT reason FROM audit_log'));
      expect(texts.normalize('NFKC').toLowerCase().replaceAll('nada.lovelace', '')).not.toContain('lovelace');
      expect(await each.store.read.rows("SELECT reason, attributes FROM events_v WHERE reason LIKE 'nada%'")).toEqual([
        { reason: 'nada.lovelace called', attributes: { who: 'nada.lovelace', plan: 'gold' } },
      ]);
      expect(await each.store.read.rows("SELECT device_ref FROM events_v WHERE type = 'api.request'")).toEqual([{ device_ref: '' }]);
      expect((await each.people.reveal(operator, { ...BY, reason: 'who was it' })).identifier).toBe('ada.lovelace');
      expect(await each.people.verifyAudit()).toMatchObject({ broken: null });
    });
  });

  whenLong(() => {
    test('an identifier that holds another stays, being somebody of its own, and the proof says so', async () => {
      const each = await services();
      const others = ['mailto:ada@example.org', 'okta|ada@example.org', '<ada@example.org>'];
      await takeIn(
        each,
        ['ada@example.org', ...others, 'nada@example.org', 'ada@example.org.uk'].map((user) => event(user)),
      );
      const refs = others.map((user) => each.pseudonyms.of('person', user));
      const { left } = await each.people.forget('ada@example.org', BY);
      const [[told, count] = ['', 0], ...rest] = Object.entries(left);
      expect(rest).toEqual([]);
      expect(count).toBe(3);
      expect(told).toMatch(/^identifiers that hold it/);
      for (const ref of refs) expect(told).toContain(ref);
      for (const user of others) await each.people.forget(user, BY);
      expect((await each.people.forget('ada@example.org', BY)).left).toEqual({});
    });
  });

  whenShort(() => {
    test('the reference core forgets too, in whatever way the address is written', async () => {
      const each = await services();
      const path = join(each.dataDir, 'core.sqlite');
      const storage = await openCoreStorage({ kind: 'sqlite', path });
      const row = 'INSERT INTO outbox (event) VALUES (?)';
      for (const user of ['Ada@Example.org', 'ben']) await storage.run(row, JSON.stringify({ user, note: 'x'.repeat(500) }));
      await storage.run("DELETE FROM outbox WHERE event LIKE '%ben%'");
      await storage.run(
        `INSERT INTO factors (id, user_id, factor_type, state, version, sealed, failures, sends, may_send_at, identity, created_at, labels)
       VALUES ('f', 'ada@example.org', 'totp', 'active', 0, ?, 0, 0, 0, '', 0, '{}')`,
        Buffer.from('sealed'),
      );
      expect(await eraseUser(storage, 'ADA@example.org', Date.now())).toEqual({
        rows: 2,
        spellings: ['Ada@Example.org', 'ada@example.org'],
        left: 0,
      });
      await storage.close();
      const bytes = await readFile(path, 'latin1');
      for (const text of ['Ada@Example.org', 'ada@example.org', 'ben']) expect(bytes).not.toContain(text);
    });
  });

  whenShort(() => {
    test('a crash in between is made good at the next start', async () => {
      const first = await services();
      await takeIn(first, history());
      const ref = first.pseudonyms.of('person', 'ada@example.org');
      const before = await figures(first);
      const vault = createVault(await readOrCreateKey(join(first.dataDir, 'identity.key')));
      const anonymous = randomBytes(12).toString('base64url');
      const names = vault.wrap(Buffer.from(JSON.stringify(['ada@example.org'])), anonymous).toString('base64');
      const plan = { departure: first.pseudonyms.departure('ada@example.org', NOON), anonymous, names };
      await writeFile(join(first.dataDir, 'forgetting.json'), JSON.stringify(plan));
      // As far as it got: the new rows are there, the old ones are not gone.
      await first.store.engine
        .session('tidy')
        .run(`INSERT INTO events SELECT * REPLACE ('${plan.anonymous}' AS user_ref) FROM (SELECT * FROM events WHERE user_ref = '${ref}')`);
      const each = await reopened(first);
      expect(Object.keys(await refsOf(each)).sort()).toEqual([plan.anonymous, each.pseudonyms.of('person', 'ben')].sort());
      expect(Object.values(await refsOf(each))).toEqual([3, 3]);
      expect(await figures(each)).toBe(before);
      await expect(readFile(join(each.dataDir, 'forgetting.json'))).rejects.toThrow('ENOENT');
    });
  });
});
