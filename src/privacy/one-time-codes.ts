/** Codes that are sent or shown once: by their names, and by what people say became of them. Numbers that name an error are none. */
import { type Detector, whole } from './detector.ts';

/** What a code that is sent or shown is called. */
const CODE_NAMES =
  '[th]?otp(?:[ _-]?(?:codes?|value|input|token))?|pin(?:code)?|m?tan|puk|einmalpasswort|c[óo]digo|codice|passcode(?: entered)?|(?:verif(?:y|ication)|confirm(?:ation)?|activation|access|enrollment|reset|pairing|authenticator|security|login|one[- ]?time|2-step|sms|mfa|2fa|auth(?:entication)?)[ _-]?(?:code|pin|passcode|password)|(?:best[äa]tigungs|sicherheits|einmal|verifizierungs|anmelde|freischalt)code|code de (?:v[ée]rification|s[ée]curit[ée])|c[óo]digo de (?:verificaci[óo]n|seguridad)|codice di (?:verifica|sicurezza)|verificatiecode|mfa\\[code';
/** Eight digits that are a day. */
const IS_DATE = /^20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/;
/** What is said between the name of a code or password and the thing itself. */
const GIVES = String.raw`(?:\s{0,3}(?:=>|->|:=|=|:|#)\s{0,3}|\s{1,3}(?:is|was|of):?\s{1,3})`;
/** As people say what became of a code. */
const VERDICT =
  '(?:did not match|does not match|(?:was|is) (?:not )?(?:rejected|refused|wrong|used|accepted|expired|invalid|valid|incorrect)|rejected|refused|mismatch|wrong|invalid|incorrect|expired|ung[üu]ltig|falsch|abgelaufen|abgelehnt|inv[áa]lido|incorrecto|invalide|erron[ée])';
/** Numbers behind these name an error. */
const NOT_OF_ERRORS = String.raw`(?<!\b(?:error|status|response|result|exit|reason|return|failure|sub|vendor|native|sql|country|zip|postal|area|fault) )`;

