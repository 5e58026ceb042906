/** Codes by e-mail: no authenticator by NIST SP 800-63B-4 section 3.1.3.1, since whoever has the mailbox has it; it proves an address. */
import validator from 'validator';
import { z } from 'zod';
import { CANARY_DOMAIN, delivered } from './delivered.ts';

const address = z
  .string()
  .max(254)
  .transform((text) => text.normalize('NFKC').trim().toLowerCase())
  .refine((text) => validator.isEmail(text), 'expected an e-mail address, such as ada@example.org');

export const email = delivered({
  channel: 'email',
  field: 'address',
  destination: address,
  traits: { assurance: 1, restriction: 'whoever can open the mailbox has the code: prefer an app or a security key' },
  canary: `canary@${CANARY_DOMAIN}`,
});
