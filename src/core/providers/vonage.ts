/** Vonage's Verify API, version 2, with a code of our own, and whatever has its shape. */
import { z } from 'zod';
import { basic, call } from './http.ts';
import { ProviderError, type ProviderErrorClass, type ProviderKind, providerFields, secretFile } from './provider.ts';

const settings = z.strictObject({
  kind: z.literal('vonage'),
  ...providerFields('sms', 'voice'),
  url: z.url().default('https://api.nexmo.com'),
  key: z.string().min(1).max(64),
  secret_file: secretFile,
  brand: z.string().min(1).max(16).default('Muster'),
});

/** Seconds: the longest time that Vonage lets a channel have. */
const CHANNEL_TIMEOUT = 600;

const CLASSES: Readonly<Record<number, ProviderErrorClass>> = {
  400: 'validation',
  401: 'internal',
  403: 'policy',
  409: 'rate_limit',
  422: 'validation',
  429: 'rate_limit',
};

export const vonage: ProviderKind<typeof settings> = {
  settings,
  async open({ url, key, secret_file: secretPath, brand }, { secret }) {
    const authorization = basic(key, await secret(secretPath));
    // Numbers go without their plus there.
    const headers = { authorization, 'content-type': 'application/json' };
    return {
      async send({ channel, to, code }, signal) {
        const request = { brand, code, channel_timeout: CHANNEL_TIMEOUT, workflow: [{ channel, to: to.replace(/^\+/, '') }] };
        const ask = () => call(`${url}/v2/verify/`, { method: 'POST', headers, body: JSON.stringify(request), signal });
        let { status, body } = await ask();
        if (status === 409 && typeof body?.request_id === 'string') {
          // A code that was sent before still runs there: ours keeps count of codes, so that one ends.
          await call(`${url}/v2/verify/${encodeURIComponent(body.request_id)}`, { method: 'DELETE', headers: { authorization }, signal });
          ({ status, body } = await ask());
        }
        if (status === 202 && typeof body?.request_id === 'string') return { reference: body.request_id };
        throw new ProviderError(CLASSES[status] ?? 'provider', String(status));
      },
    };
  },
};
