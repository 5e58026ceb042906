/** Errors as clients see them: problem details (RFC 9457) with our code, and never the words of an unknown error. */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { MusterError } from '../errors.ts';

/** A client should come back this soon; the OpenTelemetry SDK gives up on longer waits. */
const RETRY_AFTER_SECONDS = 1;

export interface Problem {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** Its body, for the OpenAPI document. */
export const problemBody = z.looseObject({
  type: z.string().describe('urn:muster:problem: and the code in small letters'),
  title: z.string(),
  status: z.number().int(),
  code: z.string().describe('MUSTER_…; docs/errors.md lists them'),
  detail: z.string(),
});

/** The answer to an error. An unknown one is told to `onDefect` under the id that the client sees. */
export function problemOf(error: unknown, onDefect: (message: string) => void): Problem {
  const known = error instanceof MusterError ? error : fromExpress(error);
  const requestId = randomUUID();
  if (!known) onDefect(`request ${requestId} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  const told =
    known ?? new MusterError('MUSTER_INTERNAL', `something went wrong inside Muster; its log has the details under request ${requestId}`);
  const { kind, retryAfterSeconds } = told;
  return {
    status: kind.status,
    headers: {
      ...(kind.retryable && { 'retry-after': String(retryAfterSeconds ?? RETRY_AFTER_SECONDS) }),
      ...(kind.status === 401 && { 'www-authenticate': 'Bearer' }),
    },
    body: { ...bodyOf(told), ...(!known && { instance: `urn:uuid:${requestId}` }) },
  };
}

/** The members of RFC 9457 section 3.1, with our code; what is beside them never takes their place. */
export function bodyOf({ code, message, kind, fields }: MusterError): Record<string, unknown> {
  const type = `urn:muster:problem:${code
    .replace(/^MUSTER_/, '')
    .toLowerCase()
    .replaceAll('_', '-')}`;
  return { ...fields, type, title: kind.meaning, status: kind.status, code, detail: message };
}

/** Body parsers of Express raise errors of their own. */
function fromExpress(error: unknown): MusterError | undefined {
  const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
  if (type === 'entity.too.large') return new MusterError('MUSTER_BODY_TOO_LARGE', 'the body is larger than this route takes');
  if (type === 'entity.parse.failed') return new MusterError('MUSTER_BAD_JSON', 'the body is not valid JSON');
  if (type === 'encoding.unsupported' || type === 'charset.unsupported')
    return new MusterError('MUSTER_UNSUPPORTED_TYPE', 'the encoding of the body is not supported');
  // As Node says it of a request whose sender has gone.
  if (error instanceof Error && error.message === 'aborted' && 'code' in error && error.code === 'ECONNRESET')
    return new MusterError('MUSTER_BAD_ARGUMENT', 'the request broke off');
  // Of the router, which decodes parameters.
  if (error instanceof URIError) return new MusterError('MUSTER_BAD_ARGUMENT', 'the path holds a % that begins no character of UTF-8');
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 0;
  if (status >= 400 && status < 500) return new MusterError('MUSTER_BAD_ARGUMENT', 'the body cannot be read');
  return undefined;
}

/** Writes a problem, with fields of its own beside. */
export function sendProblem(response: ServerResponse, problem: Problem, extra: Record<string, unknown> = {}): void {
  sendJson(response, problem.status, { ...problem.body, ...extra }, { 'content-type': 'application/problem+json', ...problem.headers });
}

/** Answers with JSON, whole. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)), ...headers });
  response.end(text);
}
