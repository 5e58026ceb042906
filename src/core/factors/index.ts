/** The factors that the core enrolls. One line here, and one file beside it, is a factor. */
import { email } from './email.ts';
import type { Factor } from './factor.ts';
import { hardwareOtp } from './hardware-otp.ts';
import { hotp } from './hotp.ts';
import { push } from './push.ts';
import { recoveryCode } from './recovery-code.ts';
import { sms } from './sms.ts';
import { totp } from './totp.ts';
import { voice } from './voice.ts';

const REGISTRY = { totp, hotp, sms, voice, email, push, recovery_code: recoveryCode, hardware_otp: hardwareOtp };

export type FactorType = keyof typeof REGISTRY;
export const FACTOR_TYPES = Object.keys(REGISTRY) as FactorType[];

/** What each takes was checked by its own schema before it gets there. */
export const FACTORS = REGISTRY as unknown as Readonly<Record<FactorType, Factor>>;
