/** Prints messages where Muster runs: for the demo, and to try things out. */
import { z } from 'zod';
import { type ProviderKind, providerFields } from './provider.ts';

const settings = z.strictObject({ kind: z.literal('console'), ...providerFields('sms', 'voice', 'email') });

export const consoleProvider: ProviderKind<typeof settings> = {
  settings,
  open: async (_, { print }) => ({
    async send({ id, channel, to, text }) {
      print(`${channel} to ${to}: ${text}`);
      return { reference: id };
    },
  }),
};
