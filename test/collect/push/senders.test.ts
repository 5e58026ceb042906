/** Deliveries: taken with the proof that their sender documents, and with no other. */
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConnections } from '../../../src/collect/push/connections.ts';
import { SENDERS, senderOf } from '../../../src/collect/push/index.ts';
import type { Delivery } from '../../../src/collect/push/sender.ts';

const SECRET = 'a secret of some letters';
const NOW = Date.UTC(2026, 10, 20, 10);
const BODY = Buffer.from('{"data":{"events":[{"uuid":"u-1"}]},"zen":"x"}');
const hex = (secret = SECRET, body = BODY) => createHmac('sha256', secret).update(body).digest('hex');
const base64 = (key: string | Buffer, ...parts: (string | Buffer)[]) => {
  const signing = createHmac('sha256', key);
  for (const part of parts) signing.update(part);
  return signing.digest('base64');
};
const seconds = (ms: number) => String(Math.floor(ms / 1_000));
const webhook = (ms = NOW, key: string | Buffer = SECRET) => ({
  'webhook-id': 'msg_1',
  'webhook-timestamp': seconds(ms),
  'webhook-signature': `v1,${base64(key, `msg_1.${seconds(ms)}.`, BODY)}`,
});
const zendesk = (at: string, key = SECRET) => ({
  'x-zendesk-webhook-signature-timestamp': at,
  'x-zendesk-webhook-signature': base64(key, at, BODY),
});

/** Of each sender headers that prove it, and headers that do not. */
const PROOFS: Record<string, { right: Delivery['headers'][]; wrong: Delivery['headers'][] }> = {
  okta: { right: [{ authorization: SECRET }], wrong: [{ authorization: `${SECRET} ` }, { authorization: '' }] },
  auth0: { right: [{ authorization: SECRET }], wrong: [{ authorization: 'another' }] },
  github: {
    right: [{ 'x-hub-signature-256': `sha256=${hex()}` }],
    wrong: [
      { 'x-hub-signature-256': hex() },
      { 'x-hub-signature-256': `sha256=${hex('another')}` },
      { 'x-hub-signature-256': `sha256=${hex(SECRET, Buffer.from('{}'))}` },
      { 'x-hub-signature': `sha256=${hex()}` },
    ],
  },
  gitlab: { right: [{ 'x-gitlab-token': SECRET }], wrong: [{ 'x-gitlab-token': 'another' }] },
  zendesk: {
    right: [zendesk('2026-11-20T09:58:00Z')],
    wrong: [zendesk('2026-11-20T09:54:00Z'), zendesk('2026-11-20T10:06:00Z'), zendesk('soon'), zendesk('2026-11-20T09:58:00Z', 'another')],
  },
  jira: { right: [{ 'x-hub-signature': `sha256=${hex()}` }], wrong: [{ 'x-hub-signature': `sha256=${hex('another')}` }] },
  portal: {
    right: [webhook(), { ...webhook(), 'webhook-signature': `v1,AAAA v1a,BBBB ${webhook()['webhook-signature']}` }],
    wrong: [
      webhook(NOW - 6 * 60_000),
      webhook(NOW + 6 * 60_000),
      webhook(NOW, 'another'),
      { ...webhook(), 'webhook-id': 'msg_2' },
      { ...webhook(), 'webhook-timestamp': '1e9' },
      { ...webhook(), 'webhook-signature': webhook()['webhook-signature'].replace('v1,', 'v2,') },
    ],
  },
};

test('every sender has its proofs here', () => {
  expect(Object.keys(PROOFS)).toEqual([...SENDERS.map(({ product }) => product), 'portal']);
});

