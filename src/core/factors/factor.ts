/** What a factor is: a file beside this one, and a line in index.ts. Factors are pure; whoever calls them stores, sends and tells. */
import type { z } from 'zod';
import type { Statements } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';

/** What a factor keeps of itself, as JSON: sealed wherever it is stored. */
export type Kept = Record<string, unknown>;

/** What a factor may need of its surroundings. */
export interface Surroundings {
  /** Of the enrollment, or of the factor that is used. */
  id: string;
  /** As the host application names the person. */
  user: string;
  nowMs: number;
  random: (bytes: number) => Buffer;
  vault: Pick<Vault, 'pepper'>;
}

/** What an enrollment begins with. */
export interface Beginning extends Surroundings {
  /** Who the account is with, in an authenticator app. */
  issuer: string;
  /** How often the person has begun to set up a factor of the type before. */
  setUps: number;
}

/** A code on its way to a person. */
export interface Message {
  channel: Channel;
  to: string;
  code: string;
  /** Which code of this enrollment it is, from 1. */
  number: number;
}
export type Channel = 'sms' | 'voice' | 'email';

/** A challenge: what is kept, what is shown, once, and what is sent. */
export interface Challenge {
  kept: Kept;
  /** Fields of `challenge` in the answer. */
  shown: Record<string, unknown>;
  message?: Message;
}

/** Another challenge: what it does to what is kept is applied to what is kept by then, which may have moved on. */
export interface Renewal extends Omit<Challenge, 'kept'> {
  apply(kept: Kept): Kept;
}

export type ProofResult =
  | { isRight: true; kept: Kept }
  | {
      isRight: false;
      /** As the events name it. */
      code: string;
      /** What the person can do, or undefined where there is nothing to say but that it is wrong. */
      hint?: string;
      /** Fields beside it in the answer. */
      fields?: Record<string, unknown>;
      /** What is kept from now on, where a wrong proof uses something up. */
      kept?: Kept;
      /** The person said that it was not them. */
      isDenied?: true;
      /** Ends the challenge: there is no second guess. */
      isFinal?: true;
    };

/** What a proof is for: to bind the factor of an enrollment, or to log in with it. */
export type Use = 'bind' | 'log in';

/** How far a factor goes, by NIST SP 800-63B-4. */
export interface Traits {
  /** Highest assurance level to which it can contribute, together with a password. */
  assurance: 1 | 2 | 3;
  /** Why it is only for who has nothing better, in words for whoever takes it: over the telephone network (section 3.2.9), or by e-mail (3.1.3.1). */
  restriction?: string;
  /** Channel by which its codes reach the person. */
  channel?: Channel;
}

/** Stands in for a person and a device, so that the synthetic canary can enroll the factor. */
export interface Device {
  /** Fields of the start. @param newToken brings a hardware token in, which the device then holds; returns its serial number */
  options?(newToken: (secretHex: string) => Promise<string>): Promise<Record<string, unknown>>;
  /** Proves what a challenge asks for. @param about.code the one that was sent, if any */
  prove(challenge: Record<string, unknown>, about: { id: string; code: string | undefined; nowMs: number }): Record<string, unknown>;
}

/** @throws MusterError for what the options ask and the factor does not do */
export interface Factor<Options = Record<string, unknown>, Proof = Record<string, unknown>> {
  traits: Traits;
  /** Fields of the start of an enrollment, beside those that every factor has. */
  options: z.ZodObject;
  proof: z.ZodType<Proof>;
  /** What its challenges show, as the answer has it; not every one shows all of it. */
  shown: z.ZodObject;
  /** What must be there before an enrollment may begin, and comes to `begin`. */
  reserve?(options: Options, statements: Statements, vault: Pick<Vault, 'open'>): Promise<Kept | undefined>;
  /** The first challenge of an enrollment. */
  begin(options: Options, beginning: Beginning, reserved?: Kept): Challenge;
  /** Another challenge: a code sent again, or one to log in with. Absent where the device makes codes by itself. */
  again?(kept: Kept, surroundings: Surroundings): Renewal;
  /**
   * What of a proof has to be waited for: outside of the transaction, by what was kept when the row was read. It is done again when the row has
   * moved on by the time of its lock.
   */
  check?(kept: Kept, proof: Proof, surroundings: Surroundings, use: Use): Promise<unknown>;
  /**
   * Whether a proof is right; inside of the transaction, so it waits for nothing. Also used to log in: `lastStep` and the like are in `kept`.
   * @param checked what `check` came to
   */
  verify(kept: Kept, proof: Proof, surroundings: Surroundings, use: Use, checked?: unknown): ProofResult;
  /** In the transaction that binds it. Returns why that cannot be any more, in words for the person. */
  bound?(statements: Statements, kept: Kept, factorId: string): Promise<string | undefined>;
  /** In the transaction in which a bound one ends for good. */
  released?(statements: Statements, factorId: string): Promise<void>;
  /** What it keeps is of use after its end. */
  isKeptAfterEnd?: true;
  /** Event that tells of what else came with it. */
  alsoEmits?: 'recovery.codes_issued';
  canary: Device;
  /** What makes two factors the same thing: the number, the key. */
  identity(kept: Kept): string;
  /** What the QR code of an enrollment holds. */
  uri?(kept: Kept, user: string): string;
  /** What may be shown of an enrolled one, so that its owner knows it. */
  describe?(kept: Kept): Record<string, unknown>;
}
