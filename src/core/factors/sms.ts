/** Codes by SMS: restricted by NIST SP 800-63B-4 section 3.2.9. */
import { delivered } from './delivered.ts';
import { CANARY_PHONE, phoneFor, TELEPHONE } from './phone.ts';

export const sms = delivered({
  channel: 'sms',
  field: 'phone',
  destination: phoneFor(['FIXED_LINE']),
  traits: { assurance: 2, restriction: TELEPHONE },
  canary: CANARY_PHONE,
});
