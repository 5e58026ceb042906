/** `POST /v1/events`, in front of Express: from bytes to a durable answer. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { fromBinary, fromStructured, isBinaryMode } from '../collect/cloudevents.ts';
import type { Candidate } from '../collect/intake/batch.ts';
import { dryRun } from '../collect/intake/dry-run.ts';
import { bounded, jsonCandidates, ndjsonCandidates } from '../collect/intake/parse.ts';
import { MusterError } from '../errors.ts';
import type { Admit } from './admission.ts';
import { type BodyForm, drain } from './body.ts';
import { problemOf, sendJson, sendProblem } from './problem.ts';

export interface IngestDeps {
  admit: Admit;
  now: () => number;
  observe: (seconds: number) => void;
  onDefect: (message: string) => void;
}

export type IngestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The handler of `POST /v1/events`. */
export function createIngest(deps: IngestDeps): IngestHandler {
  const take = (request: IncomingMessage) =>
    deps.admit(
      request,
      () => formOf(request.headers),
      (intake, body, { parse }, { binding }) => intake.accept(bounded(parse(body)), 'live', binding),
    );
  /** Says what is wrong with events, and keeps nothing of them. */
  const tryOut = (request: IncomingMessage) =>
    deps.admit(
      request,
      () => formOf(request.headers),
      async (_intake, body, { parse }, { binding }) => dryRun(bounded(parse(body)), deps.now(), binding),
    );

  return async (request, response) => {
    const startMs = performance.now();
    try {
      if (isDryRun(request)) {
        const { valid, rejected, rejectedCount } = await tryOut(request);
        const total = { ...(rejectedCount > rejected.length && { rejected_total: rejectedCount }) };
        sendJson(response, 200, { dry_run: true, valid, rejected, ...total });
        return;
      }
      const { accepted, duplicates, rejected, rejectedCount } = await take(request);
      // The first are named; a number stands for all when there are more.
      const counts = { accepted, duplicates, rejected, ...(rejectedCount > rejected.length && { rejected_total: rejectedCount }) };
      if (accepted + duplicates > 0 || rejectedCount === 0) sendJson(response, 200, counts);
      else {
        const problem = problemOf(
          new MusterError('MUSTER_INVALID_EVENTS', `none of the ${rejectedCount} events is valid; see rejected`),
          deps.onDefect,
        );
        sendProblem(response, problem, counts);
      }
    } catch (error) {
      if (!response.headersSent && !response.destroyed) {
        const problem = problemOf(error, deps.onDefect);
        sendProblem(response, problem.status === 405 ? { ...problem, headers: { ...problem.headers, allow: 'POST' } } : problem);
      }
      drain(request);
    } finally {
      deps.observe((performance.now() - startMs) / 1_000);
    }
  };
}

/** Whether a sender only asks what would become of its events. @throws MUSTER_BAD_ARGUMENT */
function isDryRun({ url = '' }: IncomingMessage): boolean {
  const given = new URL(url, 'http://localhost').searchParams.get('dry_run');
  if (given === null || given === '0' || given === 'false') return false;
  if (given === '1' || given === 'true') return true;
  throw new MusterError('MUSTER_BAD_ARGUMENT', 'dry_run: expected 1 or 0');
}

interface Form {
  form: BodyForm;
  parse: (body: Buffer) => Iterable<Candidate>;
}

/** How the body is read. @throws MUSTER_UNSUPPORTED_TYPE */
function formOf(headers: IncomingHttpHeaders): Form {
  const mediaType = mediaTypeOf(headers);
  if (mediaType === 'application/cloudevents+json' || mediaType === 'application/cloudevents-batch+json')
    return { form: 'json', parse: cloudEventCandidates };
  if (isBinaryMode(headers)) return { form: 'json', parse: (body) => [fromBinary(headers, body)] };
  if (mediaType === 'application/json') return { form: 'json', parse: jsonCandidates };
  if (mediaType === 'application/x-ndjson') return { form: 'lines', parse: ndjsonCandidates };
  throw new MusterError(
    'MUSTER_UNSUPPORTED_TYPE',
    'Content-Type: expected application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json',
  );
}

/** Type and subtype of a request's body, in lower case; '' without one. */
export const mediaTypeOf = (headers: IncomingHttpHeaders): string => headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';

/** Structured mode is one event, a batch is an array; the body tells them apart. */
function* cloudEventCandidates(body: Buffer): Generator<Candidate> {
  for (const candidate of jsonCandidates(body)) yield 'value' in candidate ? fromStructured(candidate.value) : candidate;
}
