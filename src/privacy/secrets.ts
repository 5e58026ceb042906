/** Secrets of enrollment and of programs: by structure where they have one, by what stands before them where they have none. */
import { type Detector, whole } from './detector.ts';
import { ONE_TIME_CODES } from './one-time-codes.ts';
import { count, isBasic, isGroupedSeed, isRecoveryCode, isSeed, isSeedOfEights, isToken } from './secret-shapes.ts';
import { VENDOR_TOKENS } from './vendor-tokens.ts';

/** Words that stand where a secret would, and are none. */
const SAID_INSTEAD =
  /^(?:(?:null|none|nil|undefined|true|false|yes|no|on|off|empty|missing|absent|present|invalid|incorrect|wrong|weak|strong|expired|required|rejected|revoked|rotated|changed|updated|created|deleted|reset|set|unset|enabled|disabled|blocked|allowed?|deny|denied|failed|unknown|redacted|hidden|masked|oauth2?|saml|oidc|webauthn|fido2?|bucket|k8s|step)(?:[-_]?[a-z0-9]{1,12}){0,3}|\*+|x{3,}|\.{3,}|HTTP\/[\d.]{1,5}|SIG[A-Z]{2,8}\d{0,2}|S-1-[\d-]{1,80}|\d{1,2}(?:st|nd|rd|th)[-\w]{0,20}|v\d{1,3}\/[\w/-]{1,80})$/i;

/** What stands before a secret, and never before anything else. */
const CREDENTIALS =
  'pass(?:word|wd|[ _-]?phrase|wort|code)|kennwort|contrase[nñ]a|senha|mot[_ ]de[_ ]passe|wachtwoord|has[lł]o|heslo|l[öo]senord|adgangskode|salasana|密码|密碼|パスワード|пароль|skey|(?<![A-Za-z])(?:pass|pw)|pwd|secret|secret[ _-]?(?:access[ _-]?)?key|client[ _-]?secret|(?:private|access|signing|encryption|shared|account)[ _-]?key|api[ _-]?key|(?:access|refresh|id|auth|session|csrf|bearer|security)[ _-]?token|authorization|cookie|[a-z.]{0,16}sess(?:ion)?_?id|connect\\.sid|(?:[th]?otp|mfa)[_-]?(?:secret|seed|key)|seed';
/** What stands before a token, and before words too. */
const TOKEN_NAMES =
  'token|session|sid|auth|sig|signature|hmac|credential|jwt|sas|ticket|passkey|code_verifier|client_assertion|SAML(?:Response|Request)';
/** The same of a sentence. */
const SAYS = '(?:(?:is|was)(?: now)?|(?:was |been )?(?:changed|set|reset) to|must not be|lautet|ist|est|now)';
/** In small letters, one of which each of the names above holds. */
const CREDENTIAL_WORDS = [
  'pass',
  'kennwort',
  'contrase',
  'senha',
  'пароль',
  'wachtwoord',
  'haslo',
  'hasło',
  'heslo',
  'senord',
  'adgangskode',
  'salasana',
  '密码',
  '密碼',
  'パスワード',
  'skey',
  'pw',
  'secret',
  'key',
  'token',
  'authorization',
  'cookie',
  'sess',
  '.sid',
  'seed',
];
const TOKEN_WORDS = [
  'token',
  'sess',
  'sid',
  'auth',
  'sig',
  'hmac',
  'credential',
  'jwt',
  'sas',
  'ticket',
  'passkey',
  'code_verifier',
  'client_assertion',
  'saml',
];
/** Of a cookie, what says how it is sent. */
const COOKIE_ATTRIBUTE = /^(?:samesite|secure|httponly|path|domain|max-age|expires|partitioned|priority)(?:=|$)/i;

/** A password as it stands in a sentence: letters and digits, and no word with a number of its own. */
const isPasswordInWords = (value: string): boolean =>
  /[a-z]/i.test(value) &&
  /\d/.test(value) &&
  !SAID_INSTEAD.test(value) &&
  !/^(?:v|step|phase|factor|rule|policy|page|type|level)\d/i.test(value);

