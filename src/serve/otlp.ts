/**
 * `POST /v1/traces` and `/v1/logs`: OTLP/HTTP 1.x in protobuf and JSON. Spans and log records that name an event of the catalogue become
 * events, and spans are kept beside them; an answer comes in the type of the request, errors too, and is retryable only where a retry helps.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { refusalOf } from '../collect/intake/key-binding.ts';
import { jsonValue } from '../collect/intake/parse.ts';
import type { Find } from '../collect/intake/scrub.ts';
import { encodeResponse, encodeStatus } from '../collect/otlp/answers.ts';
import { eventsOfRequest, isEvent } from '../collect/otlp/event.ts';
import type { Signal } from '../collect/otlp/part.ts';
import { type OtlpRecord, recordsOf, type Unreadable } from '../collect/otlp/records.ts';
import { isSpan, spanOf } from '../collect/otlp/span.ts';
import { MusterError } from '../errors.ts';
import { httpBounds, type TimeBounds } from '../events/checker.ts';
import type { SpanRow } from '../store/rows/span-row.ts';
import { breather } from '../system/breather.ts';
import { oneAtATime } from '../system/one-at-a-time.ts';
import type { Caller } from './access/gate.ts';
import type { Admit } from './admission.ts';
import { drain } from './body.ts';
import { type IngestHandler, mediaTypeOf } from './ingest.ts';
import { problemOf } from './problem.ts';

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';
type Encoding = typeof JSON_TYPE | typeof PROTOBUF_TYPE;

/** Codes of google.rpc.Code by HTTP status. */
const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  413: 8,
  415: 3,
  429: 8,
  502: 14,
  503: 14,
  504: 4,
};
const RPC_UNKNOWN = 2;
/** So many rejections are told in words, and so many kinds of what was left out. */
const TOLD_REJECTIONS = 3;
const MAX_NOTES = 5;
/** A batch of an SDK has some hundred kilobytes. Larger ones are read one after the other: all at once they would hold the loop together. */
const LARGE_BYTES = 64 * 1024;

/** What a refusal is called in an answer of the signal. */
const REJECTED = { traces: 'rejectedSpans', logs: 'rejectedLogRecords' } as const satisfies Record<Signal, string>;

export interface OtlpDeps {
  admit: Admit;
  /** A stable id made of any text, keyed. */
  fingerprint: (text: string) => string;
  now: () => number;
  /** Told of what was found in spans of a service and left out. */
  onFound: (service: string, finds: readonly Find[]) => void;
  observe: (seconds: number) => void;
  onDefect: (message: string) => void;
}

/** The handler of one signal. */
export function createOtlp(signal: Signal, deps: OtlpDeps): IngestHandler {
  const oneLarge = oneAtATime();
  const take = (request: IncomingMessage) =>
    deps.admit(
      request,
      () => {
        const encoding = encodingOf(request.headers);
        return { encoding, form: encoding === JSON_TYPE ? ('json' as const) : ('bytes' as const) };
      },
      async (intake, body, { encoding }, { binding }) => {
        const request = encoding === JSON_TYPE ? jsonValue(body) : body;
        const read = () => sort(recordsOf(signal, request), httpBounds(deps.now()), deps.onFound, binding);
        const { events, spans, unusable, problems } = body.length > LARGE_BYTES ? await oneLarge(read) : await read();
        const notes = new Set<string>();
        const eventOf = eventsOfRequest(deps.fingerprint);
        // Made one by one, as intake takes them.
        const candidates = events.values().map((record) => {
          const { candidate, notes: ofRecord } = eventOf(record);
          for (const note of ofRecord) if (notes.size < MAX_NOTES) notes.add(note);
          return candidate;
        });
        const unread = problems.values().map((problem) => ({ unreadable: problem }));
        const [{ rejected, rejectedCount }] = await Promise.all([
          intake.accept(both(candidates, unread), 'live', binding),
          intake.keepSpans(spans),
        ]);
        const told = rejected.slice(0, TOLD_REJECTIONS).map(({ index, message }) => `event ${index}: ${message}`);
        if (unusable > 0) told.push('a span without valid ids and times, or of a source that the key is not for');
        return { encoding, rejected: { count: rejectedCount + unusable, told: told.slice(0, TOLD_REJECTIONS), notes: [...notes] } };
      },
    );

  return async (request, response) => {
    const startMs = performance.now();
    try {
      const { encoding, rejected } = await take(request);
      answer(response, signal, encoding, rejected);
    } catch (error) {
      if (!response.headersSent && !response.destroyed) refuse(response, request, error, deps.onDefect);
      drain(request);
    } finally {
      deps.observe((performance.now() - startMs) / 1_000);
    }
  };
}

