/** Secrets of the core: every route is driven with secrets that are known, and everything that the process wrote is searched for them. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOTP, Secret, TOTP } from 'otpauth';
import { expect, test } from 'vitest';
import { openServices } from '../../src/cli/services.ts';
import { parseConfig } from '../../src/config.ts';
import { signedText } from '../../src/core/factors/push.ts';
import { removeData, startUnder, temporaryData } from '../support/process.ts';
import { providerServer } from '../support/provider-server.ts';

/** What must not be found, by what it is. */
const secrets = new Map<string, string>();
const mark = (name: string, secret: string | Buffer) => {
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  secrets.set(name, bytes.toString('latin1'));
  for (const encoding of ['hex', 'base64', 'base64url'] as const) secrets.set(`${name} in ${encoding}`, bytes.toString(encoding));
};
const found = (text: string) => [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => name);

test('none of them is found again: not in files, logs, events, spans, errors or metrics', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-secrets-'));
  const provider = await providerServer(({ path }) =>
    path.includes('fail') ? { status: 500, body: 'no' } : { status: 201, body: '{"sid":"SM1"}' },
  );
  const password = 'provider-password-7c1f';
  mark('password of the provider', password);
  await writeFile(join(folder, 'token'), `${password}\n`);
  const settings = `providers:
  - kind: twilio
    url: ${provider.url}
    account: AC${'0'.repeat(32)}
    token_file: ${join(folder, 'token')}
    from: '+15005550006'
    channels: [sms, voice]
`;
  await writeFile(join(folder, 'core.yaml'), settings);
  const dataDir = await temporaryData();
  const muster = await startUnder(['env', `MUSTER_CORE=${join(folder, 'core.yaml')}`], dataDir);
  let answers = '';
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${muster.url}/core/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      text,
      body: JSON.parse(text) as { id: string; factor_id: string; challenge: Record<string, string> },
    };
  };
  /** What shows no secret to begin with. */
  const quiet = async (...parameters: Parameters<typeof call>) => {
    const answer = await call(...parameters);
    answers += answer.text;
    return answer;
  };
  const start = async (type: string, options: object = {}) =>
    (
      await call(
        'POST',
        '/enrollments',
        { user: `${type}@example.org`, factor_type: type, ...options },
        { 'idempotency-key': `start-${type}` },
      )
    ).body;
  const verify = (id: string, proof: object) => quiet('POST', `/enrollments/${id}/verify`, proof, { 'idempotency-key': `verify-${id}` });
  try {
    for (const [type, algorithm] of [
      ['totp', 'SHA256'],
      ['hotp', 'SHA1'],
    ] as const) {
      const { id, challenge } = await start(type, { algorithm });
      const secret = Secret.fromBase32(String(challenge.secret));
      mark(`seed of ${type}`, Buffer.from(secret.bytes));
      mark(`seed of ${type} as text`, secret.base32);
      const code = type === 'totp' ? TOTP.generate({ secret, algorithm }) : HOTP.generate({ secret, counter: 0 });
      expect((await verify(id, { code })).status).toBe(200);
      // Begun and left: it lies there as it waits.
      const left = await start(type, { algorithm, user: `left-${type}@example.org` });
      void left;
    }
    const recovery = await start('recovery_code');
    const codes = recovery.challenge.codes as unknown as string[];
    for (const [index, code] of codes.entries()) {
      mark(`recovery code ${index}`, code);
      mark(`recovery code ${index} without dashes`, code.replaceAll('-', ''));
    }
    const { body: held } = await verify(recovery.id, { code: codes[0] });
    await quiet('POST', `/factors/${held.factor_id}/verify`, { code: codes[1] });

    const seedBytes = Buffer.from('hardware-seed-of-T-1-x');
    mark('seed of the hardware token', seedBytes);
    await quiet('POST', '/hardware-tokens', { tokens: [{ serial: 'T-1', kind: 'hotp', secret: { hex: seedBytes.toString('hex') } }] });
    const hardware = await start('hardware_otp', { serial: 'T-1' });
    await verify(hardware.id, { code: HOTP.generate({ secret: Secret.fromHex(seedBytes.toString('hex')), counter: 0 }) });

    const key = generateKeyPairSync('ed25519');
    const push = await start('push', { public_key: key.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url') });
    mark('nonce of a push', String(push.challenge.nonce));
    const signature = sign(null, signedText(push.id, String(push.challenge.number), String(push.challenge.nonce)), key.privateKey);
    mark('signature of a push', signature.toString('base64url'));
    await verify(push.id, { number: push.challenge.number, signature: signature.toString('base64url') });

    for (const [type, phone] of [
      ['sms', '+31612345678'],
      ['voice', '+31206241111'],
    ] as const) {
      const { id } = await start(type, { phone });
      const sent = new URLSearchParams(provider.calls.at(-1)?.body);
      const code = /(\d, ){5}\d|\d{6}/.exec(`${sent.get('Body') ?? ''}${sent.get('Twiml') ?? ''}`)?.[0].replaceAll(', ', '');
      // Six digits are in any file by chance: what was sent is looked for whole.
      mark(`message by ${type}`, `${code} is your code`);
      expect((await verify(id, { code })).status, type).toBe(200);
    }

    // What is refused does not come back in the words of the refusal.
    for (const [name, body] of [
      ['a body that does not parse', '{"user":"x","secret":"marked-in-broken-json-1'],
      ['an unknown field', { user: 'x', factor_type: 'totp', secret: 'marked-in-unknown-field-2' }],
      ['a wrong code', { code: 'marked-as-wrong-code-3' }],
      ['a factor type', { user: 'x', factor_type: 'marked-as-factor-type-4' }],
    ] as const) {
      for (const secret of JSON.stringify(body).match(/marked-[a-z0-9-]+/g) ?? []) mark(name, secret);
      for (const path of ['/enrollments', `/enrollments/${recovery.id}/verify`, `/factors/${held.factor_id}/verify`, '/hardware-tokens'])
        expect((await quiet('POST', path, body)).status).toBeGreaterThanOrEqual(400);
    }
    mark('a token that is none', 'aaaaaaaa.bbbbbbbbmarked.cccccccc');
    await quiet('POST', '/enrollments', { user: 'x', factor_type: 'totp' }, { authorization: 'Bearer aaaaaaaa.bbbbbbbbmarked.cccccccc' });
    mark('an Idempotency-Key', 'marked-idempotency-key-5');
    await quiet('GET', '/users/totp%40example.org/factors', undefined);
    await quiet('DELETE', `/factors/${held.factor_id}`);
    for (const step of ['reset', 'deprovision']) await quiet('POST', `/users/totp%40example.org/${step}`, { actor: 'ops', reason: 'test' });

    expect(found(answers)).toEqual([]);
    // Events are loaded, and spans have come.
    await sleep(7_000);
    for (const path of [
      '/metrics',
      '/readyz',
      '/api/overview',
      '/api/events/recent',
      '/api/findings',
      `/api/attempts/${recovery.id}`,
      '/api/vault',
    ])
      expect(found(await (await fetch(`${muster.url}${path}`)).text()), path).toEqual([]);
    // As a crash leaves them.
    await muster.kill();
    expect(found(muster.output())).toEqual([]);
    const entries = await readdir(dataDir, { withFileTypes: true, recursive: true });
    for (const entry of entries.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name);
      expect(found(await readFile(path, 'latin1')), path).toEqual([]);
    }
    const services = await openServices({ config: parseConfig({}, { dataDir }), onProblem: () => {} });
    try {
      for (const table of ['events', 'spans_log', 'findings_log', 'dead_letters_log', 'audit_entries', 'attempt_states']) {
        const rows = await services.store.read.rows(`SELECT * FROM ${table}`);
        if (table === 'events' || table === 'spans_log') expect(rows.length, table).toBeGreaterThan(20);
        expect(found(JSON.stringify(rows)), table).toEqual([]);
      }
    } finally {
      await services.close();
    }
    expect(secrets.size).toBeGreaterThan(100);
  } finally {
    await muster.kill().catch(() => {});
    await provider.stop();
    await removeData(dataDir);
    await rm(folder, { recursive: true, force: true });
  }
});
