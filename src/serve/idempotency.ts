/** The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header), and what makes two requests the same. */
import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { MusterError } from '../errors.ts';
import { canonicalJson } from '../system/canonical-json.ts';

const MAX_LENGTH = 255;
/** A String of RFC 8941 section 3.3.3, with parameters that are passed over. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"(?:\s*;.*)?$/;
/** As most clients send it. */
const BARE = /^[\x21\x23-\x2b\x2d-\x7e][\x21-\x2b\x2d-\x7e]*$/;

/**
 * The key of a request, or undefined without one.
 * @throws MUSTER_BAD_ARGUMENT when it is none
 */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const key = BARE.test(header) ? header : QUOTED.exec(header)?.[1]?.replace(/\\(["\\])/g, '$1');
  if (key !== undefined && key.length > 0 && key.length <= MAX_LENGTH) return key;
  throw new MusterError(
    'MUSTER_BAD_ARGUMENT',
    `Idempotency-Key: expected 1 to ${MAX_LENGTH} visible ASCII characters, quoted or bare, and one key`,
  );
}

/** Of method, path and body; members of JSON in another order are the same. */
export const fingerprintOf = ({ method, originalUrl, body }: Pick<Request, 'method' | 'originalUrl' | 'body'>): string =>
  createHash('sha256')
    .update(`${method}\0${originalUrl}\0${canonicalJson(body ?? null)}`)
    .digest('hex');
