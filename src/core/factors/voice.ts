/** Codes read out in a call: restricted by NIST SP 800-63B-4 section 3.2.9. */
import { delivered } from './delivered.ts';
import { CANARY_PHONE, phoneFor, TELEPHONE } from './phone.ts';

export const voice = delivered({
  channel: 'voice',
  field: 'phone',
  destination: phoneFor([]),
  traits: { assurance: 2, restriction: TELEPHONE },
  canary: CANARY_PHONE,
});
