/** Phone numbers to which codes may go, in E.164. */
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { z } from 'zod';

type Kind = ReturnType<NonNullable<ReturnType<typeof parsePhoneNumberFromString>>['getType']>;

/** NIST SP 800-63B-4 section 3.2.9: who takes a restricted factor is told so. */
export const TELEPHONE = 'codes over the telephone network can be intercepted, or the number taken over: prefer an app or a security key';
/** A number that is the canary's. */
export const CANARY_PHONE = '+31612345678';

/** Numbers that cost their caller, or belong to nobody in particular. */
const REFUSED = new Set<Kind>(['PREMIUM_RATE', 'SHARED_COST', 'TOLL_FREE', 'UAN', 'PAGER', 'VOICEMAIL', 'VOIP']);

/** @param unreachable kinds that the channel does not reach */
export const phoneFor = (unreachable: readonly Kind[]) =>
  z
    .string()
    .max(32)
    .transform((text, context): string => {
      const number = parsePhoneNumberFromString(text.normalize('NFKC'));
      const kind = number?.getType();
      if (!number?.isValid())
        context.addIssue({ code: 'custom', message: 'expected a phone number with its country, such as +31 6 12345678' });
      else if (REFUSED.has(kind) || unreachable.includes(kind))
        context.addIssue({
          code: 'custom',
          message: `a number of the kind ${String(kind).toLowerCase()} cannot be enrolled here; take a mobile number`,
        });
      return number?.number ?? '';
    });

/** Who pays for a range of numbers: the country code and three digits, by which pumping shows. */
export const prefixOf = (to: string): string => {
  const number = parsePhoneNumberFromString(to);
  return number ? `+${number.countryCallingCode}${number.nationalNumber.slice(0, 3)}` : '';
};

/** ISO 3166-1 alpha-2 of a number, or undefined. */
export const countryOf = (to: string): string | undefined => parsePhoneNumberFromString(to)?.country;