export const ONE_TIME_CODES: readonly Detector[] = [
  {
    kind: 'one_time_code',
    digits: 4,
    pattern: new RegExp(
      `(?<![A-Za-z])(?:${CODE_NAMES})(?: (?:for|of) [^\\s:]{1,40})?["'\\]]?(?:${GIVES}|\\s{0,3}[[(<\`/—–]\\s{0,3}|>)["'<\`]?(?<value>\\d(?:[ -]?\\d){3,9})(?![\\w-])`,
      'gi',
    ),
    extent: whole((value) => !IS_DATE.test(value)),
  },
  // Without anything in between, shorter numbers are counts, years and codes of errors.
  {
    kind: 'one_time_code',
    digits: 4,
    pattern: new RegExp(
      `(?<![A-Za-z])(?:${CODE_NAMES})\\s{1,3}["']?(?<value>\\d{6,8}|\\d{3}[ -]\\d{3})(?![\\w-]| (?:ms|s|sec|seconds|exceeded|users|bytes|times)\\b)`,
      'gi',
    ),
    extent: whole((value) => !IS_DATE.test(value)),
  },
  {
    kind: 'one_time_code',
    words: ['user code', 'device code'],
    pattern:
      /(?<![A-Za-z])(?:user|device) code["']?\s{0,3}[:=]?\s{0,3}["']?(?<value>[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4})(?![\w-])/g,
  },
  {
    kind: 'one_time_code',
    digits: 4,
    pattern:
      /\b(?:wrong|invalid|incorrect|bad|right|correct|entered|typed|submitted|expired) code["']?\s{0,3}[:=]?\s{0,3}["']?(?<value>\d{6}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  {
    kind: 'one_time_code',
    digits: 4,
    pattern:
      /\b(?:submitted|entered|typed|expected|use) (?<value>\d{6})(?= (?:expected|to sign in|to log in|as (?:(?:your|the|a) )?code)|(?![\w -]))/gi,
  },
  { kind: 'one_time_code', digits: 4, pattern: /\b[A-Z]-(?<value>\d{6})(?= is your )/g },
  // As people say that it did not work, or what it is for, in some languages.
  {
    kind: 'one_time_code',
    digits: 4,
    pattern: new RegExp(
      `${NOT_OF_ERRORS}\\b(?:code|token|otp|passcode|pin|sicherheitscode) ["'(<[]{0,2}(?<value>\\d{6}|\\d{3}[ -]\\d{3})(?=["')>\\]]{0,2},? ${VERDICT}(?![a-z]))`,
      'gi',
    ),
  },
  {
    kind: 'one_time_code',
    digits: 4,
    // Shorter ones behind names that no error has.
    pattern: new RegExp(`\\b(?:otp|passcode|pin|tan) ["'(<[]{0,2}(?<value>\\d{4,8})(?=["')>\\]]{0,2},? ${VERDICT}(?![a-z]))`, 'gi'),
  },
  // Codes of errors of Entra and others begin with 5 or 7.
  {
    kind: 'one_time_code',
    digits: 4,
    pattern: new RegExp(`${NOT_OF_ERRORS}\\b(?:code|token) (?:is|was) (?<value>[0-4689]\\d{5})(?![\\w-])`, 'gi'),
  },
  { kind: 'one_time_code', digits: 4, pattern: /\b(?:entered|typed|submitted) (?<value>\d{4,8})(?= as (?:the |a )?(?:pin|code|otp))/gi },
  {
    kind: 'one_time_code',
    digits: 12,
    pattern: /\bexpected (?<value>["'(<]{0,2}\d{6}["')>]{0,2},? (?:but )?(?:got|received|was) ["'(<]{0,2}\d{6})(?![\w.-]| [a-z])/gi,
  },
  {
    kind: 'one_time_code',
    digits: 4,
    pattern:
      /\b(?:use|enter|type) (?<value>\d{6,8}|\d{3}[ -]\d{3})(?= to (?:verify|confirm|sign in|log in|reset|activate|enroll|access|continue))/gi,
  },
  {
    kind: 'one_time_code',
    digits: 4,
    pattern:
      /\b(?:Ihr|dein|Ihre?n?|votre|ton|su|tu|il tuo|seu|uw|je) (?:[a-zäöüß-]{1,20})?(?:code|código|codice|pin|tan)(?: [a-zäöüéèçã-]{1,20}){0,3} (?:lautet|ist|est|es|è|é|is)[ :]{1,2}(?<value>\d{4,8}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  { kind: 'one_time_code', digits: 4, pattern: /(?<![\w-])\d{6,8}(?= (?:ist (?:Ihr|dein)|is [\w.@-]{1,40}(?:'s|’s)) code)/gi },
  { kind: 'one_time_code', digits: 4, pattern: /(?<![\w-])(?:\d{6,8}|\d{3}[ -]\d{3})(?= is (?:your|the) )/gi },
  {
    kind: 'one_time_code',
    digits: 4,
    pattern:
      /\b(?:your|this|enter(?:ed)?|use|using|typed|sent) (?:(?!(?:error|status|response|result|exit|reason|return|failure|sub|vendor|native|sql|country|zip|postal|area|fault) )[a-z]{1,16} )?code["']?\s{0,3}(?:is|was|=|:)?\s{0,3}["']?(?<value>\d{6,8}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  // Codes of eight digits and the like are codes of errors, too.
  {
    kind: 'one_time_code',
    digits: 4,
    pattern:
      /\bthe (?:(?!(?:error|status|response|result|exit|reason|return|failure|sub|vendor|native|sql|country|zip|postal|area|fault) )[a-z]{1,16} )?code["']?\s{0,3}(?:is|was|=|:)?\s{0,3}["']?(?<value>\d{6}|\d{3}[ -]\d{3})(?![\w-])/gi,
  },
  {
    kind: 'one_time_code',
    digits: 4,
    // The same of a name alone, with the number in quotes or not.
    pattern:
      /(?<!(?:error|status|response|result|exit|reason|http|sub|vendor|provider|native|sql|country|zip|postal|area|fault|return|failure)[ _-]?)\bcode(?:: |=['"]|: ['"])(?<value>[0-4689]\d{5})(?![\w-])/gi,
  },
  { kind: 'one_time_code', hint: '</', pattern: /<(?:code|otp|totp|pin)>(?<value>\d{4,8})(?=<\/)/gi },
  { kind: 'one_time_code', digits: 4, pattern: /["']code["']\s{0,3}:\s{0,3}["'](?<value>\d{6,8})(?=["'])/gi },
  // As a number; codes of errors of Entra and others begin with 5 or 7.
  { kind: 'one_time_code', digits: 4, pattern: /["']code["']\s{0,3}:\s{0,3}(?<value>[0-4689]\d{5})(?![\d.])/gi },
  {
    kind: 'one_time_code',
    digits: 4,
    // Codes of errors of Entra and others begin with 5 or 7.
    pattern:
      /(?<!(?:error|status|response|result|exit|reason|http|sub|vendor|provider|native|sql|country|zip|postal|area|fault|return|failure)[ _-]?)\bcode=(?<value>[0-4689]\d{5,7})(?![\w-])/gi,
  },
];
