/** TOTP per RFC 6238, with the parameters that every authenticator app reads: SHA-1, 6 digits, 30 s. */
import { Secret, TOTP } from 'otpauth';

/** RFC 4226 section 4, R6: at least 128 bits, 160 recommended. */
export const SECRET_BYTES = 20;
const PERIOD_SECONDS = 30;
/** RFC 6238 section 5.2: at most one time step of network delay is accepted, here on either side for drifting clocks. */
const DRIFT_STEPS = 1;

const totpOf = (secret: Uint8Array, user = '', issuer = 'Muster') =>
  new TOTP({
    issuer,
    label: user || 'user',
    algorithm: 'SHA1',
    digits: 6,
    period: PERIOD_SECONDS,
    secret: new Secret({ buffer: Uint8Array.from(secret).buffer }),
  });

/** What an authenticator app needs to take the secret over. */
export function provisioning(secret: Uint8Array, user: string): { secret: string; otpauthUri: string } {
  const totp = totpOf(secret, user);
  return { secret: totp.secret.base32, otpauthUri: totp.toString() };
}

/** A clock that is further off than this is not told from a wrong code. */
const EXPLAINED_STEPS = 10;

/**
 * How far the clock of the device is ahead of ours, in seconds, when `code` is right but for that; only to explain a refusal.
 * Undefined when it is no such code.
 */
export function clockOffset(secret: Uint8Array, code: string, nowMs: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const delta = totpOf(secret).validate({ token: code, timestamp: nowMs, window: EXPLAINED_STEPS });
  return delta === null || Math.abs(delta) <= DRIFT_STEPS ? undefined : delta * PERIOD_SECONDS;
}

/**
 * The time step that `code` belongs to, or undefined when it is wrong.
 * @param lastStep the step used last: RFC 6238 section 5.2 forbids a second use, so this one and those before are refused
 */
export function acceptedStep(secret: Uint8Array, code: string, nowMs: number, lastStep: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const delta = totpOf(secret).validate({ token: code, timestamp: nowMs, window: DRIFT_STEPS });
  if (delta === null) return undefined;
  const step = Math.floor(nowMs / 1_000 / PERIOD_SECONDS) + delta;
  return step > lastStep ? step : undefined;
}
