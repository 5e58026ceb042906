/** The core as it runs, on a real PostgreSQL: spans in the attempt, the canary, a rotation by command, and a database that goes down. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { have } from '../support/counterparts.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';

describe.runIf(have('postgres'))('the core on PostgreSQL', () => {
  let postgres: Postgres;
  let muster: Running;
  let folder: string;
  beforeAll(async () => {
    postgres = await startPostgres();
    folder = await mkdtemp(join(tmpdir(), 'muster-core-settings-'));
    await writeFile(
      join(folder, 'core.yaml'),
      'providers:\n  - { kind: console, channels: [sms, email] }\ncanary: { every_minutes: 0.5 }\n',
    );
    const settings = [`MUSTER_CORE=${join(folder, 'core.yaml')}`, `MUSTER_CORE_DATABASE_URL=${postgres.url}`];
    muster = await startUnder(['env', ...settings], await temporaryData());
  });
  afterAll(async () => {
    await muster?.stop();
    await postgres?.stop();
    await removeData(muster.dataDir);
    await rm(folder, { recursive: true, force: true });
  });

  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${muster.url}/core/v1${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      retry: response.headers.get('retry-after'),
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const begin = async (user: string) => {
    const { status, body } = await call('POST', '/enrollments', { user, factor_type: 'totp' });
    expect(status).toBe(201);
    const secret = Secret.fromBase32(String((body.challenge as { secret: string }).secret));
    return { id: String(body.id), code: (atMs = Date.now()) => TOTP.generate({ secret, timestamp: atMs }) };
  };
  const enroll = async (user: string) => {
    const { id, code } = await begin(user);
    const { body } = await call('POST', `/enrollments/${id}/verify`, { code: code() });
    return { factor: String(body.factor_id), code };
  };

  test('a failed attempt opens with its events and the spans of each request', async () => {
    const { id } = await begin('ada@example.org');
    for (let i = 0; i < 5; i++) await call('POST', `/enrollments/${id}/verify`, { code: '000000' });
    const detail = async () =>
      (await (await fetch(`${muster.url}/api/attempts/${id}`)).json()) as {
        result: string;
        spans?: { name: string; service: string }[];
        events?: { type: string }[];
      };
    // Events and spans are loaded apart from each other: whichever is later is waited for.
    const told = async () => {
      const { result, spans = [] } = await detail();
      return result === 'failed' && spans.length >= 16;
    };
    await expect.poll(told, { timeout: 120_000, interval: 500 }).toBe(true);
    const { spans = [], events = [] } = await detail();
    expect(new Set(spans.map(({ service, name }) => `${service} ${name}`))).toEqual(
      new Set(
        ['POST /core/v1/enrollments', 'POST /core/v1/enrollments/:id/verify', 'enrollment.verify', 'vault.open'].map(
          (name) => `muster-core ${name}`,
        ),
      ),
    );
    expect(events.filter(({ type }) => type === 'enrollment.verification_failed')).toHaveLength(5);
  });

  test('the canary enrolls what is offered, and no SLI counts it', async () => {
    const metrics = async () => (await fetch(`${muster.url}/metrics`)).text();
    await expect.poll(metrics, { timeout: 120_000, interval: 500 }).toMatch(/muster_canary_success\{factor_type="hardware_otp"\} 1/);
    const shown = [...(await metrics()).matchAll(/muster_canary_success\{factor_type="(\w+)"\} (\d)/g)].map(
      ([, type, good]) => `${type} ${good}`,
    );
    expect(shown.sort()).toEqual(['email 1', 'hardware_otp 1', 'hotp 1', 'push 1', 'recovery_code 1', 'sms 1', 'totp 1']);
    expect(await metrics()).toMatch(/muster_provider_healthy\{provider="console",region=""\} 1/);
    // Codes of the canary go to nobody.
    expect(muster.output()).not.toContain('is your code');
    expect(muster.output()).not.toMatch(/muster: /);
    const query = {
      sql: "SELECT countIf(traffic = 'user') AS users, countIf(traffic = 'synthetic') > 0 AS synthetic FROM attempts",
      format: 'JSONEachRow',
    };
    const rows = await fetch(`${muster.url}/api/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(query),
    });
    expect(await rows.json()).toEqual({ users: 1, synthetic: 1 });
  });

  test('muster vault rotate seals everything anew, and factors go on', async () => {
    const { factor, code } = await enroll('ben@example.org');
    const { stdout, status } = await runMuster(['vault', 'rotate', '--data', muster.dataDir]);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/k2-\w+ {2}in use .*\n {2}k1-\w+ {2}older .*\n\d+ records sealed anew/)]);
    expect(await call('POST', `/factors/${factor}/verify`, { code: code(Date.now() + 30_000) })).toMatchObject({
      status: 200,
      body: { verified: true },
    });
    const shown = await runMuster(['vault', 'status', '--json', '--data', muster.dataDir]);
    expect(JSON.parse(shown.stdout).keys).toMatchObject([{ id: expect.stringMatching(/^k2-/) }, { id: expect.stringMatching(/^k1-/) }]);
  });

  test('a database that goes down is told as such, and afterwards people go on where they were', async () => {
    const { id, code } = await begin('dee@example.org');
    await postgres.crash();
    // Connections of before are broken; each request finds that out, or has a new one.
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('GET', `/enrollments/${id}`)));
    for (const { status, retry, body } of answers)
      if (status !== 200) expect([status, retry, body.code]).toEqual([503, '1', 'MUSTER_CORE_UNREACHABLE']);
    await expect.poll(async () => (await call('GET', `/enrollments/${id}`)).status, { timeout: 120_000 }).toBe(200);
    expect(await call('POST', `/enrollments/${id}/verify`, { code: code() })).toMatchObject({ status: 200, body: { state: 'active' } });
  });
});
