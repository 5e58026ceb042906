/** Secrets and personal data made up by a seed: what must never be found again anywhere. */
import { seededRandom } from '../../src/lab/random.ts';
import type { SensitiveKind } from '../../src/privacy/detector.ts';

export interface Planted {
  kind: SensitiveKind;
  text: string;
  /** The part that alone gives it away, and that is not in any mark or name. */
  core: string;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ALPHANUMERIC = 'abcdefghijkmnpqrstuvwxyz23456789';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** As many as asked for, of all kinds in turn, all different. */
export function plantedSecrets(seed: number, count: number): Planted[] {
  const random = seededRandom(seed);
  const pick = (alphabet: string, length: number) => Array.from({ length }, () => alphabet[random.integer(alphabet.length)]).join('');
  const digits = (length: number) => pick('0123456789', length);
  const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  // A group of a recovery code has letters behind digits, or it could be a word, a number, or a word with a number.
  const group = (length: number) => `${digits(1)}${pick('abcdefghjkmnpqrstuvwxyz', 1)}${pick(ALPHANUMERIC, length - 2)}`;
  const luhn = (body: string) => {
    const sum = [...body].reverse().reduce((total, digit, i) => {
      const value = Number(digit) * (i % 2 === 0 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    return `${body}${(10 - (sum % 10)) % 10}`;
  };
  const iban = () => {
    const account = digits(18);
    const remainder = [...`${account}131400`].reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0);
    return `DE${String(98 - remainder).padStart(2, '0')}${account}`;
  };
  const seedText = (length: number) => `${pick(BASE32, length - 3)}2X7`;
  const whole = (kind: SensitiveKind, text: string): Planted => ({ kind, text, core: text });
  const part = (kind: SensitiveKind, core: string, around: (core: string) => string): Planted => ({ kind, text: around(core), core });
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  const makers: (() => Planted)[] = [
    () => part('email', encoded(`${pick(ALPHANUMERIC, 6)}@example.org`).replace(/=+$/, ''), (core) => `user=${core}`),
    () => part('email', encoded(`to ${pick(ALPHANUMERIC, 6)}@example.org`).replace(/=+$/, ''), (core) => `/v1/users/${core}/mail`),
    () => part('email', Buffer.from(`${pick(ALPHANUMERIC, 9)}@example.org`).toString('base64url'), (core) => `u-${core}`),
    () => part('base32_seed', seedText(16), (core) => `seed_param=${core}&x=1`),
    () => part('base32_seed', seedText(32), (core) => `/totp/${core}/qr`),
    () => part('phone', digits(7), (core) => `+49\u00a0151\u00a02${core}`),
    () => part('phone', `01.${[0, 1, 2, 3].map(() => 10 + random.integer(90)).join('.')}`, (core) => `tel ${core}`),
    () => part('phone', `98${digits(3)}-${digits(4)}`, (core) => `(11) ${core}`),
    () => part('email', `${pick(ALPHANUMERIC, 5)}e\u0301${pick(ALPHANUMERIC, 4)}@example.org`, (core) => `mail ${core}`),
    () => part('email', pick(ALPHANUMERIC, 9), (core) => `${core}\u200b@example.org`),
    () => part('credential', `${pick(BASE64URL.slice(0, -2), 38)}1+`, (core) => `aws_secret_access_key=${core}`),
    () => part('credential', `${pick(ALPHANUMERIC, 12)}3x9`, (core) => `token=${core}`),
    () => part('credential', `${pick('0123456789ABCDEF', 28)}.n1`, (core) => `JSESSIONID=${core}`),
    () => whole('api_token', `glpat-${pick(BASE64URL.slice(0, -2), 20)}`),
    () => whole('api_token', `hvs.${pick(BASE64URL.slice(0, -2), 28)}`),
    () => whole('api_token', `dop_v1_${pick('0123456789abcdef', 64)}`),
    () => whole('api_token', `sk-ant-${pick(BASE64URL.slice(0, -2), 40)}`),
    () => whole('api_token', `shpat_${pick('0123456789abcdef', 32)}`),
    () => whole('email', `${pick(ALPHANUMERIC, 8)}.lovelace@example-${pick(ALPHANUMERIC, 3)}.org`),
    () => {
      const core = digits(7);
      return { kind: 'phone', text: `+49 151 2${core}`, core };
    },
    () => whole('phone', `+4915${1 + random.integer(9)}2${digits(7)}`),
    () => whole('phone', `(415) 555-${1000 + random.integer(9000)}`),
    () => whole('ip_address', `${11 + random.integer(200)}.${random.integer(256)}.${random.integer(256)}.${1 + random.integer(254)}`),
    () => whole('ip_address', `2001:db8:${pick('123456789abcdef', 4)}:${pick('123456789abcdef', 4)}::${pick('123456789abcdef', 4)}`),
    () => whole('iban', iban()),
    () => whole('iban', (iban().match(/.{1,4}/g) ?? []).join(' ')),
    () => whole('card_number', luhn(`4${digits(14)}`)),
    () => whole('card_number', (luhn(`5${1 + random.integer(5)}${digits(13)}`).match(/.{4}/g) ?? []).join('-')),
    () => {
      const core = pick(BASE64URL, 30);
      return { kind: 'jwt', text: `${base64url({ alg: 'HS256' })}.${base64url({ sub: pick(ALPHANUMERIC, 6) })}.${core}`, core };
    },
    () => {
      const core = seedText(16);
      return { kind: 'otpauth_uri', text: `otpauth://totp/Acme?secret=${core}`, core };
    },
    () => whole('base32_seed', seedText(32)),
    () => whole('base32_seed', seedText(16)),
    () => whole('base32_seed', (seedText(32).toLowerCase().match(/.{4}/g) ?? []).join(' ')),
    () => whole('recovery_code', `${group(5)}-${group(5)}`),
    () => whole('recovery_code', `${group(4)}-${group(4)}-${group(4)}`),
    () => {
      const core = digits(8);
      return { kind: 'recovery_code', text: `recovery code ${core}`, core };
    },
    () => {
      const core = `${pick(ALPHANUMERIC, 20)}7Q`;
      return { kind: 'bearer_token', text: `Bearer ${core}`, core };
    },
    () => {
      const core = Buffer.from(`ada:${pick(ALPHANUMERIC, 12)}`).toString('base64');
      return { kind: 'bearer_token', text: `Basic ${core}`, core };
    },
    () => whole('api_token', `ghp_${pick(ALPHANUMERIC, 36)}`),
    () => {
      const core = `${pick(ALPHANUMERIC, 10)}4!`;
      return { kind: 'credential', text: `password=${core}`, core };
    },
    () => {
      const core = `9${digits(7)}`;
      return { kind: 'one_time_code', text: `otp=${core}`, core };
    },
    () => {
      const core = pick(BASE64URL.slice(0, -2), 40);
      return { kind: 'private_key', text: `-----BEGIN PRIVATE KEY-----\n${core}\n-----END PRIVATE KEY-----`, core };
    },
  ];
  const made = new Map<string, Planted>();
  for (let n = 0; made.size < count; n++) {
    const planted = (makers[n % makers.length] as () => Planted)();
    made.set(planted.core, planted);
  }
  return [...made.values()];
}
