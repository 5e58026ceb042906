/** What points to a person wherever it stands: addresses, accounts, numbers. Names of people cannot be told from words, and are not looked for. */
import { isIPv4, isIPv6 } from 'node:net';
import parsePhoneNumber from 'libphonenumber-js/min';
import validator from 'validator';
import { type Detector, whole } from './detector.ts';

/** Of a match, the longest start that ends with a group and is an account: what follows it may be a word. */
function ibanExtent(match: string): number {
  for (let end = match.length; end >= 15; end = Math.max(match.lastIndexOf(' ', end - 1), match.lastIndexOf('-', end - 1))) {
    if (validator.isIBAN(match.slice(0, end).replace(/[ -]/g, ''))) return end;
  }
  return 0;
}

/** An address of IPv6 rather than names joined by colons, as in `std::vector` and `abc::def`. */
export const isAddress6 = (match: string) =>
  isIPv6(match) &&
  /\d/.test(match) &&
  (match.split(':').filter(Boolean).length >= 3 || /^(?:::|fe80|f[cd][0-9a-f]{2}|2[0-9a-f]{3})/i.test(match));

const isPrivate = (address: string) => /^(?:10|127|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\./.test(address);

/** Whether digits behind + or 00 could be a number of the plan of their country. */
export const isInternational = (match: string) => parsePhoneNumber(`+${match.replace(/^00|\D/g, '')}`)?.isPossible() === true;
const hasDigits = (match: string, from: number, to: number) => {
  const digits = match.replace(/\D/g, '').length;
  return digits >= from && digits <= to;
};

/** Numbers of papers and orders look like those of phones and cards. */
const NOT_OF_PAPERS = String.raw`(?<!\b(?:invoice|order|ticket|case|receipt|booking|shipment|contract|rechnung|bestellung|(?:customer |order )?reference)(?:[ _-]?(?:no\.?|nr\.?|number))?[ .:=#-]{1,3})`;
/** Three numbers behind these are figures. */
const NOT_OF_FIGURES = String.raw`(?<!\b(?:codes?|latenc(?:y|ies)|range|status(?:es)?|errors?|https?|buckets?|sizes?|counts?|ports?|percentiles?)[ :=]{1,2})`;
/** Four numbers behind these are a version. */
const NOT_A_VERSION = String.raw`(?<!\b(?:version|ver\.|release|build|jdk|jre|[Ff]irmware|AnyConnect|Verify|OID|upgraded?(?: from)?|updated?(?: from)?)[ :=]{1,2}|from \d{1,3}(?:\.\d{1,3}){3} to |\bv|\b[A-Z][A-Za-z]{2,20}/|version \d{1,3}(?:\.\d{1,3}){1,3} to )`;

export const PERSONAL: readonly Detector[] = [
  { kind: 'email', hint: '"@', pattern: /"[^"\n]{1,64}"@(?:[\p{L}\p{M}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu },
  {
    kind: 'email',
    words: ['&#64;', '&#x40;', '&commat;', '\\x40', '\\u{40}', '(at)', '[at]'],
    pattern:
      /[\p{L}\p{N}._%+'-]{1,64}(?:&#(?:64|x40);|&commat;|\\x40|\\u\{40\}| ?[[(](?:at|AT)[\])] ?)(?:[\p{L}\p{N}-]{1,63}(?:\.| ?[[(]dot[\])] ?)){1,8}\p{L}{2,24}/gu,
  },
  {
    kind: 'email',
    words: [' dot '],
    pattern: /[\p{L}\p{N}._%+'-]{1,64} at (?:[\p{L}\p{N}-]{1,63}(?:\.| dot )){0,4}[\p{L}\p{N}-]{1,63} dot \p{L}{2,24}(?![\p{L}\p{N}])/gu,
  },
  { kind: 'email', hint: '@', pattern: /[\p{L}\p{M}\p{N}._%+'-]{1,64}@(?:[\p{L}\p{M}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu },
  {
    kind: 'iban',
    digits: 6,
    pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])/g,
    extent: ibanExtent,
  },
  {
    kind: 'card_number',
    digits: 12,
    pattern: /(?<![\w.-])\d{4}(?:[ -]\d{4}){2,3}(?:[ -]\d{1,3})?(?![\w-])/g,
    extent: whole((match) => validator.isCreditCard(match.replace(/[ -]/g, ''))),
  },
  {
    kind: 'card_number',
    digits: 12,
    isLook: true,
    pattern: new RegExp(String.raw`${NOT_OF_PAPERS}(?<![\w.-])\d(?:[ -]?\d){13,18}(?![\w-])`, 'gi'),
    extent: whole((match) => validator.isCreditCard(match.replace(/[ -]/g, ''))),
  },
  {
    kind: 'ip_address',
    digits: 4,
    hint: '.',
    pattern: new RegExp(String.raw`${NOT_A_VERSION}(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)`, 'g'),
    extent: whole(isIPv4),
  },
  // In names of hosts; those of private networks are machines.
  {
    kind: 'ip_address',
    digits: 4,
    hint: '-',
    pattern: /(?<![\w-])(?:ip-\d{1,3}(?:-\d{1,3}){3}(?![\w-])|\d{1,3}(?:-\d{1,3}){3}(?=\.[a-z][\w-]{0,62}\.[a-z]))/gi,
    extent: whole((match) => {
      const address = match.replace(/^ip-/i, '').replaceAll('-', '.');
      return isIPv4(address) && !isPrivate(address);
    }),
  },
  {
    kind: 'ip_address',
    hint: ':',
    pattern: /(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])/gi,
    extent: whole(isAddress6),
  },
  {
    kind: 'phone',
    digits: 7,
    pattern: new RegExp(String.raw`${NOT_OF_PAPERS}(?<![\w+])(?:\+|00)\s?\(?[1-9](?:[ ()./-]{0,3}\d){6,14}(?![\w-])`, 'gi'),
    extent: whole(isInternational),
  },
  // As people write numbers of North America, and national ones with their leading 0.
  {
    kind: 'phone',
    digits: 7,
    isLook: true,
    pattern: new RegExp(String.raw`${NOT_OF_FIGURES}(?<![\w.+-])(?:1[ .-])?\(?[2-9]\d{2}\)?[ .-]{1,2}[2-9]\d{2}[ .-]\d{4}(?![\w-])`, 'gi'),
  },
  { kind: 'phone', digits: 7, pattern: /(?<![\w.+-])(?:1[ .-])?\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]?\d{4}(?![\w-])/g },
  // An area code in brackets, and the rest in two parts.
  { kind: 'phone', digits: 7, pattern: /(?<![\w.+-])\(\d{2,4}\)[ .-]{0,2}\d{3,5}[ .-]\d{4}(?![\w-])/g },
  {
    kind: 'phone',
    digits: 7,
    isLook: true,
    pattern: new RegExp(String.raw`${NOT_OF_PAPERS}(?<![\w.+:-])\(?0[1-9]\d{1,4}\)?(?:[ /-]{1,3}\d{2,9}){1,5}(?![\w-])`, 'gi'),
    extent: whole((match) => hasDigits(match, 9, 13)),
  },
  // Pairs of digits, as in France.
  { kind: 'phone', digits: 7, isLook: true, pattern: /(?<![\w.+:-])0[1-9](?:[ -]\d{2}){4}(?![\w-]|[ -]\d)/g },
  {
    kind: 'phone',
    digits: 7,
    isLook: true,
    pattern: /(?<![\w.+:-])0[1-9]\d{0,3}(?:\.\d{2,4}){2,4}(?![\w.-])/g,
    extent: whole((match) => hasDigits(match, 9, 11)),
  },
  { kind: 'phone', digits: 7, isLook: true, pattern: new RegExp(String.raw`${NOT_OF_PAPERS}(?<![\w.+:-])0[1-9]\d{8,9}(?![\w-])`, 'gi') },
  {
    kind: 'phone',
    digits: 7,
    pattern:
      /\b(?:phone|mobile|cell|msisdn|tel(?:efon)?|rufnummer|handy|whatsapp|sms|sms (?:sent )?to|callto|texted|destination|recipient|wa\.me)(?:[ _-]?(?:no|number|nr))?["'.]?(?:\s{0,3}[=:#/]\s{0,3}| (?:is |\()?)["'(]?(?<value>\d(?:[ ()./-]?\d){6,14})(?![\w-]| (?:users|devices|enrollments|requests|overloaded))/gi,
  },
];
