/** Muster reached from elsewhere: TLS, certificates of clients, proxies, and what is refused at start. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { have, pathOf } from '../support/counterparts.ts';
import { removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

const run = promisify(execFile);

describe.runIf(have('openssl'))('from elsewhere', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-tls-'));
    const subject = (name: string) => [
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
      '-nodes',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
    ];
    const file = (name: string) => join(folder, name);
    await run(pathOf('openssl'), [
      'req',
      '-x509',
      ...subject('localhost'),
      '-keyout',
      file('key.pem'),
      '-out',
      file('cert.pem'),
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ]);
    await run(pathOf('openssl'), ['req', '-x509', ...subject('clients'), '-keyout', file('ca-key.pem'), '-out', file('ca.pem')]);
    await run(pathOf('openssl'), ['req', ...subject('app'), '-keyout', file('client-key.pem'), '-out', file('client.csr')]);
    await run(pathOf('openssl'), [
      'x509',
      '-req',
      '-in',
      file('client.csr'),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca-key.pem'),
      '-CAcreateserial',
      '-days',
      '2',
      '-out',
      file('client.pem'),
    ]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([
    [['--host', '0.0.0.0'], 'without a key'],
    [['--host', '0.0.0.0', '--behind-proxy'], 'without a key'],
    [['--behind-proxy'], 'without a key'],
    [['--tls-cert', 'x.pem'], 'goes with MUSTER_TLS_KEY'],
    [['--tls-client-ca', 'x.pem'], 'needs MUSTER_TLS_CERT'],
    [['--tls-cert', '/nowhere/x.pem', '--tls-key', '/nowhere/y.pem'], '/nowhere/x.pem'],
  ])('up %s is refused', async (parameters, why) => {
    const dataDir = await temporaryData();
    const { status, stderr } = await runMuster(['up', '--port', '0', '--data', dataDir, ...parameters]);
    expect(status, stderr).toBe(2);
    expect(stderr).toContain(why);
    await removeData(dataDir);
  });

  test('with keys it takes TLS or a proxy, and answers by the name that it is given', async () => {
    const dataDir = await temporaryData();
    const created = await runMuster(['keys', 'create', '--scope', 'read', '--data', dataDir]);
    const key = created.stdout.trim();
    const plain = await runMuster(['up', '--port', '0', '--host', '0.0.0.0', '--data', dataDir]);
    expect(plain).toMatchObject({ status: 2, stderr: expect.stringContaining('unencrypted') });
    const muster = await startMuster(dataDir, '--host', '0.0.0.0', '--behind-proxy');
    try {
      expect((await fetch(`${muster.url}/api/session`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
      expect((await fetch(`${muster.url}/api/session`)).status).toBe(401);
    } finally {
      await muster.stop();
      await removeData(dataDir);
    }
  });

  test('TLS with certificates of clients: no certificate, no connection; commands still work', async () => {
    const dataDir = await temporaryData();
    const file = (name: string) => join(folder, name);
    const muster = await startMuster(
      dataDir,
      '--tls-cert',
      file('cert.pem'),
      '--tls-key',
      file('key.pem'),
      '--tls-client-ca',
      file('ca.pem'),
    );
    try {
      const [ca, cert, key] = await Promise.all(['cert.pem', 'client.pem', 'client-key.pem'].map((name) => readFile(file(name))));
      const get = (options: object) =>
        new Promise<number>((resolve, reject) => {
          const asked = httpsRequest(
            `${/https:\/\/127\.0\.0\.1:\d+/.exec(muster.output())?.[0]}/api/overview`,
            { ca, ...options },
            (response) => {
              response.resume();
              resolve(response.statusCode ?? 0);
            },
          );
          asked.once('error', reject);
          asked.end();
        });
      expect(await get({ cert, key })).toBe(200);
      await expect(get({})).rejects.toThrow();
      expect((await runMuster(['slo', 'status', '--data', dataDir])).status).toBe(0);
    } finally {
      await muster.stop();
      await removeData(dataDir);
    }
  });

  test('a file of keys that is none keeps Muster from starting: access that was meant must not be open', async () => {
    const dataDir = await temporaryData();
    const path = join(folder, 'broken.json');
    await writeFile(path, '{"keys": [{}]}');
    const { status, stderr } = await runMuster(['up', '--port', '0', '--data', dataDir], { env: { MUSTER_KEYS: path } });
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('broken.json') });
    await removeData(dataDir);
  });
});
