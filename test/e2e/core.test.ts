/** The reference core over HTTP: TOTP for real, and each accepted case with its refused twin; its events end in the SLIs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Running, removeData, startMuster, temporaryData } from '../support/process.ts';

let muster: Running;
beforeAll(async () => {
  muster = await startMuster(await temporaryData());
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

interface Answer {
  status: number;
  type: string | null;
  isReplay: boolean;
  body: Record<string, unknown> & { challenge?: { secret: string; otpauth_uri: string; qr_svg: string } };
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${muster.url}/core/v1${path}`, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    isReplay: response.headers.has('idempotency-replayed'),
    body: (await response.json()) as Answer['body'],
  };
}

async function begin(user: string) {
  const { body } = await call('POST', '/enrollments', { user, factor_type: 'totp', region: 'eu-west' });
  const totp = new TOTP({ secret: Secret.fromBase32(String(body.challenge?.secret)) });
  return { id: String(body.id), totp, path: `/enrollments/${String(body.id)}` };
}
const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

test('enrolls: secret, URI and QR code out, the right code makes the factor active', async () => {
  const { status, body } = await call('POST', '/enrollments', { user: 'ada@example.org', factor_type: 'totp' });
  expect(status).toBe(201);
  expect(body).toMatchObject({ state: 'pending', factor_type: 'totp', expires_at: expect.stringMatching(/Z$/) });
  expect(body.challenge?.secret).toMatch(/^[A-Z2-7]{32}$/);
  expect(body.challenge?.otpauth_uri).toMatch(/^otpauth:\/\/totp\/Muster:ada%40example\.org\?.*secret=/);
  expect(body.challenge?.qr_svg).toMatch(/^<svg/);

  const totp = new TOTP({ secret: Secret.fromBase32(String(body.challenge?.secret)) });
  const done = await call('POST', `/enrollments/${String(body.id)}/verify`, { code: totp.generate() });
  expect(done).toMatchObject({ status: 200, body: { id: body.id, state: 'active', factor_id: expect.any(String) } });
  expect(await call('GET', `/enrollments/${String(body.id)}`)).toMatchObject({ status: 200, body: { state: 'active' } });
  expect((await call('GET', '/users/ada%40example.org/factors')).body).toMatchObject({
    factors: [{ id: done.body.factor_id, factor_type: 'totp', state: 'active' }],
  });
});

describe('refuses', () => {
  test('a wrong code with the tries that are left, and after five the enrollment', async () => {
    const { totp, path } = await begin('ben@example.org');
    for (const left of [4, 3, 2, 1, 0]) {
      const answer = await call('POST', `${path}/verify`, { code: wrong(totp.generate()) });
      expect(answer).toMatchObject({
        status: 422,
        type: expect.stringContaining('application/problem+json'),
        body: { code: 'MUSTER_WRONG_PROOF', attempts_left: left },
      });
    }
    expect(await call('POST', `${path}/verify`, { code: totp.generate() })).toMatchObject({ status: 409 });
    expect((await call('GET', '/users/ben%40example.org/factors')).body).toEqual({ factors: [] });
  });

  test('a code of five minutes ago, and one that is no code', async () => {
    const { totp, path } = await begin('cyd@example.org');
    expect(await call('POST', `${path}/verify`, { code: totp.generate({ timestamp: Date.now() - 300_000 }) })).toMatchObject({
      status: 422,
    });
    for (const code of ['', '1234567', 'abcdef']) expect(await call('POST', `${path}/verify`, { code })).toMatchObject({ status: 422 });
  });

  test('a replay of another code once it is active; the same proof only repeats the answer', async () => {
    const { totp, path } = await begin('dee@example.org');
    const code = totp.generate();
    const first = await call('POST', `${path}/verify`, { code });
    const second = await call('POST', `${path}/verify`, { code });
    expect([200, 409]).toContain(second.status);
    if (second.status === 200) expect(second.body.factor_id).toBe(first.body.factor_id);
    expect(await call('POST', `${path}/verify`, { code: wrong(code) })).toMatchObject({ status: 409 });
    expect(((await call('GET', '/users/dee%40example.org/factors')).body.factors as unknown[]).length).toBe(1);
  });

  test('what is not a request of its kind, naming the field', async () => {
    expect(await call('POST', '/enrollments', { user: 'eve' })).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(/^factor_type/) },
    });
    expect(await call('POST', '/enrollments', { user: 'eve', factor_type: 'sms' })).toMatchObject({ status: 400 });
    expect(await call('POST', '/enrollments', { user: 'eve', factor_type: 'totp', admin: true })).toMatchObject({ status: 400 });
    expect(await call('POST', '/enrollments', '{"user":')).toMatchObject({ status: 400, body: { code: 'MUSTER_BAD_JSON' } });
    expect(await call('GET', '/enrollments/unknown')).toMatchObject({ status: 404 });
  });
});

test('the longest user there may be gets a QR code; half a surrogate pair is refused, and no attempt is left behind', async () => {
  expect(await call('POST', '/enrollments', { user: '€'.repeat(320), factor_type: 'totp' })).toMatchObject({ status: 201 });
  expect(await call('POST', '/enrollments', { user: '\ud800x', factor_type: 'totp' })).toMatchObject({
    status: 400,
    body: { detail: expect.stringMatching(/^user: /) },
  });
});

test('the same Idempotency-Key at the same time gives one enrollment', async () => {
  const body = { user: 'ivy@example.org', factor_type: 'totp' };
  const answers = await Promise.all(Array.from({ length: 5 }, () => call('POST', '/enrollments', body, { 'idempotency-key': 'at-once' })));
  // Who comes while it is being answered is told so; who comes after that gets the same answer.
  for (const { status, body } of answers.filter(({ status }) => status !== 201))
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'MUSTER_IN_PROGRESS' });
  const ids = answers.filter(({ status }) => status === 201).map(({ body: { id } }) => String(id));
  expect(new Set(ids).size).toBe(1);
  expect(await call('POST', '/enrollments', body, { 'idempotency-key': 'at-once' })).toMatchObject({
    isReplay: true,
    body: { id: ids[0] },
  });
});

test('an Idempotency-Key gives the same answer for the same request, and refuses another one', async () => {
  const body = { user: 'fay@example.org', factor_type: 'totp' };
  const key = { 'idempotency-key': 'key-1' };
  const first = await call('POST', '/enrollments', body, key);
  expect(await call('POST', '/enrollments', body, key)).toEqual({ ...first, isReplay: true });
  expect(await call('POST', '/enrollments', { factor_type: 'totp', user: 'fay@example.org' }, key)).toEqual({ ...first, isReplay: true });
  const others = [
    call('POST', '/enrollments', { ...body, user: 'gus@example.org' }, key),
    call('POST', `/enrollments/${String(first.body.id)}/verify`, { code: '000000' }, key),
  ];
  for (const other of await Promise.all(others)) expect(other).toMatchObject({ status: 422, body: { code: 'MUSTER_KEY_REUSED' } });
  expect(await call('POST', '/enrollments', body, { 'idempotency-key': '"unterminated' })).toMatchObject({ status: 400 });
  // What was refused before it did anything may be sent again, mended.
  expect(await call('POST', '/enrollments', { user: 'gus@example.org' }, { 'idempotency-key': 'key-2' })).toMatchObject({ status: 400 });
  expect(await call('POST', '/enrollments', { ...body, user: 'gus@example.org' }, { 'idempotency-key': 'key-2' })).toMatchObject({
    status: 201,
  });
  // A wrong proof counts once, however often its request is repeated.
  const wrongProof = () => call('POST', `/enrollments/${String(first.body.id)}/verify`, { code: 'wrong' }, { 'idempotency-key': 'key-3' });
  expect((await wrongProof()).body).toMatchObject({ attempts_left: 4 });
  expect(await wrongProof()).toMatchObject({ status: 422, isReplay: true, body: { attempts_left: 4 } });
});

test('a cancelled enrollment cannot be completed; a revoked factor says so', async () => {
  const { totp, path } = await begin('hal@example.org');
  expect(await call('DELETE', path)).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect(await call('POST', `${path}/verify`, { code: totp.generate() })).toMatchObject({ status: 409 });
  const other = await begin('hal@example.org');
  const { body } = await call('POST', `${other.path}/verify`, { code: other.totp.generate() });
  expect(await call('DELETE', `/factors/${String(body.factor_id)}`)).toMatchObject({ status: 200, body: { state: 'revoked' } });
  expect((await call('GET', '/users/hal%40example.org/factors')).body).toMatchObject({ factors: [{ state: 'revoked' }] });
});

test('a second start takes the place of the first; a clock that is off is told from a wrong code', async () => {
  const first = await begin('jo@example.org');
  const second = await begin('jo@example.org');
  expect(await call('GET', first.path)).toMatchObject({ body: { state: 'cancelled' } });
  const late = await call('POST', `${second.path}/verify`, { code: second.totp.generate({ timestamp: Date.now() + 95_000 }) });
  expect(late).toMatchObject({
    status: 422,
    body: { attempts_left: 4, detail: expect.stringMatching(/clock of the device is about (90|120) s ahead/) },
  });
  expect(await call('POST', `${second.path}/verify`, { code: second.totp.generate() })).toMatchObject({ status: 200 });
});

test('factors are suspended, resumed and deprovisioned, by whom is in the audit log; other steps are refused', async () => {
  const { totp, path } = await begin('kim@example.org');
  const { body } = await call('POST', `${path}/verify`, { code: totp.generate() });
  const factor = `/factors/${String(body.factor_id)}`;
  const by = { actor: 'helpdesk@example.org', reason: 'phone lost' };
  expect(await call('POST', `${factor}/resume`, by)).toMatchObject({ status: 409, body: { code: 'MUSTER_ILLEGAL_TRANSITION' } });
  for (let i = 0; i < 2; i++)
    expect(await call('POST', `${factor}/suspend`, by)).toMatchObject({ status: 200, body: { state: 'suspended' } });
  expect(await call('POST', `${factor}/resume`, by)).toMatchObject({ status: 200, body: { state: 'active' } });
  const waiting = await begin('kim@example.org');
  expect(await call('POST', '/users/kim%40example.org/deprovision', by)).toMatchObject({
    status: 200,
    body: { enrollments_cancelled: 1, factors_deprovisioned: 1 },
  });
  expect(await call('GET', waiting.path)).toMatchObject({ body: { state: 'cancelled' } });
  for (const step of ['suspend', 'resume']) expect(await call('POST', `${factor}/${step}`, by)).toMatchObject({ status: 409 });
  expect(await call('DELETE', factor)).toMatchObject({ status: 409, body: { detail: expect.stringContaining('is deprovisioned') } });
  const rows = await fetch(`${muster.url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      sql: "SELECT action FROM audit_log WHERE action LIKE 'factor.%' OR action LIKE 'user.%' ORDER BY seq",
      format: 'TSV',
    }),
  });
  expect((await rows.text()).split('\n').filter(Boolean)).toEqual([
    'factor.resume',
    'factor.suspend',
    'factor.suspend',
    'factor.resume',
    'user.deprovision',
    'factor.suspend',
    'factor.resume',
  ]);
});

test('every step became an event: attempts with their results and the requests with their status', async () => {
  let statuses: { sli: string; total: number; good: number }[] = [];
  const inAMinute = new Date(Date.now() + 60_000).toISOString();
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(250)) {
    statuses = (await (await fetch(`${muster.url}/api/slos?at=${inAMinute}`)).json()) as typeof statuses;
    if ((statuses.find(({ sli }) => sli === 'M1')?.total ?? 0) >= 9) break;
  }
  // Settled: ada, dee, kim and the second of hal and jo completed; ben failed; the first of hal and jo, and the second of kim, were cancelled.
  expect(statuses.find(({ sli }) => sli === 'M1')).toMatchObject({ good: 5, total: 9 });
  expect(statuses.find(({ sli }) => sli === 'M2')).toMatchObject({ good: 5, total: 5 });
  expect(statuses.find(({ sli }) => sli === 'M6')?.total).toBeGreaterThan(20);
  const recent = (await (await fetch(`${muster.url}/api/events/recent`)).json()) as { type: string }[];
  expect(new Set(recent.map(({ type }) => type))).toContain('enrollment.completed');
  expect(JSON.stringify(recent)).not.toContain('example.org');
});
