/** Values that programs send and nobody must take for a secret: error codes, versions, deployments, ids and messages, by field. */
import { seededRandom } from '../../src/lab/random.ts';

export interface Legitimate {
  /** A field of an event, `attributes.KEY`, or `id`. */
  field: string;
  text: string;
}

const of = (field: string, text: string): Legitimate[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => ({ field, text: line }));

/** Codes and reasons as the products document them. */
const CODES = `
E0000001 E0000004 E0000006 E0000007 E0000009 E0000011 E0000014 E0000022 E0000047 E0000064 E0000068 E0000069 E0000073 E0000079 E0000082 E0000086
E0000095 E0000098 E0000109 E0000119 E0000130 E0000133 E0000139 INVALID_CREDENTIALS LOCKED_OUT VERIFICATION_ERROR GENERAL_NONSUCCESS USER_REJECTED
AADSTS500121 AADSTS50074 AADSTS50076 AADSTS50079 AADSTS50126 AADSTS50053 AADSTS50055 AADSTS50057 AADSTS50058 AADSTS50072 AADSTS50097 AADSTS50105
AADSTS50125 AADSTS50129 AADSTS50131 AADSTS50133 AADSTS50140 AADSTS50144 AADSTS50158 AADSTS50173 AADSTS50196 AADSTS53000 AADSTS53001 AADSTS53003
AADSTS53004 AADSTS65001 AADSTS70000 AADSTS700016 AADSTS70043 AADSTS70044 AADSTS75011 AADSTS81010 AADSTS90002 AADSTS90014 AADSTS90072 AADSTS120000
AADSTS135010 AADSTS7000215 AADSTS7000222 AADSTS9002313 500121 50074 50126 53003 530003 50140 70044 0 65001 700082 1002016
gd_start_enroll gd_enrollment_complete gd_auth_failed gd_auth_rejected gd_otp_rate_limit_exceed gd_recovery_failed gd_send_sms_failure
gd_unenroll fepft feacft fertft seccft fu fp limit_wc limit_mu pwd_leak mfar invalid_grant mfa_required too_many_attempts
invalid_otp invalid_authenticator_code invalid_user_credentials expired_code user_not_found user_disabled UPDATE_TOTP_ERROR REMOVE_TOTP
CONFIGURE_TOTP webauthn-register different_user_authenticated cookie_not_found already_logged_in identity_provider_error
40002 40101 40102 40103 40301 40401 40501 42901 50000 bypass_user deny_unenrolled_user user_marked_fraud no_response invalid_passcode
2sv_disable 2sv_enroll titanium_unenroll recovery_email_edit login_failure_access_denied_by_context_aware_access is_2sv_enforced
1 5 6 7 8 11 13 14 21 22 23 24 29 93 149 169 182 1703 USER_LOCKED OTP_DEVICE_REGISTERED
AccessDenied AccessDeniedException EntityTemporarilyUnmodifiable InvalidAuthenticationCode NoSuchEntity LimitExceeded ExpiredToken
EnableMFADevice DeactivateMFADevice CreateVirtualMFADevice ResyncMFADevice MultiFactorAuthentication InvalidClientTokenId
0x80070005 0x8007000E 0x80090016 0x800704CF 0xC000006D 0xC0000234 0x80072EE7 0xcaa20003 0xCAA5001C NTE_BAD_KEYSET
ERR_CERT_DATE_INVALID ECONNREFUSED ETIMEDOUT EAI_AGAIN SQLSTATE-23505 SQLSTATE-40P01 ORA-00001 ORA-12541 PG-53300 HTTP-503 HTTP_429 2002 21211 21408
21610 21614 30003 30005 30006 30007 30008 60200 60202 60203 60410 63038 WSAECONNRESET PKIX-path EAUTH-07 TOTP-E101 AUTH-E401 SMS-30007 MFA-1042
webauthn:NotAllowedError webauthn:InvalidStateError NotSupportedError aaguid-mismatch attestation_untrusted cert_expired x5c-chain rp_id_mismatch
https://schemas.openid.net/secevent/caep/event-type/credential-change https://schemas.openid.net/secevent/risc/event-type/account-disabled
user.mfa.factor.activate user.mfa.factor.deactivate user.mfa.factor.reset_all user.account.lock system.sms.send_factor_verify_message
ABCDEFGHIJKLMNOP INTERNALSERVERERROR SERVICEUNAVAILABLE UNEXPECTED_EOF RATE-LIMITED-01 T1621 T1098.005 T1556.006 CVE-2024-3094 RFC-6238 a1b2-c3d4`;

