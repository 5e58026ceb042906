/** What a provider of messages is: a file beside this one, and a line in index.ts. */
import { z } from 'zod';
import type { Channel } from '../factors/factor.ts';

/** A message on its way. */
export interface Outgoing {
  /** Of this one send: the same when it is tried again, so that a provider that can tells it from a new one. */
  id: string;
  channel: Channel;
  to: string;
  code: string;
  /** With the code in it. */
  subject: string;
  text: string;
}

/** Accepted is not delivered: what becomes of it comes later, if at all. */
export interface Accepted {
  /** The provider's own id of the message. */
  reference: string;
}

export type ProviderErrorClass = 'provider' | 'validation' | 'policy' | 'rate_limit' | 'internal';

/** A provider did not take a message. */
export class ProviderError extends Error {
  readonly errorClass: ProviderErrorClass;
  /** As the provider names it; up to 128 characters. */
  readonly code: string;
  constructor(errorClass: ProviderErrorClass, code: string, cause?: unknown) {
    super(`${errorClass}: ${code}`, cause === undefined ? undefined : { cause });
    this.name = 'ProviderError';
    this.errorClass = errorClass;
    this.code = code.slice(0, 128);
  }
}

export interface Provider {
  /** @throws ProviderError; anything else is a failure of the provider */
  send(message: Outgoing, signal: AbortSignal): Promise<Accepted>;
}

/** Fields of a provider in the settings that can bring these channels. */
export const providerFields = <C extends Channel>(...able: [C, ...C[]]) => ({
  /** Name in events, metrics and alerts. @default the kind */
  name: z.string().min(1).max(64).optional(),
  channels: z.array(z.enum(able)).min(1),
  /** Where it is: the first choice for people of the same region. @default '' */
  region: z.string().max(64).default(''),
  /** What a message costs, by channel. @default 0 */
  cost: z.partialRecord(z.enum(able), z.number().min(0)).default({}),
  /** Seconds for one try. @default 5 */
  timeout: z.number().min(0.1).max(60).default(5),
});

/** A secret in the settings: the file that holds it, as mounted by whoever keeps secrets. */
export const secretFile = z.string().min(1).describe('path of a file that holds the secret');

/** What an adapter is made with. */
export interface ProviderDeps {
  /** Content of a secret's file, without the line's end. */
  secret: (path: string) => Promise<string>;
  /** For the console. */
  print: (line: string) => void;
}

/** A kind of provider: its settings, and how one is made. */
export interface ProviderKind<Settings extends z.ZodType = z.ZodType> {
  settings: Settings;
  open(settings: z.infer<Settings>, deps: ProviderDeps): Promise<Provider>;
}
