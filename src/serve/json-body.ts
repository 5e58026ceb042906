/** The JSON body of a request to a route of Express, read as intake reads its own: bounded while it comes, and valid UTF-8 to the last byte. */
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { jsonValue } from '../collect/intake/parse.ts';
import { MusterError } from '../errors.ts';
import { drain, readBody } from './body.ts';

/** Whether a request says that it has a body (RFC 9112 section 6). */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Puts the body into `request.body`; without one that stays undefined.
 * @throws MUSTER_BODY_TOO_LARGE, MUSTER_BAD_JSON, MUSTER_UNSUPPORTED_TYPE for another character set, or packed in another way than by gzip
 */
export const jsonBody =
  (maxBytes: number): RequestHandler =>
  async (request, _response, next) => {
    if (!hasBody(request)) return next();
    try {
      if (!request.is('application/json'))
        throw new MusterError(
          'MUSTER_UNSUPPORTED_TYPE',
          "Content-Type: expected application/json (curl: -H 'content-type: application/json')",
        );
      const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
      if (charset !== undefined && !/^utf-?8$/i.test(charset))
        throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Type: expected no charset but utf-8');
      const { bytes } = await readBody(request, { maxBytes, form: 'json', scannedFrom: 0 });
      if (bytes.length > 0) request.body = jsonValue(bytes);
      next();
    } catch (error) {
      drain(request);
      next(error);
    }
  };
