/** Deliveries to a running process: let in by their own proof alone, there once however often they come, and what they say in the tables. */
import { createHmac } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';

const SECRET = 'the secret of the hook';
let muster: Running;
beforeAll(async () => {
  const dataDir = await temporaryData();
  await runMuster(['keys', 'create', '--scope', 'admin', '--data', dataDir]);
  const sources = ['okta', 'github', 'zendesk'].map((product) => `  - { name: ${product}-1, product: ${product}, secret: { env: HOOK } }`);
  await writeFile(join(dataDir, 'sources.yaml'), `sources:\n${sources.join('\n')}\n`);
  muster = await startUnder(['env', `HOOK=${SECRET}`], dataDir);
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

const deliver = (name: string, body: string, headers: Record<string, string>) =>
  fetch(`${muster.url}/v1/sources/${name}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
const hook = (uuid: string) =>
  JSON.stringify({
    data: {
      events: [
        {
          uuid,
          published: new Date().toISOString(),
          eventType: 'user.mfa.factor.activate',
          outcome: { result: 'SUCCESS' },
          actor: { type: 'User', alternateId: 'ada@example.org' },
          target: [{ type: 'User', alternateId: 'ada@example.org' }],
        },
        { uuid: 'x', eventType: 'user.session.start' },
      ],
    },
  });
const deployment = JSON.stringify({
  action: 'created',
  deployment: { id: 1, sha: '0123456789abcdef', environment: 'production', created_at: new Date().toISOString() },
  sender: { login: 'ada' },
});
const signed = (body: string, secret = SECRET) => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
});

test('a hook of Okta answers its challenge, and delivers', async () => {
  const challenge = { 'x-okta-verification-challenge': 'a challenge' };
  const ask = (headers: Record<string, string>) => fetch(`${muster.url}/v1/sources/okta-1`, { headers });
  expect((await ask(challenge)).status).toBe(401);
  const answer = await ask({ ...challenge, authorization: SECRET });
  expect([answer.status, await answer.json()]).toEqual([200, { verification: 'a challenge' }]);

  const body = hook('u-1');
  expect((await deliver('okta-1', body, { authorization: 'another secret' })).status).toBe(401);
  const first = await deliver('okta-1', body, { authorization: SECRET });
  expect([first.status, await first.json()]).toEqual([200, { read: 2, accepted: 1, duplicates: 0, ignored: 1, rejected: 0, errors: [] }]);
  expect(await (await deliver('okta-1', body, { authorization: SECRET })).json()).toMatchObject({ accepted: 0, duplicates: 1 });
});

test('a deployment of GitHub is a deploy, once', async () => {
  expect((await deliver('github-1', deployment, signed(deployment, 'another'))).status).toBe(401);
  expect(await (await deliver('github-1', deployment, signed(deployment))).json()).toMatchObject({ accepted: 1 });
  expect(await (await deliver('github-1', deployment, { ...signed(deployment), 'x-github-delivery': 'another' })).json()).toMatchObject({
    accepted: 0,
    duplicates: 1,
  });
  const sql = "SELECT type, source, deployment, environment FROM events_v WHERE source IN ('github', 'okta') ORDER BY source";
  const stored = async () => (await runMuster(['query', sql, '--data', muster.dataDir])).stdout.trim().split('\n');
  // Taken in is durable, and in the tables a moment later.
  await expect.poll(stored, { timeout: 60_000 }).toEqual(
    [
      { type: 'deploy.started', source: 'github', deployment: '0123456789ab', environment: 'production' },
      { type: 'enrollment.completed', source: 'okta', deployment: '', environment: 'production' },
    ].map((row) => JSON.stringify(row)),
  );
});

test('what is not a delivery of a source that was set up is refused, and says why', async () => {
  const statusOf = async (answer: Promise<Response>) => (await answer).status;
  expect(await statusOf(deliver('nobody', '{}', { authorization: SECRET }))).toBe(404);
  expect(await statusOf(deliver('okta-1', '{', { authorization: SECRET }))).toBe(400);
  expect(await statusOf(deliver('okta-1', '{}', { authorization: SECRET, 'content-type': 'text/plain' }))).toBe(415);
  expect(await statusOf(deliver('okta-1', '{}', { authorization: SECRET, 'content-encoding': 'gzip' }))).toBe(415);
  expect(await statusOf(deliver('okta-1', `{"a":"${'x'.repeat(4 * 1024 * 1024)}"}`, { authorization: SECRET }))).toBe(413);
  expect(await statusOf(fetch(`${muster.url}/v1/sources/github-1`, { headers: { authorization: SECRET } }))).toBe(405);
  const old = { 'x-zendesk-webhook-signature-timestamp': '2020-01-01T00:00:00Z', 'x-zendesk-webhook-signature': 'AAAA' };
  const answer = await deliver('zendesk-1', '{}', old);
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
    401,
    expect.stringContaining('within five minutes'),
  ]);
});