describe.each(Object.entries(PROOFS))('%s', (product, { right, wrong }) => {
  const sender = senderOf(product);
  test.each(right)('is let in by %j', (headers) => expect(() => sender.verify({ headers, body: BODY }, SECRET, NOW)).not.toThrow());
  test.each([...wrong, {}])('is not by %j, and the secret is in no message', (headers) => {
    expect(() => sender.verify({ headers, body: BODY }, SECRET, NOW)).toThrow(expect.objectContaining({ code: 'MUSTER_UNAUTHORIZED' }));
    expect(() => sender.verify({ headers, body: BODY }, SECRET, NOW)).not.toThrow(SECRET);
  });
});

test('a key of Standard Webhooks is what stands behind whsec_, as base64', () => {
  const key = Buffer.alloc(24, 7);
  const headers = webhook(NOW, key);
  expect(() => senderOf('portal').verify({ headers, body: BODY }, `whsec_${key.toString('base64')}`, NOW)).not.toThrow();
});

test('an event hook of Okta has a list of events, and answers its challenge', () => {
  const okta = senderOf('okta');
  expect(okta.records(JSON.parse(BODY.toString()))).toEqual([{ uuid: 'u-1' }]);
  expect(okta.records({ data: null })).toEqual([]);
  expect(okta.handshake?.({ 'x-okta-verification-challenge': 'c' })).toEqual({ verification: 'c' });
  expect(okta.handshake?.({})).toBeUndefined();
});

describe('the file of connections', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-sources-'));
    await writeFile(join(folder, 'secret'), `${SECRET}\n`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const read = async (yaml: string, environment = {}) => {
    const path = join(folder, 'sources.yaml');
    await writeFile(path, yaml);
    return readConnections(path, true, environment);
  };

  test('names what each is, and where its secret stands', async () => {
    const found = await read(
      'sources:\n  - { name: okta-prod, product: okta, secret: { env: HOOK } }\n  - { name: deploys, product: github, secret: { file: secret } }\n',
      { HOOK: 'sixteen letters!' },
    );
    expect([...found.keys()]).toEqual(['okta-prod', 'deploys']);
    expect(found.get('okta-prod')).toMatchObject({ secret: 'sixteen letters!', connector: { name: 'okta' }, sender: { product: 'okta' } });
    expect(found.get('deploys')).toMatchObject({ secret: SECRET, connector: { name: 'github' }, sender: { product: 'github' } });
  });

  test.each<[string, string]>([
    ['sources:\n  - { name: a, product: okta, secret: { env: NONE } }', 'sources.yaml:2: sources.0.secret: NONE is not set'],
    ['sources:\n  - { name: a, product: okta, secret: { env: SHORT } }', 'SHORT holds 5 letters; expected 16 to 4096'],
    ['sources:\n  - { name: a, product: okta, secret: { file: nowhere } }', 'nowhere: cannot be read'],
    ['sources:\n  - { name: a, product: okta, secret: here }', 'sources.0.secret'],
    ['sources:\n  - { name: a, product: myspace, secret: { env: LONG } }', 'no connector is called "myspace"'],
    ['sources:\n  - { name: a, secret: { env: LONG } }', 'expected product or mapping, one of them'],
    ['sources:\n  - { name: A b, product: okta, secret: { env: LONG } }', 'sources.0.name'],
    ['sources:\n  - { name: a, product: okta, token: x, secret: { env: LONG } }', 'sources.0.token: is not known here'],
    ['sources:\n  - { name: a, mapping: none.yaml, secret: { env: LONG } }', 'no such file'],
    [
      'sources:\n  - { name: a, product: okta, secret: { env: LONG } }\n  - { name: a, product: duo, secret: { env: LONG } }',
      'sources.yaml:3: sources.1.name: a stands there twice',
    ],
  ])('%j is refused: %s', async (yaml, problem) => {
    await expect(read(yaml, { SHORT: 'short', LONG: SECRET })).rejects.toThrow(problem);
  });

  test('need not be there, unless somebody named it', async () => {
    expect((await readConnections(join(folder, 'none.yaml'), true, {})).size).toBe(0);
    await expect(readConnections(join(folder, 'none.yaml'), false, {})).rejects.toThrow('no such file');
  });
});
