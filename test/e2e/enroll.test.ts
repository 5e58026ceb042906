/** The enrollment page in a real browser: every factor as a person does it, once by keyboard alone, with a token, and with no violation. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, SignJWT } from 'jose';
import jsqr from 'jsqr';
import { HOTP, type TOTP, URI } from 'otpauth';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, violations } from '../support/browser.ts';
import { have } from '../support/counterparts.ts';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';

// As CommonJS gives it: the module is the function.
const jsQR = jsqr as unknown as typeof jsqr.default;
const ISSUER = 'https://app.example.org';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const read = (png: Buffer): string => {
  const { data, width, height } = PNG.sync.read(png);
  return jsQR(Uint8ClampedArray.from(data), width, height)?.data ?? '';
};

describe.runIf(have('chromium'))('the enrollment page', () => {
  let muster: Running;
  let opened: Awaited<ReturnType<typeof openBrowser>>;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-enroll-'));
    const jwks = join(folder, 'jwks.json');
    await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: 'ES256', kid: 'a' }] }));
    const settings = join(folder, 'core.yaml');
    await writeFile(
      settings,
      `providers:
  - { kind: console, channels: [sms, voice, email] }
policy:
  - { required: [recovery_code] }
tokens: { issuer: ${ISSUER}, jwks_file: ${jwks} }
`,
    );
    muster = await startUnder(['env', `MUSTER_CORE=${settings}`], await temporaryData());
    opened = await openBrowser();
  });
  afterAll(async () => {
    await opened?.close();
    await muster?.stop();
    await removeData(muster.dataDir);
    await rm(folder, { recursive: true, force: true });
  });

  async function open(address: string, width = 1_000): Promise<{ page: Page; problems: string[] }> {
    const page = await opened.browser.newPage();
    const problems: string[] = [];
    page.on('console', (message) => message.type() === 'error' && !/422/.test(message.text()) && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`${muster.url}${address}`);
    await page.getByRole('heading', { level: 1, name: /Set up|einrichten/ }).waitFor();
    return { page, problems };
  }
  const choose = async (page: Page, user: string, name: string, fill: Record<string, string> = {}) => {
    await page.getByLabel('Your user name').fill(user);
    await page
      .locator('label.choice')
      .filter({ has: page.getByText(name, { exact: true }) })
      .click();
    for (const [label, value] of Object.entries(fill)) await page.getByLabel(label).fill(value);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name, exact: true }).waitFor();
  };
  const confirm = async (page: Page, code: string, label = 'Code') => {
    await page.getByLabel(label, { exact: true }).fill(code);
    await page.getByRole('button', { name: 'Confirm' }).click();
  };
  const isSetUp = (page: Page, name: string) => page.getByRole('heading', { name: `${name} is set up` }).waitFor();
  /** The code of the last message that was printed. */
  const printed = async (channel: string): Promise<string> => {
    for (let i = 0; i < 50; i++, await sleep(100)) {
      const found = [...muster.output().matchAll(new RegExp(`^${channel} to .*?: .*?(\\d{6}) is your code`, 'gm'))].at(-1)?.[1];
      if (found !== undefined) return found;
    }
    throw new Error(`nothing was sent by ${channel}`);
  };
  const seen = async (page: Page, name: string) => {
    expect(await violations(page), name).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'), name).toBe(0);
  };

  test.each([
    ['Authenticator app', (uri: string) => (URI.parse(uri) as TOTP).generate()],
    ['Authenticator app, by counter', () => ''],
  ])('%s: the QR code is read as a camera does, from the page and as an image', async (name, codeOf) => {
    const { page, problems } = await open('/enroll');
    const answer = page.waitForResponse((response) => response.url().endsWith('/core/v1/enrollments'));
    await choose(page, 'ada@example.org', name);
    const { id, challenge } = (await (await answer).json()) as { id: string; challenge: { otpauth_uri: string } };
    const uri = read(await page.getByRole('img').screenshot());
    expect(uri).toBe(challenge.otpauth_uri);
    const image = await fetch(`${muster.url}/core/v1/enrollments/${id}/qr.png`);
    expect([image.headers.get('content-type'), image.headers.get('cache-control')]).toEqual(['image/png', 'no-store']);
    expect(read(Buffer.from(await image.arrayBuffer()))).toBe(challenge.otpauth_uri);
    await seen(page, name);
    await confirm(page, '000000');
    await page.getByRole('alert').getByText('4 tries are left').waitFor();
    if (name.includes('counter')) {
      // A device that has run ahead is found again by two codes.
      const device = URI.parse(uri) as HOTP;
      await confirm(page, device.generate({ counter: 50 }));
      await page.getByLabel('The next code that it shows').fill(device.generate({ counter: 51 }));
      await seen(page, 'two codes');
    }
    if (name.includes('counter')) await page.getByRole('button', { name: 'Confirm' }).click();
    else await confirm(page, codeOf(uri));
    await isSetUp(page, name);
    expect((await fetch(`${muster.url}/core/v1/enrollments/${id}/qr.png`)).status).toBe(404);
    expect(problems).toEqual([]);
    await page.close();
  });

  test.each([
    ['Text message', 'sms', { 'Mobile number, with its country': '+31 6 12345678' }],
    ['Phone call', 'voice', { 'Phone number, with its country': '+31 20 624 1111' }],
    ['E-mail', 'email', { 'E-mail address': 'ben@example.org' }],
  ])('%s: the code that was sent', async (name, channel, fill) => {
    const { page } = await open('/enroll');
    await choose(page, 'ben@example.org', name, fill);
    await page.getByRole('status').getByText('on its way to').waitFor();
    await confirm(page, await printed(channel));
    await isSetUp(page, name);
    await page.getByText('also asks for: Recovery codes').waitFor();
    await page.close();
  });

  test('a hardware token by its serial number, and a number that is nobody’s', async () => {
    const token = { serial: 'T-77', kind: 'hotp', secret: { hex: '31'.repeat(20) } };
    const imported = await fetch(`${muster.url}/core/v1/hardware-tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tokens: [token] }),
    });
    expect(await imported.json()).toEqual({ imported: 1 });
    const { page } = await open('/enroll');
    await page.getByLabel('Your user name').fill('cem@example.org');
    await page.getByText('Hardware token', { exact: true }).click();
    await page.getByLabel('Serial number on its back').fill('nobodys');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').getByText('No token with this serial number is free').waitFor();
    await seen(page, 'a refusal');
    await page.getByLabel('Serial number on its back').fill('T-77');
    await page.getByRole('button', { name: 'Continue' }).click();
    const { Secret } = await import('otpauth');
    await confirm(page, HOTP.generate({ secret: Secret.fromHex('31'.repeat(20)), counter: 0 }));
    await isSetUp(page, 'Hardware token');
    await page.close();
  });

  test('a device that signs the number that is shown, with a key that stays in it', async () => {
    const { page } = await open('/enroll', 390);
    await choose(page, 'dee@example.org', 'App with number');
    await seen(page, 'push');
    const number = String(await page.locator('dd').textContent());
    await confirm(page, number === '000000' ? '000001' : '000000', 'Type the number on your device');
    await page.getByRole('alert').getByText('has failed').waitFor();
    await page.getByRole('button', { name: 'Start again' }).click();
    await choose(page, 'dee@example.org', 'App with number');
    await confirm(page, String(await page.locator('dd').textContent()), 'Type the number on your device');
    await isSetUp(page, 'App with number');
    await page.close();
  });

  test.each(['dark', 'light'])('recovery codes by keyboard alone, on a phone, %s', async (theme) => {
    const { page, problems } = await open('/enroll', 390);
    await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
    await page.getByRole('radio').first().waitFor();
    await seen(page, 'choose');
    await page.keyboard.press('Tab');
    await page.keyboard.type(`eve-${theme}@example.org`);
    // What is required is chosen already: on to it, past it, and go.
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.value')).toBe('recovery_code');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Recovery codes' }).waitFor();
    // The heading is there before the effect that moves the focus to it has run.
    await page.waitForFunction(`document.activeElement.tagName === 'H1'`);
    await seen(page, 'prove');
    const codes = await page.locator('.codes code').allTextContents();
    expect(codes).toHaveLength(10);
    await page.keyboard.press('Tab');
    await page.keyboard.type(String(codes[6]).toLowerCase().replaceAll('-', ' '));
    await page.keyboard.press('Enter');
    await isSetUp(page, 'Recovery codes');
    await page.getByText('9 codes are left').waitFor();
    await seen(page, 'done');
    expect(problems).toEqual([]);
    await page.close();
  });

  test('in the language of the person', async () => {
    const { page } = await open('/enroll?lang=de');
    await page.getByRole('button', { name: 'Weiter' }).waitFor();
    expect(await page.evaluate('document.documentElement.lang')).toBe('de');
    await page.getByLabel('Ihr Benutzername').fill('gil@example.org');
    await page.locator('label.choice').filter({ hasText: 'jede halbe Minute' }).click();
    await page.getByRole('button', { name: 'Weiter' }).click();
    await page.getByLabel('Code', { exact: true }).fill('000000');
    await page.getByRole('button', { name: 'Bestätigen' }).click();
    await page.getByRole('alert').getByText('Der Code ist falsch oder wurde schon verwendet. 4 Versuche bleiben.').waitFor();
    await page.close();
  });

  // The last ones: from then on everybody needs a key or a token.
  test('with a token of the host application, which leaves no trace in the address', async () => {
    const { stdout } = await runMuster(['keys', 'create', '--scope', 'core', '--data', muster.dataDir]);
    await sleep(1_100);
    const { page: stranger } = await open('/enroll');
    await stranger.getByText('Open this page from the application').waitFor();
    await seen(stranger, 'without a link');
    await stranger.close();
    const nowS = Math.floor(Date.now() / 1_000);
    const claims = { sub: 'fay@example.org', sid: 's-1', jti: 'token-0000000001', auth_time: nowS };
    const token = await new SignJWT({ iss: ISSUER, aud: 'muster-core', iat: nowS, exp: nowS + 120, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'a' })
      .sign(pair.privateKey);
    const { page } = await open(`/enroll#token=${token}`);
    expect(page.url()).toBe(`${muster.url}/enroll`);
    // Somebody who looks at another way first has used nothing up.
    await page.locator('label.choice').filter({ hasText: 'Ten codes' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Choose another way' }).click();
    await page.locator('label.choice').filter({ hasText: 'every half minute' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    const uri = read(await page.getByRole('img').screenshot());
    expect(uri).toContain('fay%40example.org');
    await confirm(page, (URI.parse(uri) as TOTP).generate());
    await isSetUp(page, 'Authenticator app');
    await page.close();
    const call = (bearer: string, path: string, body: object) =>
      fetch(`${muster.url}/core/v1${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
        body: JSON.stringify(body),
      });
    const start = { user: 'fay@example.org', factor_type: 'hotp' };
    expect([(await call(token, '/enrollments', start)).status, (await call('x.y.z', '/enrollments', start)).status]).toEqual([409, 401]);
    // A token goes to enrollments alone; a key of the host application goes further.
    expect((await call(token, '/users/fay%40example.org/reset', {})).status).toBe(401);
    expect((await call(stdout.trim(), '/users/fay%40example.org/reset', {})).status).toBe(200);
  });
});
