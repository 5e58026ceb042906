/** What products, their messages and administrators call a factor. */

/** The first that fits: what is more special stands before what its name contains. */
const NAMES: readonly [RegExp, string][] = [
  [/passkey|fido|webauthn|security key|windows hello|platform credential|biometric|u2f/i, 'webauthn'],
  [/hardware|yubikey|symantec|\brsa|\bvip\b/i, 'hardware_otp'],
  [/recovery[ _-]?code|backup[ _-]?code/i, 'recovery_code'],
  [/notification|push|guardian|onelogin protect|phone sign-?in|passwordless/i, 'push'],
  [/totp|one-time[ _-]?(?:code|password|passcode)|\botp\b|oath|software token|verification code|authenticator/i, 'totp'],
  [/voice|phone call|call|office phone/i, 'voice'],
  [/sms|text|mobile phone|phone/i, 'sms'],
  [/e-?mail/i, 'email'],
  [/certificate/i, 'certificate'],
];

/** The type of factor that a text names, if any. */
export const factorNamed = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : NAMES.find(([pattern]) => pattern.test(text))?.[1];
