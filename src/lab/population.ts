/** Who enrolls, from where, with what, and when: the made-up population behind demo and simulator. */
import { DAY_MS, HOUR_MS } from '../system/time.ts';
import type { Random } from './random.ts';

export const REGIONS = [
  ['eu-west', 34],
  ['eu-central', 22],
  ['us-east', 24],
  ['us-west', 12],
  ['ap-south', 8],
] as const;
const FACTORS = [
  ['totp', 34],
  ['sms', 30],
  ['push', 16],
  ['webauthn', 15],
  ['email', 5],
] as const;
const SEGMENTS = [
  ['consumer', 62],
  ['workforce', 28],
  ['partner', 10],
] as const;
const TIERS = [
  ['standard', 92],
  ['privileged', 5],
  ['vip', 3],
] as const;
const CLIENTS = [
  ['web-8.1', 55],
  ['ios-5.3', 25],
  ['android-5.2', 20],
] as const;
const TENANTS = ['north', 'south', 'coast'] as const;
const USERS = 60_000;
/** Growth over the whole history, from below the average rate to above it. */
const GROWTH = 0.3;

/** Providers that carry codes, by factor; a factor without one works on the device. */
const PROVIDERS: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  sms: [
    ['sms-aurora', 70],
    ['sms-borealis', 30],
  ],
  push: [['push-kite', 1]],
  email: [['mail-crane', 1]],
};

/**
 * Attempts per minute at a moment: quiet nights, busy afternoons, calm weekends, and growth.
 * @param history from start to end, averaging `perDay`
 */
export function attemptsPerMinute(atMs: number, history: { startMs: number; endMs: number; perDay: number }): number {
  const hour = (atMs % DAY_MS) / HOUR_MS;
  const weekday = new Date(atMs).getUTCDay();
  const daily = 1 + 0.65 * Math.cos((2 * Math.PI * (hour - 14)) / 24);
  const weekly = weekday === 0 || weekday === 6 ? 0.62 : 1.152;
  const progress = (atMs - history.startMs) / Math.max(1, history.endMs - history.startMs);
  const growth = 1 + GROWTH * (progress - 0.5);
  return (history.perDay / 1_440) * daily * weekly * growth;
}

export interface Person {
  user: string;
  region: string;
  segment: string;
  user_tier: string;
  /** Whose people they are: fixed for a user. */
  tenant: string;
  client_version: string;
  factor_type: string;
  provider: string | undefined;
}

/** Somebody who starts an enrollment. */
export function somebody(random: Random): Person {
  const factor = random.weighted(FACTORS);
  const providers = PROVIDERS[factor];
  const number = random.integer(USERS);
  return {
    user: `user-${String(number).padStart(5, '0')}@example.org`,
    tenant: TENANTS[number % TENANTS.length] as string,
    region: random.weighted(REGIONS),
    segment: random.weighted(SEGMENTS),
    user_tier: random.weighted(TIERS),
    client_version: random.weighted(CLIENTS),
    factor_type: factor,
    provider: providers && random.weighted(providers),
  };
}