/** The handler of metrics, which an SDK sends unless it is told not to: says what to set. */
export const refuseMetrics =
  (onDefect: (message: string) => void): IngestHandler =>
  async (request, response) => {
    const error = new MusterError(
      'MUSTER_NOT_FOUND',
      'metrics are not taken: set OTEL_METRICS_EXPORTER=none, or take this exporter out of the metrics pipeline',
    );
    refuse(response, request, error, onDefect);
    drain(request);
  };

/** @throws MUSTER_UNSUPPORTED_TYPE */
function encodingOf(headers: IncomingHttpHeaders): Encoding {
  const mediaType = mediaTypeOf(headers);
  if (mediaType === JSON_TYPE || mediaType === PROTOBUF_TYPE) return mediaType;
  throw new MusterError('MUSTER_UNSUPPORTED_TYPE', `Content-Type: expected ${PROTOBUF_TYPE} or ${JSON_TYPE}`);
}

/** What becomes of the records of a request; a span that is an event may be without times of a span. */
async function sort(
  records: Iterable<OtlpRecord | Unreadable>,
  bounds: TimeBounds,
  onFound: OtlpDeps['onFound'],
  binding: Caller['binding'],
) {
  const events: OtlpRecord[] = [];
  const spans: SpanRow[] = [];
  const problems: string[] = [];
  let unusable = 0;
  const pause = breather();
  for (const record of records) {
    if (pause.isDue()) await pause.rest();
    if ('problem' in record) {
      problems.push(record.problem);
      continue;
    }
    if (isEvent(record)) events.push(record);
    if (isSpan(record, bounds)) {
      const finds: Find[] = [];
      const span = spanOf(record, finds);
      if (binding && refusalOf(binding, { source: span.service }) !== undefined) {
        if (!isEvent(record)) unusable += 1;
        continue;
      }
      spans.push(span);
      if (finds.length > 0) onFound(span.service, finds);
    } else if (record.signal === 'traces' && !isEvent(record)) unusable += 1;
  }
  return { events, spans, unusable, problems };
}

function* both<T>(first: Iterable<T>, second: Iterable<T>): Generator<T> {
  yield* first;
  yield* second;
}

interface Rejected {
  count: number;
  /** The first reasons. */
  told: readonly string[];
  /** What was taken without a part of it. */
  notes: readonly string[];
}

/** Full success says nothing; what was rejected is counted, and the first reasons are told. */
function answer(response: ServerResponse, signal: Signal, encoding: Encoding, { count, told, notes }: Rejected): void {
  const others = count > told.length ? [`and ${count - told.length} others`] : [];
  const errorMessage = [...told, ...others, ...notes].join('; ');
  // A message without rejections is a warning (OTLP 1.x, "Partial Success").
  const partial = errorMessage === '' ? undefined : { rejected: count, errorMessage };
  const json = partial ? { partialSuccess: { [REJECTED[signal]]: String(partial.rejected), errorMessage } } : {};
  send(response, 200, encoding, encoding === PROTOBUF_TYPE ? encodeResponse(partial) : JSON.stringify(json));
}

function refuse(response: ServerResponse, request: IncomingMessage, error: unknown, onDefect: (message: string) => void): void {
  // Who sent another type reads JSON.
  const encoding = mediaTypeOf(request.headers) === PROTOBUF_TYPE ? PROTOBUF_TYPE : JSON_TYPE;
  const { status: own, headers, body } = problemOf(error, onDefect);
  // An SDK drops what is answered with 500: trouble of ours is worth another try.
  const status = own === 500 ? 503 : own;
  const message = { code: RPC_CODES[status] ?? RPC_UNKNOWN, message: String(body.detail) };
  const more = { ...headers, ...(own === 500 && { 'retry-after': '1' }), ...(status === 405 && { allow: 'POST' }) };
  send(response, status, encoding, encoding === PROTOBUF_TYPE ? encodeStatus(message) : JSON.stringify(message), more);
}

function send(
  response: ServerResponse,
  status: number,
  type: Encoding,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': String(Buffer.byteLength(body)), ...headers });
  response.end(body);
}
