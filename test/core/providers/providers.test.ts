/** Providers: each speaks as the real one does to a server on this machine; and what happens when they fail, hang and come back. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';
import { afterEach, describe, expect, test } from 'vitest';
import { type Delivery, openDelivery } from '../../../src/core/providers/delivery.ts';
import { type ProviderSettings, providerSchema } from '../../../src/core/providers/index.ts';
import type { Outgoing } from '../../../src/core/providers/provider.ts';
import { DEFAULT_SETTINGS } from '../../../src/core/settings.ts';
import { sentCode, testCore } from '../../support/core.ts';
import { have, pathOf } from '../../support/counterparts.ts';
import { type ProviderAnswer, type ProviderCall, providerServer } from '../../support/provider-server.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const ACCOUNT = `AC${'0'.repeat(32)}`;
const MESSAGE: Outgoing = {
  id: 'send-1',
  channel: 'sms',
  to: '+4915112345678',
  code: '012345',
  subject: 'Your code is 012345',
  text: '012345 is your code <&',
};

async function server(answer: (call: ProviderCall) => ProviderAnswer) {
  const made = await providerServer(answer);
  closing.push(made.stop);
  return made;
}
const settingsOf = (given: object): ProviderSettings => providerSchema.parse({ channels: ['sms', 'voice'], ...given });
const twilioAt = (url: string, more: object = {}) =>
  settingsOf({ kind: 'twilio', url, account: ACCOUNT, token_file: 'x', from: '+15005550006', timeout: 0.3, ...more });
const circuits: string[] = [];
const open = (...providers: ProviderSettings[]): Promise<Delivery> =>
  openDelivery(providers, {
    now: Date.now,
    secret: async () => 'token',
    print: () => {},
    onCircuit: (state, provider) => circuits.push(`${provider} ${state}`),
  });
const OK = { status: 201, body: JSON.stringify({ sid: 'SM1', status: 'queued', price: null }) };
const twilioError = (code: number, status: number) => () => ({ status, body: JSON.stringify({ code, message: 'x', status }) });

describe('twilio', () => {
  test('sends a message and a call as its own library does', async () => {
    const { url, calls } = await server(() => OK);
    const delivery = await open(twilioAt(url, { cost: { sms: 0.0079 } }));
    const { accepted } = await delivery.deliver(MESSAGE, ['sms'], undefined);
    expect(accepted).toMatchObject({ provider: 'twilio', reference: 'SM1', cost: 0.0079 });
    await delivery.deliver(MESSAGE, ['voice'], undefined);
    const [message, call] = calls;
    expect(message).toMatchObject({ method: 'POST', path: `/2010-04-01/Accounts/${ACCOUNT}/Messages.json` });
    expect(message?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from(`${ACCOUNT}:token`).toString('base64')}`,
      'i-twilio-idempotency-token': 'send-1',
    });
    expect(Object.fromEntries(new URLSearchParams(message?.body))).toEqual({
      To: '+4915112345678',
      From: '+15005550006',
      Body: '012345 is your code <&',
      ValidityPeriod: '600',
    });
    expect(call?.path).toBe(`/2010-04-01/Accounts/${ACCOUNT}/Calls.json`);
    // Read digit by digit, and nothing in it is markup.
    expect(new URLSearchParams(call?.body).get('Twiml')).toBe('<Response><Say>0, 1, 2, 3, 4, 5 is your code &#60;&#38;</Say></Response>');
  });

  test.runIf(have('shared'))('its errors have the published classes', async () => {
    const shapes = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/provider-http-shapes.json'), 'utf8')) as {
      exchanges: Record<string, { code: number; http: number | null; errorClass: string }[]>;
    };
    const table = (shapes.exchanges['twilio error -> error_class'] ?? []).filter(({ code }) => code !== 20_404);
    expect(table.length).toBeGreaterThan(20);
    for (const { code, http, errorClass } of table) {
      const { url, stop } = await providerServer(twilioError(code, http ?? 400));
      const { tries } = await (await open(twilioAt(url))).deliver(MESSAGE, ['sms'], undefined);
      expect(tries.at(-1)?.failure, String(code)).toMatchObject({ errorClass, code: String(code) });
      await stop();
    }
  });
});

test('vonage: a workflow with our own code, numbers without a plus', async () => {
  const { url, calls } = await server(() => ({ status: 202, body: '{"request_id":"c11236f4"}' }));
  const delivery = await open(settingsOf({ kind: 'vonage', url, key: 'k', secret_file: 'x' }));
  expect((await delivery.deliver(MESSAGE, ['sms'], undefined)).accepted).toMatchObject({ reference: 'c11236f4' });
  expect(calls[0]).toMatchObject({ method: 'POST', path: '/v2/verify/' });
  expect(JSON.parse(calls[0]?.body ?? '')).toEqual({
    brand: 'Muster',
    code: '012345',
    channel_timeout: 600,
    workflow: [{ channel: 'sms', to: '4915112345678' }],
  });
  for (const [status, errorClass] of [
    [401, 'internal'],
    [402, 'provider'],
    [403, 'policy'],
    [409, 'rate_limit'],
    [422, 'validation'],
    [500, 'provider'],
  ] as const) {
    const failing = await server(() => ({ status, body: '{"title":"x"}' }));
    const { tries } = await (await open(settingsOf({ kind: 'vonage', url: failing.url, key: 'k', secret_file: 'x' }))).deliver(
      MESSAGE,
      ['sms'],
      undefined,
    );
    expect(tries[0]?.failure).toMatchObject({ errorClass });
  }
});

test('sns: signed by Amazon’s own library, transactional, with the error names of its XML', async () => {
  let xml = '<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>';
  let status = 200;
  const { url, calls } = await server(() => ({ status, body: xml, headers: { 'content-type': 'text/xml' } }));
  const sns = settingsOf({
    kind: 'sns',
    channels: ['sms'],
    url,
    aws_region: 'eu-west-1',
    access_key_id: 'AKIA0',
    secret_access_key_file: 'x',
    sender_id: 'MUSTER',
    max_price: 0.2,
  });
  const delivery = await open(sns);
  expect((await delivery.deliver(MESSAGE, ['sms'], undefined)).accepted).toMatchObject({ reference: 'm-1' });
  expect(calls[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIA0\//);
  expect(Object.fromEntries(new URLSearchParams(calls[0]?.body))).toMatchObject({
    Action: 'Publish',
    PhoneNumber: '+4915112345678',
    Message: MESSAGE.text,
    'MessageAttributes.entry.1.Name': 'AWS.SNS.SMS.SMSType',
    'MessageAttributes.entry.1.Value.StringValue': 'Transactional',
    'MessageAttributes.entry.2.Value.StringValue': 'MUSTER',
    'MessageAttributes.entry.3.Value.StringValue': '0.2',
  });
  for (const [name, errorClass, code] of [
    ['InvalidParameter', 'validation', 400],
    ['OptedOut', 'policy', 400],
    ['Throttling', 'provider', 400],
    ['AuthorizationError', 'internal', 403],
  ] as const) {
    xml = `<ErrorResponse><Error><Type>Sender</Type><Code>${name}</Code><Message>x</Message></Error></ErrorResponse>`;
    status = code;
    const { tries } = await (await open(sns)).deliver(MESSAGE, ['sms'], undefined);
    expect(tries[0]?.failure, name).toMatchObject({ errorClass });
  }
});

describe('smtp', () => {
  async function mailServer(refuse?: { code: number; text: string }) {
    const mails: { to: string; data: string }[] = [];
    const mail = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      logger: false,
      onRcptTo(_address, _session, callback) {
        if (!refuse) return callback();
        callback(Object.assign(new Error(refuse.text), { responseCode: refuse.code }));
      },
      onData(stream, session, callback) {
        let data = '';
        stream.on('data', (chunk: Buffer) => {
          data += chunk.toString();
        });
        stream.on('end', () => {
          mails.push({ to: session.envelope.rcptTo[0]?.address ?? '', data });
          callback();
        });
      },
    });
    await new Promise<void>((resolve) => mail.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => mail.close(() => resolve(undefined))));
    const address = mail.server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const settings = settingsOf({
      kind: 'smtp',
      channels: ['email'],
      host: '127.0.0.1',
      port,
      security: 'none',
      from: 'Muster <codes@example.org>',
    });
    return { mails, settings };
  }
  const mailTo = { ...MESSAGE, channel: 'email' as const, to: 'ada@example.org' };

  test('brings a mail with the same Message-ID for the same send', async () => {
    const { mails, settings } = await mailServer();
    const delivery = await open(settings);
    expect((await delivery.deliver(mailTo, ['email'], undefined)).accepted).toMatchObject({ reference: '<send-1@example.org>' });
    expect(mails[0]).toMatchObject({ to: 'ada@example.org' });
    for (const line of [
      'Subject: Your code is 012345',
      'Message-ID: <send-1@example.org>',
      'Auto-Submitted: auto-generated',
      '012345 is your code',
    ])
      expect(mails[0]?.data).toContain(line);
  });

  test.each([
    [550, '5.1.1 no such mailbox', 'validation', '5.1.1'],
    [550, '5.7.1 refused', 'policy', '5.7.1'],
    [552, '5.2.2 mailbox full', 'provider', '5.2.2'],
    [451, '4.7.1 greylisted', 'provider', '4.7.1'],
    [554, 'spam', 'policy', '554'],
  ])('%i %s is of the class %s', async (code, text, errorClass, told) => {
    const { settings } = await mailServer({ code, text });
    const { tries } = await (await open(settings)).deliver(mailTo, ['email'], undefined);
    expect(tries[0]?.failure).toMatchObject({ errorClass, code: told });
  });
});

describe('when providers fail', () => {
  test('the next one is asked, the nearest first; a wrong number is wrong everywhere', async () => {
    const [near, far] = [await server(() => ({ status: 500, body: 'x' })), await server(() => OK)];
    const delivery = await open(twilioAt(far.url, { name: 'far', region: 'us' }), twilioAt(near.url, { name: 'near', region: 'eu' }));
    const { tries, accepted } = await delivery.deliver(MESSAGE, ['sms'], 'eu');
    expect(tries.map(({ provider, failure }) => [provider, failure?.code])).toEqual([
      ['near', '500'],
      ['far', undefined],
    ]);
    expect(accepted?.provider).toBe('far');
    // Two tries at the one that fails.
    expect(near.calls).toHaveLength(2);
    const wrong = await server(twilioError(21_211, 400));
    const other = await open(twilioAt(wrong.url, { name: 'a' }), twilioAt(far.url, { name: 'b' }));
    expect(await other.deliver(MESSAGE, ['sms'], undefined)).toMatchObject({
      tries: [{ provider: 'a', failure: { errorClass: 'validation' } }],
    });
  });

  test('one that hangs is given up; after five failures it is left alone for a while', async () => {
    circuits.length = 0;
    const hanging = await server(() => ({ ...OK, after: 'never' }));
    const delivery = await open(twilioAt(hanging.url, { timeout: 0.1 }));
    for (let i = 0; i < 3; i++) {
      const { tries } = await delivery.deliver(MESSAGE, ['sms'], undefined);
      expect(tries[0]?.failure).toMatchObject({
        errorClass: 'provider',
        code: i < 2 ? 'timeout' : expect.stringMatching(/timeout|circuit_open/),
      });
    }
    expect(circuits).toEqual(['twilio opened']);
    expect(delivery.health()).toEqual([{ provider: 'twilio', region: '', isHealthy: false }]);
    const calls = hanging.calls.length;
    const { tries } = await delivery.deliver(MESSAGE, ['sms'], undefined);
    expect(tries[0]?.failure?.code).toBe('circuit_open');
    expect(hanging.calls).toHaveLength(calls);
  });

  test('redirects are not followed: they would take the code elsewhere', async () => {
    const elsewhere = await server(() => OK);
    const { url } = await server(() => ({ status: 307, body: '', headers: { location: elsewhere.url } }));
    const { tries } = await (await open(twilioAt(url))).deliver(MESSAGE, ['sms'], undefined);
    expect(tries[0]?.failure).toMatchObject({ errorClass: 'provider' });
    expect(elsewhere.calls).toEqual([]);
  });
});

test('a kind of provider takes the channels that it can bring, and no others', () => {
  for (const given of [
    { kind: 'sns', channels: ['voice'], aws_region: 'x', access_key_id: 'x', secret_access_key_file: 'x' },
    { kind: 'twilio', channels: ['email'], account: ACCOUNT, token_file: 'x', from: 'x' },
    { kind: 'smtp', channels: ['sms'], host: 'x', from: 'x' },
    { kind: 'smtp', channels: ['email'], host: 'x', from: 'x', user: 'without a password' },
  ])
    expect(providerSchema.safeParse(given).success, JSON.stringify(given)).toBe(false);
});

test('vonage: a code that runs there already is ended, and ours goes out', async () => {
  const answers = [
    { status: 409, body: '{"request_id":"before"}' },
    { status: 204, body: '' },
    { status: 202, body: '{"request_id":"after"}' },
  ];
  const { url, calls } = await server(() => answers.shift() as ProviderAnswer);
  const delivery = await open(settingsOf({ kind: 'vonage', url, key: 'k', secret_file: 'x' }));
  expect((await delivery.deliver(MESSAGE, ['sms'], undefined)).accepted).toMatchObject({ reference: 'after' });
  expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /v2/verify/',
    'DELETE /v2/verify/before',
    'POST /v2/verify/',
  ]);
});

test('what is refused for one number opens no circuit', async () => {
  const { url } = await server(twilioError(60_203, 429));
  const delivery = await open(twilioAt(url));
  for (let i = 0; i < 8; i++) await delivery.deliver(MESSAGE, ['sms'], undefined);
  expect(delivery.health()).toMatchObject([{ isHealthy: true }]);
});

describe('in the core', () => {
  const request = { user: 'ada', factor_type: 'sms', phone: '+31612345678' } as const;

  test('a start that no provider takes is an attempt that failed, and costs nothing', async () => {
    const failing = await server(() => ({ status: 500, body: '' }));
    const made = await testCore({ providers: [twilioAt(failing.url, { cost: { sms: 0.5 } })] });
    closing.push(made.dispose);
    const error = await made.core.start(request, undefined).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MUSTER_PROVIDER_FAILED', fields: { attempt_id: expect.any(String) } });
    expect(await made.events()).toEqual(['enrollment.started', 'provider.request', 'enrollment.failed']);
    expect(await made.eventsOf('enrollment.failed')).toMatchObject([{ error_class: 'provider', error_code: '500' }]);
    expect(await made.storage.one('SELECT SUM(cost) AS cost FROM sends')).toEqual({ cost: 0 });
  });

  test('a start that nobody took gives its Idempotency-Key back: the same request may be tried again', async () => {
    let isUp = false;
    const { url } = await server(() => (isUp ? OK : { status: 500, body: '' }));
    const made = await testCore({ providers: [twilioAt(url)] });
    closing.push(made.dispose);
    const { answers } = made.core;
    const keyed = { principal: '', key: 'k', fingerprint: 'f' };
    const start = () =>
      made.core.start(request, undefined, {
        begun: (statements, id) => answers.begin(statements, keyed, id),
        answered: (statements, { enrollment }) => answers.keep(statements, keyed, { status: 201, body: { ...enrollment } }, enrollment.id),
        failed: (statements) => answers.release(statements, keyed),
      });
    await expect(start()).rejects.toMatchObject({ code: 'MUSTER_PROVIDER_FAILED' });
    expect(await answers.find(keyed)).toBeUndefined();
    isUp = true;
    const { enrollment } = await start();
    expect(await answers.find(keyed)).toMatchObject({ status: 201, body: { id: enrollment.id } });
  });

  test('a fallback is told, with what it cost: voice stands in for SMS', async () => {
    const { url, calls } = await server(({ path }) =>
      path.endsWith('Calls.json') ? { status: 201, body: '{"sid":"CA1"}' } : { status: 500, body: '' },
    );
    const made = await testCore({
      providers: [twilioAt(url, { cost: { voice: 0.02 } })],
      fallback: { sms: ['voice'] },
    });
    closing.push(made.dispose);
    const { challenge } = await made.core.start(request, undefined);
    expect(challenge).toMatchObject({ channel: 'voice' });
    expect(calls.map(({ path }) => path.split('/').at(-1))).toEqual(['Messages.json', 'Messages.json', 'Calls.json']);
    expect(await made.events()).toEqual([
      'enrollment.started',
      'provider.request',
      'provider.fallback',
      'provider.request',
      'enrollment.challenge_issued',
    ]);
    expect((await made.eventsOf('provider.request'))[1]).toMatchObject({ outcome: 'success', cost: 0.02, cost_currency: 'USD' });
    expect(made.messages).toEqual([]);
  });

  test('a code that could not be sent again leaves the one before good', async () => {
    let isUp = true;
    const { url, calls } = await server(() => (isUp ? OK : { status: 500, body: '' }));
    const made = await testCore({ providers: [twilioAt(url)] });
    closing.push(made.dispose);
    const { enrollment } = await made.core.start(request, undefined);
    const code = /\d{6}/.exec(new URLSearchParams(calls[0]?.body).get('Body') ?? '')?.[0];
    isUp = false;
    made.nowMs += 30_000;
    await expect(made.core.resend(enrollment.id, undefined)).rejects.toMatchObject({ code: 'MUSTER_PROVIDER_FAILED' });
    expect(await made.core.verify(enrollment.id, undefined, { code })).toMatchObject({ isRight: true });
  });

  test('an answer that comes after the enrollment was cancelled changes nothing but what was spent', async () => {
    const { url, calls } = await server(() => ({ ...OK, after: 200 }));
    const made = await testCore({ providers: [twilioAt(url, { timeout: 5, cost: { sms: 0.1 } })] });
    closing.push(made.dispose);
    const starting = made.core.start(request, undefined);
    starting.catch(() => {});
    while (calls.length === 0) await sleep(5);
    await made.core.factors.reset('ada', {});
    const error = await starting.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MUSTER_CONFLICT', fields: { attempt_id: expect.any(String) } });
    const { attempt_id } = (error as { fields: { attempt_id: string } }).fields;
    expect((await made.core.get(attempt_id, undefined)).state).toBe('cancelled');
    expect((await made.events()).slice(-2)).toEqual(['enrollment.cancelled', 'provider.request']);
    expect(await made.storage.one('SELECT state, cost FROM sends')).toEqual({ state: 'accepted', cost: 0.1 });
  });

  test('messages have limits: of a number, a person, a range of numbers, and of what is spent', async () => {
    const limits = {
      per_destination_in_10_minutes: 2,
      per_destination_per_day: 3,
      per_user_per_day: 4,
      per_prefix_per_hour: 6,
      spend_per_day: 100,
      spend_per_prefix_per_day: 100,
    };
    const settings = { limits: { starts_per_user: 1_000, proofs_per_user: 1_000, requests_per_route: 1_000, sends: limits } };
    const made = await testCore(settings);
    closing.push(made.dispose);
    const send = (user: string, phone: string) =>
      made.core.start({ user, factor_type: 'sms', phone }, undefined).then(
        () => 'sent',
        (error: Error) => error.message,
      );
    expect([await send('a', '+31612345670'), await send('b', '+31612345670')]).toEqual(['sent', 'sent']);
    expect(await send('c', '+31612345670')).toContain('to this number');
    made.nowMs += 600_000;
    expect([await send('c', '+31612345670'), await send('d', '+31612345670')]).toEqual(['sent', expect.stringContaining('today')]);
    for (const last of [1, 2, 3]) expect(await send('e', `+3161234567${last}`)).toBe('sent');
    expect(await send('f', '+31612345674')).toContain('to numbers like this one');
    expect(await send('f', '+491511234567')).toBe('sent');
    expect(await send('e', '+491511234568')).toBe('sent');
    expect(await send('e', '+491511234569')).toContain('for this person');
    const capped = await testCore({ providers: [settingsOf({ kind: 'console', channels: ['sms'], cost: { sms: 40 } })] });
    closing.push(capped.dispose);
    const spend = (user: string, phone: string) => capped.core.start({ user, factor_type: 'sms', phone }, undefined);
    await expect(spend('a', '+31612345670')).rejects.toThrow(/numbers like this one today/);
  });

  test('a message that nobody answered to counts, and so does what it may cost: it may have gone out', async () => {
    const { url } = await server(() => ({ ...OK, after: 'never' }));
    const made = await testCore({ providers: [twilioAt(url, { timeout: 0.1, cost: { sms: 0.5 } })] });
    closing.push(made.dispose);
    await expect(made.core.start(request, undefined)).rejects.toMatchObject({ code: 'MUSTER_PROVIDER_FAILED' });
    expect(await made.storage.one('SELECT state, cost FROM sends')).toEqual({ state: 'unknown', cost: 0.5 });
  });

  test('the canary gets its codes, whoever else writes to its number, and nobody else gets away with it', async () => {
    const made = await testCore({
      limits: { ...DEFAULT_SETTINGS.limits, sends: { ...DEFAULT_SETTINGS.limits.sends, per_destination_in_10_minutes: 2 } },
    });
    closing.push(made.dispose);
    const phone = '+31612345678';
    const start = (user: string) => made.core.start({ user, factor_type: 'sms', phone, traffic: 'synthetic' } as never, undefined);
    // Another person's is sent, and counts.
    for (const user of ['eve', 'mallory']) await start(user);
    await expect(start('oscar')).rejects.toMatchObject({ code: 'MUSTER_RATE_LIMITED' });
    expect(made.messages).toHaveLength(2);
    const canary = await start('canary-sms@canary.muster.invalid');
    expect(made.messages).toHaveLength(2);
    const code = made.inbox.code(canary.enrollment.id);
    expect(await made.core.verify(canary.enrollment.id, undefined, { code })).toMatchObject({ isRight: true });
    await made.core.cleanCanary();
    expect(await made.core.factors.factorsOf('canary-sms@canary.muster.invalid')).toEqual([]);
  });

  test('codes go to the countries that are named, if any are', async () => {
    const made = await testCore({ countries: ['NL'] });
    closing.push(made.dispose);
    await expect(made.core.start({ ...request, phone: '+4915112345678' }, undefined)).rejects.toMatchObject({
      code: 'MUSTER_POLICY_REFUSED',
    });
    await made.core.start(request, undefined);
    expect(sentCode(made)).toMatch(/^\d{6}$/);
  });
});
