/** What a sender of deliveries is: how it proves that it is the one that was set up, and which records are in what it sends. */
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { MusterError } from '../../errors.ts';

/** A delivery as it came: names of headers in small letters, the body as its bytes. */
export interface Delivery {
  headers: Readonly<Record<string, string | undefined>>;
  body: Buffer;
}

export interface Sender {
  /** The source that its records are read as. */
  readonly product: string;
  /** What it is set up with on its side, for the docs. */
  readonly proof: string;
  /** @throws MUSTER_UNAUTHORIZED for a delivery that is not of who has the secret, or too old */
  verify(delivery: Delivery, secret: string, nowMs: number): void;
  /** The records in a body that has been verified and read. */
  records(body: unknown): unknown[];
  /** What names a delivery, where its proof covers that: the same is not read twice. */
  idOf?(delivery: Delivery): string | undefined;
  /** The answer to a sender that asks, before it sends anything, whether it is awaited here. */
  handshake?(headers: Delivery['headers']): object | undefined;
}

/** How far a sender's clock may be off (Standard Webhooks, "Timestamp"). */
const MAX_AGE_MS = 5 * 60_000;

const refused = (problem: string) => new MusterError('MUSTER_UNAUTHORIZED', problem);

/** Whether two texts are the same, in a time that says nothing of where they differ. */
export const isSame = (given: string, expected: string): boolean =>
  timingSafeEqual(Buffer.from(hash('sha256', given), 'hex'), Buffer.from(hash('sha256', expected), 'hex'));

/** The secret itself, in a header. */
export function secretIn(header: string): Sender['verify'] {
  return ({ headers }, secret) => {
    const given = headers[header];
    if (given === undefined) throw refused(`${header}: is missing; the sender has to send its secret there`);
    if (!isSame(given, secret)) throw refused(`${header}: is not the secret of this source`);
  };
}

/** HMAC-SHA256 of the body in a header, in hexadecimal digits behind a prefix. */
export function signedIn(header: string, prefix: string): Sender['verify'] {
  return ({ headers, body }, secret) => {
    const given = headers[header];
    if (given === undefined) throw refused(`${header}: is missing; the sender has to sign what it sends`);
    if (!isSame(given, `${prefix}${createHmac('sha256', secret).update(body).digest('hex')}`))
      throw refused(`${header}: does not sign this body with the secret of this source`);
  };
}

/** That a moment, of a header, is not long ago nor ahead. @param ms since 1970 */
export function assertRecent(header: string, ms: number, nowMs: number): void {
  if (!(Math.abs(nowMs - ms) <= MAX_AGE_MS)) throw refused(`${header}: is not within five minutes of now`);
}

/** HMAC-SHA256 of some parts one after the other, as base64. */
export function signatureOf(key: string | Buffer, ...parts: (string | Buffer)[]): string {
  const signing = createHmac('sha256', key);
  for (const part of parts) signing.update(part);
  return signing.digest('base64');
}

/** One record, or each of a list. */
export const oneOrMany = (body: unknown): unknown[] => (Array.isArray(body) ? (body as unknown[]) : [body]);