/** In this order: what has structure first, so that its parts are not taken for something else. */
export const SECRETS: readonly Detector[] = [
  {
    kind: 'private_key',
    hint: 'PRIVATE',
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S]){0,8000}(?:-{1,5}END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-{0,5})?/g,
  },
  { kind: 'otpauth_uri', words: ['otpauth'], pattern: /otpauth(?:-migration)?:[^\s"'<>]{2,2048}/gi },
  { kind: 'jwt', hint: 'eyJ', pattern: /(?<![\w-])eyJ[\w-]{8,4096}\.[\w-]{4,4096}(?:\.[\w-]{0,4096}){0,3}/g },
  {
    kind: 'bearer_token',
    words: ['bearer', 'dpop', 'ssws', 'negotiate', 'ntlm', 'authorization'],
    pattern:
      /\b(?:bearer|dpop|ssws|negotiate|ntlm|authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:token|api-?key))[ \t:=]{1,5}(?<value>[\w.~+/=-]{8,2048})/gi,
    extent: whole(isToken),
  },
  { kind: 'bearer_token', words: ['basic'], pattern: /\bbasic\s{1,3}(?<value>[A-Za-z0-9+/]{6,512}={0,2})/gi, extent: whole(isBasic) },
  {
    kind: 'api_token',
    pattern: new RegExp(`(?<![A-Za-z0-9])(?:${VENDOR_TOKENS.map(([, form]) => form).join('|')})(?![A-Za-z0-9])`, 'g'),
    // Names of programs begin like them, too.
    extent: whole(
      (value) => (!value.startsWith('00') || isToken(value)) && (!value.startsWith('sk-') || (/[A-Z]/.test(value) && /\d/.test(value))),
    ),
  },
  { kind: 'credential', hint: '://', pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/(?<value>[^\s/:@]{0,128}:[^\s/@]{1,128}@)/gi },
  // In a sentence, behind an option, or between the tags of a document.
  {
    kind: 'credential',
    words: ['pass', 'pwd', 'kennwort'],
    pattern: new RegExp(
      `(?:\\bpass(?:word|phrase|wort|wd)|\\bkennwort|\\bmot de passe|\\bpwd|--password|\\bsshpass -p)(?: (?:for|of) [\\w.@-]{1,40})?\\s{1,3}(?:(?:${SAYS}|->|=>|:=)\\s{1,3})?["'(]{0,2}(?<value>[^\\s"',;)]{6,128})`,
      'gi',
    ),
    extent: whole(isPasswordInWords),
  },
  {
    kind: 'credential',
    words: ['secret', 'token'],
    digits: 2,
    pattern: new RegExp(`\\b(?:secret|token) ${SAYS} ["'(]{0,2}(?<value>[^\\s"',;)]{8,128})`, 'gi'),
    extent: whole((value) => isPasswordInWords(value) && count(value, /\d/g) >= 2),
  },
  {
    kind: 'credential',
    words: ['secret key'],
    digits: 2,
    pattern: /\bsecret key (?<value>[A-Za-z0-9+/=_-]{24,128})(?![\w-])/gi,
    extent: whole((value) => count(value, /\d/g) >= 2 && /[A-Za-z]/.test(value)),
  },
  { kind: 'credential', words: ['secret'], digits: 6, pattern: /\bsecret (?:key )?(?<value>[0-9a-f]{32,64})(?![\w-])/gi },
  { kind: 'credential', words: ['mysql', 'mariadb'], pattern: /\b(?:mysql|mariadb)\w{0,12} [^\n]{0,80}?\s-p(?<value>[^\s'"]{4,128})/g },
  {
    kind: 'credential',
    hint: '</',
    pattern: /<(?:pass(?:word|phrase)|secret|token|api-?key|client-?secret)>\s{0,3}(?<value>[^<\s]{4,512})(?=\s{0,3}<\/)/gi,
  },
  { kind: 'credential', pattern: /(?:^|\s)(?:-u|--user)[ =](?<value>[^\s:]{1,64}:[^\s]{4,128})/g },
  {
    kind: 'credential',
    hint: '=>',
    pattern: new RegExp(`(?:${CREDENTIALS})["']?\\s{0,3}=>\\s{0,3}["']?(?<value>[^\\s"',;]{4,512})`, 'gi'),
    extent: whole((value) => !SAID_INSTEAD.test(value)),
  },
  {
    kind: 'credential',
    words: ['token', 'secret', 'key'],
    digits: 1,
    // In a sentence, with what is random enough to be one.
    pattern:
      /\b(?:(?:access|refresh|id|session|reset|bearer|api|enrollment) token|(?:totp|otp|hotp|client|shared|api) (?:secret|key))(?: is| was)?:? (?<value>[A-Za-z0-9+/_=-]{20,512})(?![\w-])/gi,
    extent: whole((value) => !SAID_INSTEAD.test(value) && count(value, /\d/g) >= 2 && /[A-Za-z]/.test(value)),
  },
  {
    kind: 'credential',
    hint: '/',
    // The end of a link by which a password is set anew or an address confirmed.
    pattern:
      /\/(?:reset|reset-password|password-reset|verify|confirm|activate|magic|invite|recover)\/(?<value>[A-Za-z0-9_-]{20,512})(?![\w-])/gi,
    extent: whole((value) => count(value, /\d/g) >= 2 && /[A-Za-z]/.test(value) && !/^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(value)),
  },
  { kind: 'credential', hint: '"d"', pattern: /"d"\s{0,3}:\s{0,3}"(?<value>[\w-]{32,800})"/g },
  {
    kind: 'credential',
    pattern: /[?&](?:t|key|code|ticket|state_token)=(?<value>[\w.~-]{20,512})/g,
    extent: whole((value) => /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d|[A-Z].*[a-z].*[A-Z].*[a-z].*[A-Z]/.test(value)),
  },
  {
    kind: 'credential',
    words: TOKEN_WORDS,
    digits: 1,
    pattern: new RegExp(`(?<![A-Za-z])(?:${TOKEN_NAMES})(?: id)?\\s{0,3}:?\\s{1,3}["']?(?<value>[\\w.+/=-]{12,512})`, 'gi'),
    extent: whole(
      (value) =>
        (count(value, /\d/g) >= 3 || (value.length >= 20 && isToken(value))) &&
        /[a-z]/i.test(value) &&
        !SAID_INSTEAD.test(value) &&
        // A day, or a setting with its number.
        !/^\d{4}-\d{2}-\d{2}|^[a-z_]{1,40}=\d{1,10}$/i.test(value),
    ),
  },
  {
    kind: 'credential',
    words: CREDENTIAL_WORDS,
    pattern: new RegExp(
      `(?:${CREDENTIALS})(?:\\s{0,3}=|["']\\s{0,3}:)\\s{0,3}(?<quote>["'])(?<value>(?:(?!\\k<quote>)[^\\n]){4,512})(?=\\k<quote>)`,
      'gi',
    ),
    extent: whole((value) => value.includes(' ') && !SAID_INSTEAD.test(value)),
  },
  {
    kind: 'credential',
    words: CREDENTIAL_WORDS,
    pattern: new RegExp(
      `(?:${CREDENTIALS})\\]?(?:\\s{0,3}=\\s{0,3}["']?|["']\\s{0,3}[:=]\\s{0,3}["'])(?<value>[^\\s"',;&}\\])[]{4,512})`,
      'gi',
    ),
    extent: whole((value) => !SAID_INSTEAD.test(value) && !COOKIE_ATTRIBUTE.test(value) && !/^\d{1,10}$/.test(value)),
  },
  {
    kind: 'credential',
    words: CREDENTIAL_WORDS,
    pattern: new RegExp(`(?:${CREDENTIALS})\\s{0,3}:\\s{0,3}["']?(?<value>[^\\s"',;&}\\])[]{4,512})`, 'gi'),
    // After a colon people write sentences.
    extent: whole(
      (value) =>
        !SAID_INSTEAD.test(value) &&
        !COOKIE_ATTRIBUTE.test(value) &&
        !/^\d{1,10}$/.test(value) &&
        (/\d/.test(value) || /[a-z][A-Z]|[^\w.:/-]/.test(value)),
    ),
  },
  {
    kind: 'credential',
    words: TOKEN_WORDS,
    pattern: new RegExp(
      `(?<![A-Za-z])(?:${TOKEN_NAMES})(?:["']?\\s{0,3}=\\s{0,3}["']?|["']\\s{0,3}:\\s{0,3}["'])(?<value>[^\\s"',;&}\\])[]{6,512})`,
      'gi',
    ),
    extent: whole((value) => !SAID_INSTEAD.test(value) && (/\d/.test(value) || value.length >= 16)),
  },
  {
    kind: 'recovery_code',
    hint: '[',
    pattern: /(?:recovery|backup|scratch|emergency)[ _-]?(?:codes?|keys?)["']?\s{0,3}(?:=>?|:)\s{0,3}\[(?<value>[^\][]{4,800})/gi,
    extent: whole((value) => /\d/.test(value)),
  },
  {
    kind: 'recovery_code',
    words: ['phrase'],
    pattern: /(?:recovery|seed|mnemonic|backup)[ _-]?phrase["']?\s{0,3}[:=]?\s{0,3}["']?(?<value>(?:[a-z]{3,8} ){9,23}[a-z]{3,8})/gi,
  },
  {
    kind: 'recovery_code',
    words: ['recovery', 'backup', 'scratch', 'emergency'],
    pattern:
      /\b(?:recovery|backup|scratch|emergency)[ _-]?(?:codes?|keys?)["']?\s{0,3}(?:(?:is|was)\s|=|:)?\s{0,3}["']?(?<value>[a-z]{4,6}(?:-[a-z]{4,6}){2,7}|[A-Z]{4,6}(?:-[A-Z]{4,6}){1,7})(?![\w-])/g,
  },
  {
    kind: 'recovery_code',
    words: ['recovery', 'backup', 'scratch', 'emergency'],
    digits: 1,
    pattern:
      /\b(?:recovery|backup|scratch|emergency)[ _-]?(?:codes?|keys?)(?: for [^\s:]{1,40})?["']?\s{0,3}(?:(?:is|was)\s|=|:|#\d{0,2})?\s{0,3}["']?(?<value>(?=[\w ,-]{0,40}\d)[A-Za-z0-9]{4,40}(?:(?:, ?|[ -])[A-Za-z0-9]{4,40}){0,19})(?![A-Za-z0-9])/gi,
    // Of what follows, the first word without digits of a code ends the codes.
    extent: (value) => /^(?:(?:, ?| )?(?![a-z]{2,40}\d{1,2}(?:[ ,]|$))(?=[A-Za-z-]{0,40}\d)[A-Za-z0-9-]+)+/i.exec(value)?.[0].length ?? 0,
  },
  {
    kind: 'recovery_code',
    words: ['codes'],
    pattern:
      /(?<!\b(?:error|status|exit|reason|response|result|country|area|zip|postal) )\bcodes["']?\s{0,3}[:=]\s{0,3}(?<value>[a-z0-9]{4,6}-[a-z0-9]{4,6}(?:[\s,;]{1,3}[a-z0-9]{4,6}-[a-z0-9]{4,6}){1,19})(?![\w-])/gi,
    extent: whole((value) => /\d/.test(value)),
  },
  {
    kind: 'recovery_code',
    isLook: true,
    hint: '-',
    digits: 2,
    pattern:
      /(?<!\b(?:builds?|commits?|pods?|revision|rolled back|image|digest|replicaset|release|deploy(?:ment)?) )(?<![A-Za-z0-9.:/-])(?:[A-Za-z0-9]{4,6}-){1,7}[A-Za-z0-9]{4,6}(?![A-Za-z0-9-]|[.:/][A-Za-z0-9])/g,
    extent: whole(isRecoveryCode),
  },
  ...ONE_TIME_CODES,
  {
    kind: 'base32_seed',
    pattern: /(?<![A-Za-z0-9+])(?:[A-Z2-7]{16,128}|[a-z2-7]{16,128})={0,6}(?![A-Za-z0-9+=])/g,
    extent: whole(isSeed),
  },
  { kind: 'base32_seed', pattern: /(?<![A-Za-z0-9-])[A-Z2-7]{8}(?:[ -][A-Z2-7]{8}){1,7}(?![A-Za-z0-9-])/g, extent: whole(isSeedOfEights) },
  {
    kind: 'base32_seed',
    words: ['seed', 'secret', 'set-up', 'setup', 'manual'],
    digits: 2,
    pattern:
      /(?:seed|secret|(?:set-?up|manual(?: entry)?|enrollment) key)["']?\s{0,3}[:=]?\s{0,3}["']?(?<value>[A-Za-z2-7]{16,128})(?![A-Za-z0-9+/=])/g,
    extent: whole((value) => count(value, /[2-7]/g) >= 2),
  },
  {
    kind: 'base32_seed',
    words: ['key'],
    pattern:
      /(?:set-?up|manual(?: entry)?|enrollment) key["']?\s{0,3}[:=]?\s{0,3}["']?(?<value>[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,31})(?![A-Za-z0-9-])/gi,
  },
  {
    kind: 'base32_seed',
    pattern: /(?<![A-Za-z0-9._:-])[A-Z2-7]{4}(?:[._:][A-Z2-7]{4}){3,31}(?![A-Za-z0-9-]|[._:][A-Za-z0-9])/g,
    extent: whole(isGroupedSeed),
  },
  {
    kind: 'base32_seed',
    pattern: /(?<![A-Za-z0-9-])(?:[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,31}|[a-z2-7]{4}(?:[ -][a-z2-7]{4}){3,31})(?![A-Za-z0-9-])/g,
    extent: whole(isGroupedSeed),
  },
];
