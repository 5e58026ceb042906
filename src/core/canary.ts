/** The synthetic canary: enrolls every factor on a schedule through the same API as everybody, and revokes it. Marked as synthetic, so no SLI counts it. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { HOTP, Secret, TOTP } from 'otpauth';
import type { Message } from './factors/factor.ts';
import { FACTOR_TYPES, type FactorType } from './factors/index.ts';
import { signedText } from './factors/push.ts';

/** A number and an address that are the canary's: what goes there is caught, and sent to nobody. */
const PHONE = '+31612345678';
const CANARY_DOMAIN = 'canary.muster.invalid';
const userOf = (factor: FactorType) => `canary-${factor.replaceAll('_', '-')}@${CANARY_DOMAIN}`;
export const CANARY_USERS = FACTOR_TYPES.map(userOf);
const SEED = Secret.fromHex('6d757374657263616e6172796d757374657263616e617279');

/** What is on its way to the canary: it alone reads it, and nobody else gets it. */
export interface Inbox {
  /** Whether a message of this person is for the canary. */
  takes(user: string, traffic: string | undefined): boolean;
  put(about: string, message: Message): void;
  /** The last code for this enrollment, once. */
  code(about: string): string | undefined;
}

/** An inbox of the canary that keeps its last hundred codes. */
export function createInbox(): Inbox {
  const codes = new LRUCache<string, string>({ max: 100 });
  return {
    takes: (user, traffic) => traffic === 'synthetic' && user.endsWith(`@${CANARY_DOMAIN}`),
    put: (about, { code }) => void codes.set(about, code),
    code(about) {
      const code = codes.get(about);
      codes.delete(about);
      return code;
    },
  };
}

type Fields = Record<string, unknown>;
/** Asks the API of the core. Returns status and body. */
export type Ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: Fields) => Promise<{ status: number; body: Fields }>;

interface Device {
  options: Fields;
  prove: (challenge: Fields, about: { id: string; inbox: Inbox; nowMs: number }) => Fields;
}

const keys = generateKeyPairSync('ed25519');
const address = `canary@${CANARY_DOMAIN}`;

/** What stands in for a person and a device, for each factor. */
const DEVICES = {
  totp: {
    options: {},
    prove: ({ secret }, { nowMs }) => ({ code: TOTP.generate({ secret: Secret.fromBase32(String(secret)), timestamp: nowMs }) }),
  },
  hotp: { options: {}, prove: ({ secret }) => ({ code: HOTP.generate({ secret: Secret.fromBase32(String(secret)), counter: 0 }) }) },
  sms: { options: { phone: PHONE }, prove: (_, { id, inbox }) => ({ code: inbox.code(id) }) },
  voice: { options: { phone: PHONE }, prove: (_, { id, inbox }) => ({ code: inbox.code(id) }) },
  email: { options: { address }, prove: (_, { id, inbox }) => ({ code: inbox.code(id) }) },
  push: {
    options: { public_key: keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url') },
    prove: ({ number, nonce }, { id }) => ({
      number,
      signature: sign(null, signedText(id, String(number), String(nonce)), keys.privateKey).toString('base64url'),
    }),
  },
  recovery_code: { options: {}, prove: ({ codes }) => ({ code: (codes as string[])[0] }) },
  hardware_otp: { options: {}, prove: () => ({ code: HOTP.generate({ secret: SEED, counter: 0 }) }) },
} as const satisfies Record<FactorType, Device>;

export interface CanaryResult {
  factor: FactorType;
  isGood: boolean;
  /** What went wrong, where. */
  problem?: string;
}

export interface CanaryDeps {
  ask: Ask;
  inbox: Inbox;
  /** Brings a hardware token in, which the canary then holds. Returns its serial number. */
  newToken: (secretHex: string) => Promise<string>;
  /** Takes away what a round before left: one that was cut short must not make this one fail. */
  clean: () => Promise<void>;
  now: () => number;
}

/** One round: each of these factors that is offered at present, one after the other. */
export async function canaryRound(factors: readonly FactorType[] = FACTOR_TYPES, deps: CanaryDeps): Promise<CanaryResult[]> {
  const results: CanaryResult[] = [];
  await deps.clean();
  for (const factor of factors) {
    const problem = await enrolls(factor, deps).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (problem !== NOT_OFFERED) results.push({ factor, isGood: problem === undefined, ...(problem !== undefined && { problem }) });
  }
  return results;
}

const NOT_OFFERED = 'not offered';

/** What went wrong, or undefined. */
async function enrolls(factor: FactorType, { ask, inbox, newToken, now }: CanaryDeps): Promise<string | undefined> {
  const user = userOf(factor);
  const offered = await ask('GET', `/enrollments/options?user=${encodeURIComponent(user)}`);
  const allowed = (offered.body.allowed ?? []) as { factor_type: string }[];
  if (offered.status === 200 && !allowed.some(({ factor_type: type }) => type === factor)) return NOT_OFFERED;
  const device: Device = DEVICES[factor];
  const options = factor === 'hardware_otp' ? { serial: await newToken(SEED.hex) } : device.options;
  const started = await ask('POST', '/enrollments', { user, factor_type: factor, traffic: 'synthetic', channel: 'api', ...options });
  if (started.status !== 201) return `start answered ${started.status} ${String(started.body.code ?? '')}`;
  const id = String(started.body.id);
  const proof = device.prove((started.body.challenge ?? {}) as Fields, { id, inbox, nowMs: now() });
  const verified = await ask('POST', `/enrollments/${id}/verify`, proof);
  if (verified.status !== 200) return `verify answered ${verified.status} ${String(verified.body.code ?? '')}`;
  const revoked = await ask('DELETE', `/factors/${String(verified.body.factor_id)}`);
  // A policy may forbid to give the last one away.
  return revoked.status === 200 || revoked.body.code === 'MUSTER_POLICY_REFUSED'
    ? undefined
    : `revoke answered ${revoked.status} ${String(revoked.body.code ?? '')}`;
}
