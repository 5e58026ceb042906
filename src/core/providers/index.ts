/** The kinds of providers. One line here, and one file beside it, is a kind. */
import { z } from 'zod';
import { consoleProvider } from './console.ts';
import type { ProviderKind } from './provider.ts';
import { smtp } from './smtp.ts';
import { sns } from './sns.ts';
import { twilio } from './twilio.ts';
import { vonage } from './vonage.ts';

const REGISTRY = { twilio, vonage, sns, smtp, console: consoleProvider };

export const providerSchema = z.discriminatedUnion('kind', [
  twilio.settings,
  vonage.settings,
  sns.settings,
  smtp.settings,
  consoleProvider.settings,
]);
export type ProviderSettings = z.infer<typeof providerSchema>;

/** Its settings were checked by its own schema before they get there. */
export const PROVIDER_KINDS = REGISTRY as unknown as Readonly<Record<ProviderSettings['kind'], ProviderKind>>;
