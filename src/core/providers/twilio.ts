/** Twilio's API for messages and calls, and whatever has its shape. */
import { z } from 'zod';
import { basic, call } from './http.ts';
import { type Outgoing, ProviderError, type ProviderErrorClass, type ProviderKind, providerFields, secretFile } from './provider.ts';

const settings = z.strictObject({
  kind: z.literal('twilio'),
  ...providerFields('sms', 'voice'),
  url: z.url().default('https://api.twilio.com'),
  account: z.string().regex(/^AC[0-9a-f]{32}$/, 'expected the SID of the account: AC and 32 hexadecimal digits'),
  token_file: secretFile,
  from: z.string().min(1).max(64),
  /** Where receipts go, if they are wanted. */
  status_callback: z.url().optional(),
});

/** Seconds for which a message is worth delivering. */
const VALIDITY = '600';

/** Twilio's error codes that are not the provider's fault. */
const CLASSES: Readonly<Record<number, ProviderErrorClass>> = {
  20003: 'internal',
  21211: 'validation',
  21214: 'validation',
  21614: 'validation',
  30005: 'validation',
  30006: 'validation',
  60200: 'validation',
  60205: 'validation',
  21408: 'policy',
  21610: 'policy',
  60238: 'policy',
  60410: 'policy',
  60202: 'rate_limit',
  60203: 'rate_limit',
  60207: 'rate_limit',
  60212: 'rate_limit',
};

export const twilio: ProviderKind<typeof settings> = {
  settings,
  async open({ url, account, token_file: tokenFile, from, status_callback: callback }, { secret }) {
    const authorization = basic(account, await secret(tokenFile));
    const bodyOf = ({ channel, to, text }: Outgoing): Record<string, string> => ({
      To: to,
      From: from,
      ...(callback !== undefined && { StatusCallback: callback }),
      ...(channel === 'voice' ? { Twiml: `<Response><Say>${escaped(text)}</Say></Response>` } : { Body: text, ValidityPeriod: VALIDITY }),
    });
    return {
      async send(message, signal) {
        const path = message.channel === 'voice' ? 'Calls.json' : 'Messages.json';
        const { status, body } = await call(`${url}/2010-04-01/Accounts/${account}/${path}`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/x-www-form-urlencoded', 'i-twilio-idempotency-token': message.id },
          body: new URLSearchParams(bodyOf(message)),
          signal,
        });
        if (status === 201 && typeof body?.sid === 'string') return { reference: body.sid };
        const code = Number(body?.code ?? 0);
        throw new ProviderError(CLASSES[code] ?? (status === 401 ? 'internal' : 'provider'), String(code || status));
      },
    };
  },
};

/** Digits are read one by one, and nothing of the text is markup. */
const escaped = (text: string): string =>
  text.replace(/[<>&'"]/g, (character) => `&#${character.charCodeAt(0)};`).replace(/\d{4,}/g, (digits) => [...digits].join(', '));
