/** `POST /v1/events`, in front of Express: from bytes to a durable answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Candidate, Intake } from '../collect/intake.ts';
import { jsonCandidates, ndjsonCandidates } from '../collect/parse.ts';
import { MusterError } from '../errors.ts';
import { drain, readBody } from './body.ts';
import { problemOf, sendJson, sendProblem } from './problem.ts';
import { assertSameHost } from './same-host.ts';

/** A request waits this long for room before it is refused. */
const WAIT_FOR_ROOM_MS = 2_000;
const WAIT_STEP_MS = 50;
/** Bodies in memory at once; beyond it requests wait. */
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;

export interface IngestDeps {
  /** Undefined while the store is still starting. */
  intake: () => Intake | undefined;
  /** Whether the log and the loader can take more. */
  hasRoom: () => boolean;
  maxBodyBytes: number;
  observe: (seconds: number) => void;
  onDefect: (message: string) => void;
}

export type IngestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The handler of `POST /v1/events`. */
export function createIngest(deps: IngestDeps): IngestHandler {
  let bytesInFlight = 0;

  const take = async (request: IncomingMessage) => {
    assertSameHost(request);
    if (request.method !== 'POST') throw new MusterError('MUSTER_METHOD_NOT_ALLOWED', 'events are sent with POST');
    const parse = parserOf(request.headers['content-type']);
    const intake = await roomFor();
    let held = 0;
    const hold = (bytes: number) => {
      held += bytes;
      bytesInFlight += bytes;
      // Those who are already sending may go above the bound a little, so that all of them do not stop at once.
      if (bytesInFlight > 2 * MAX_BYTES_IN_FLIGHT)
        throw new MusterError('MUSTER_OVERLOADED', 'too much is on its way at once; send this request again');
    };
    try {
      return await intake.accept(parse(await readBody(request, deps.maxBodyBytes, hold)), 'live');
    } finally {
      bytesInFlight -= held;
    }
  };

  const roomFor = async (): Promise<Intake> => {
    for (let waitedMs = 0; ; waitedMs += WAIT_STEP_MS) {
      const intake = deps.intake();
      if (intake && deps.hasRoom() && bytesInFlight <= MAX_BYTES_IN_FLIGHT) return intake;
      if (waitedMs >= WAIT_FOR_ROOM_MS) {
        throw intake
          ? new MusterError('MUSTER_OVERLOADED', 'events come in faster than they can be loaded; send this request again')
          : new MusterError('MUSTER_NOT_READY', 'the store is still starting; send this request again');
      }
      await sleep(WAIT_STEP_MS);
    }
  };

  return async (request, response) => {
    const startMs = performance.now();
    try {
      const { accepted, duplicates, rejected } = await take(request);
      if (accepted + duplicates > 0 || rejected.length === 0) sendJson(response, 200, { accepted, duplicates, rejected });
      else {
        const problem = problemOf(
          new MusterError('MUSTER_INVALID_EVENTS', `none of the ${rejected.length} events is valid; see rejected`),
          deps.onDefect,
        );
        sendProblem(response, problem, { accepted, duplicates, rejected });
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

/** How the body is read. @throws MUSTER_UNSUPPORTED_TYPE */
function parserOf(contentType: string | undefined): (body: Buffer) => Iterable<Candidate> {
  const mediaType = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'application/json') return jsonCandidates;
  if (mediaType === 'application/x-ndjson') return ndjsonCandidates;
  throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Type: expected application/json or application/x-ndjson');
}