const VERSIONS = `
17.0.9.101
2.4.1.7
1.0.0
10.0.19045.2965
120.0.6099.109
v3.11.4
3.11.4-rc.1
2026.11.24
2026.11.24.3
24.21.0
8.0.36-0ubuntu0.22.04.1
1.2.3+build.4567
v1.29.3-eks-adc7111
7.4.0.1
11.0.21.9
21.0.2.13
10.15.7.1
14.4.1.23
99.0.4844.51
4.18.0.553
iOS-17.4.1
android-14-34
app-3.2.1.0+build7
5.15.0-105-generic
24H2
2.0.0-20240315.1
31.0.0.14`;

const DEPLOYMENTS = `
enroll@eu-west-1.prod
prod-4f7k-9qx2
a1b2-c3d4
prod-2024-11
release-2026.11.24
enroll-5d4c8b
deploy-3f2a1b
blue
green-2
canary-7f9c
v2.41.0-3-g9f2c1ab
api-6d4cf56db6-x2x4z
enroll-7c9d8f6b5-4k2m9
core-5b9f7c6d4-9x8zq
web-84f7c9d6b-7h2kq
eu-west-1a-2f4k-9x7q
k8s-prod-3b4c-5d6e
node-4a5b-6c7d-8e9f
build-20261124-1
r2d2-c3p0
stage-9k2m-4p7x
3f2a1b-4c5d6e
2026w47-3a4b
main-1f2e3d
svc-2x4y-6z8w
qa-1a2b-3c4d-5e6f
hotfix-8j7h-6g5f`;

const MESSAGES = `
the code 10012345 is unknown
cookie: SameSite=None
Set-Cookie: path=/; HttpOnly; Secure
invoice 2026-0001-4711 was paid
invoice number 4539578763621486
invoice 0815-4711-2026
order 0049-1234-5678 has shipped
ticket 0170-2026-1187 reopened
case no. 00491701234567
customer reference 10012345678
token expired
token=expired
invalid password: incorrect
session ended by the user
verification code 60203
status code 500121, try again
error code: 50126
AADSTS500121: Authentication failed during strong authentication request.
Win32 error 0x80070005 while opening the key
HRESULT=0x80090016
request timed out after 30000 ms
retry 3 of 5 at 2026-11-24T10:00:00Z
connection to sms-aurora reset by peer
provider answered 503 Service Unavailable
attestation of aaguid 08987058-cadc-4b81-b6e1-30de50dcbe96 is not trusted
certificate expired on 2026-10-01
user pressed cancel
number mismatch
too many attempts: 5 of 5
clock is off by 92 s
Java/17.0.9.101 refused the handshake
upgrade from version 17.0.9.101 to 21.0.2.13
Chrome/120.0.6099.109 on Windows NT 10.0
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
SELECT count() FROM factors WHERE state = $1
GET /core/v1/enrollments/0192f3a4-7b1c-7e3d-9a2b-4c5d6e7f8a9b
at Object.verify (totp.ts:42:13)
std::vector::at out of range
recovery codes were issued 10
step 2/3 at 12:34:56
basic authentication failed
Bearer authentication failed
pin too short
password policy: at least 12 characters
secret rotation finished
OTP 2024 rollout
called 1234567 times
room 0815 2nd floor
ratio 3:2:1
MAC 00:1B:44:11:3A:B7
session timeout=6024
cid bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi
expected 200000 rows but got 100000
error code 500121 invalid
token 403 refused
the token was revoked by admin1
the secret was rotated to version2
password was changed by admin
password is now required
setup key was shown
secret key rotation finished in 1200 ms
look at version 1.2 dot release`;

const SPANS: readonly (readonly [key: string, values: string])[] = [
  ['error.code', 'AADSTS500121 0x80070005 E0000068 500121 21211 30007 a1b2-c3d4'],
  ['azure.error_code', 'AADSTS50076 AADSTS53003 50074'],
  ['auth.result_code', '0x80070005 0xC000006D'],
  ['http.response.status_code', '200 401 403 429 500 503'],
  ['k8s.pod.name', 'api-6d4cf56db6-x2x4z enroll-7c9d8f6b5-4k2m9 core-5b9f7c6d4-9x8zq'],
  ['service.version', '17.0.9.101 2.4.1.7 1.0.0 2026.11.24.3'],
  ['process.runtime.version', '17.0.9.101 21.0.2.13 11.0.21.9'],
  ['browser.version', '120.0.6099.109 17.4.1.2'],
  ['os.version', '10.0.19045.2965 14.4.1.23'],
  ['deployment.id', 'prod-4f7k-9qx2 a1b2-c3d4'],
  ['build', '4f7k-9qx2 20261124-1'],
  ['invoice', '2026-0001-4711 4539578763621486'],
  ['host.id', 'i-0abcd1234ef567890 vm-4k2m-9x7q'],
  ['feature.flag', 'new-enroll-2 totp-sha256'],
  ['rpc.method', 'muster.core.v1.Enroll/Start'],
  ['aaguid', '08987058-cadc-4b81-b6e1-30de50dcbe96'],
  ['plan', 'gold'],
  ['message_sid', 'SMf4b130a1b0eb4da84e7245007fea608a'],
  ['account_sid', 'ACc7c0a292f4229c6e8590806260d45094'],
  ['node', 'ip-10-0-22-36.eu-west-1.compute.internal'],
  ['messaging.system', 'kafka'],
  ['thread.id', '4711'],
  ['commit', '9f2c1ab 3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c'],
];

/** As many as asked for and more: what the lists have, and ids and the like made by a seed. */
export function legitimateValues(seed: number, count: number): Legitimate[] {
  const random = seededRandom(seed);
  const pick = (alphabet: string, length: number) => Array.from({ length }, () => alphabet[random.integer(alphabet.length)]).join('');
  const [HEX, DIGITS, LOWER] = ['0123456789abcdef', '0123456789', 'abcdefghijklmnopqrstuvwxyz0123456789'];
  const uuid = () => `${pick(HEX, 8)}-${pick(HEX, 4)}-4${pick(HEX, 3)}-a${pick(HEX, 3)}-${pick(HEX, 12)}`;
  const makers: (() => Legitimate)[] = [
    () => ({ field: 'id', text: uuid() }),
    () => ({ field: 'id', text: `01${pick('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 24)}` }),
    () => ({ field: 'id', text: pick(HEX, 24) }),
    () => ({ field: 'id', text: `evt_${pick(LOWER, 24)}` }),
    () => ({ field: 'id', text: pick(DIGITS, 19) }),
    () => ({ field: 'id', text: pick('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 27) }),
    () => ({ field: 'id', text: `enroll-${pick(HEX, 6)}-${random.integer(100)}` }),
    () => ({ field: 'deployment', text: `prod-${pick(LOWER, 4)}-${pick(LOWER, 4)}` }),
    () => ({ field: 'deployment', text: `api-${pick('bcdfghjklmnpqrstvwxz2456789', 9)}-${pick('bcdfghjklmnpqrstvwxz2456789', 5)}` }),
    () => ({ field: 'deployment', text: pick(HEX, 7) }),
    () => ({ field: 'client_version', text: `${random.integer(130)}.${random.integer(10)}.${random.integer(250)}.${random.integer(250)}` }),
    () => ({ field: 'client_version', text: `${random.integer(30)}.${random.integer(40)}.${random.integer(60)}` }),
    () => ({ field: 'tenant', text: `t-${pick(LOWER, 8)}` }),
    () => ({ field: 'tenant', text: `org-${pick(LOWER, 4)}-${pick(LOWER, 4)}-${pick(LOWER, 4)}` }),
    () => ({ field: 'error_code', text: `E${pick(DIGITS, 7)}` }),
    () => ({ field: 'error_code', text: `AADSTS${pick(DIGITS, 5 + random.integer(3))}` }),
    () => ({ field: 'error_code', text: `0x8${pick(HEX, 7)}` }),
    () => ({ field: 'error_code', text: pick(DIGITS, 5 + random.integer(3)) }),
    () => ({ field: 'reason', text: `request ${uuid()} failed` }),
    () => ({ field: 'reason', text: `error code ${pick(DIGITS, 6)} from the provider` }),
    () => ({ field: 'attributes.trace', text: pick(HEX, 32) }),
    () => ({ field: 'attributes.request_id', text: uuid() }),
    () => ({ field: 'attributes.pod', text: `core-${pick('bcdfghjklmnpqrstvwxz2456789', 9)}-${pick('bcdfghjklmnpqrstvwxz2456789', 5)}` }),
    () => ({ field: 'attributes.duration', text: `${pick(DIGITS, 5)} ms` }),
    () => ({ field: 'attributes.invoice', text: `${2020 + random.integer(7)}-${pick(DIGITS, 4)}-${pick(DIGITS, 4)}` }),
    () => ({ field: 'attributes.timestamp', text: `17${pick(DIGITS, 14)}` }),
  ];
  const made = [
    ...CODES.split(/\s+/)
      .filter(Boolean)
      .map((text) => ({ field: 'error_code', text })),
    ...of('client_version', VERSIONS),
    ...of('deployment', DEPLOYMENTS),
    ...of('reason', MESSAGES),
    ...SPANS.flatMap(([key, values]) => values.split(' ').map((text) => ({ field: `attributes.${key}`, text }))),
  ];
  for (let n = 0; made.length < count; n++) made.push((makers[n % makers.length] as () => Legitimate)());
  return made;
}
