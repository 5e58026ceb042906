/** The routes of the process: health, metrics, intake, sign-in. Those of the core and of `/api` have tables of their own; a test holds all against what Express was told. */
import { z } from 'zod';

/** A kind of body, as its Content-Type says it. */
interface TakenBody {
  type: string;
  schema: Readonly<Record<string, unknown>>;
  example?: unknown;
}

export interface ProcessRoute {
  /** `operationId`; its answer is in routes/answers.ts where that is JSON. */
  id: string;
  method: 'get' | 'post' | 'delete';
  /** As Express writes it. */
  path: string;
  summary: string;
  query?: z.ZodObject;
  bodies?: readonly TakenBody[];
  /** Refuses with a Status of google.rpc, as OTLP/HTTP has it; others with a problem. */
  isOtlp?: true;
  /** Content type of the answer. @default application/json */
  answer?: string;
  /** Status of success. @default 200 */
  status?: number;
}

const EVENT = {
  id: '1',
  type: 'enrollment.started',
  time: '2026-03-01T09:30:00Z',
  source: 'idp',
  attempt_id: 'a-1',
  user: 'ada@example.org',
  factor_type: 'totp',
};
const { id, type, time, source, ...data } = EVENT;
const CLOUD_EVENT = { specversion: '1.0', id, type, time, source, datacontenttype: 'application/json', data };

/** One event of a type of the catalogue; which fields a type needs beside, its own schema says (schemas/events). */
const event = { $ref: '#/components/schemas/Event' };
const cloudEvent = {
  type: 'object',
  description: 'CloudEvents 1.0, JSON; data holds the other fields of the event',
  required: ['specversion', 'id', 'type', 'source'],
  properties: { specversion: { const: '1.0' }, id: { type: 'string' }, type: { type: 'string' }, source: { type: 'string' } },
};
const text = { type: 'string' };
const oneOrMany = (items: object) => ({ anyOf: [items, { type: 'array', items }] });
const EVENTS: readonly TakenBody[] = [
  { type: 'application/json', schema: oneOrMany(event), example: [EVENT] },
  { type: 'application/x-ndjson', schema: { ...text, description: 'an event in each line' }, example: `${JSON.stringify(EVENT)}\n` },
  { type: 'application/cloudevents+json', schema: cloudEvent, example: CLOUD_EVENT },
  { type: 'application/cloudevents-batch+json', schema: { type: 'array', items: cloudEvent }, example: [CLOUD_EVENT] },
];
/** OTLP/HTTP in both encodings: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request */
const otlp = (list: string): readonly TakenBody[] => [
  { type: 'application/json', schema: { type: 'object', properties: { [list]: { type: 'array', items: {} } } }, example: { [list]: [] } },
  { type: 'application/x-protobuf', schema: { ...text, contentMediaType: 'application/x-protobuf' } },
];
const key: TakenBody = {
  type: 'application/json',
  schema: { type: 'object', required: ['key'], properties: { key: { ...text, maxLength: 200 } }, additionalProperties: false },
  example: { key: 'muster_…' },
};
const dryRun = z.object({ dry_run: z.enum(['0', '1']).optional().describe('1: says what would become of the events, and keeps nothing') });

export const PROCESS_ROUTES: readonly ProcessRoute[] = [
  { id: 'isAlive', method: 'get', path: '/healthz', summary: 'Whether the process answers', answer: 'text/plain' },
  { id: 'isReady', method: 'get', path: '/readyz', summary: 'Whether events are taken in, and what does not work', answer: 'text/plain' },
  { id: 'getMetrics', method: 'get', path: '/metrics', summary: 'Metrics in the text format of Prometheus', answer: 'text/plain' },
  {
    id: 'sendEvents',
    method: 'post',
    path: '/v1/events',
    summary: 'Takes events in: one, an array, NDJSON or CloudEvents; answers once they are durable',
    query: dryRun,
    bodies: EVENTS,
  },
  { id: 'sendTraces', method: 'post', path: '/v1/traces', summary: 'OTLP/HTTP traces', bodies: otlp('resourceSpans'), isOtlp: true },
  { id: 'sendLogs', method: 'post', path: '/v1/logs', summary: 'OTLP/HTTP logs', bodies: otlp('resourceLogs'), isOtlp: true },
  {
    id: 'receiveDelivery',
    method: 'post',
    path: '/v1/sources/:source',
    summary: 'Takes a delivery of a product in, by the signature of its sender; answers once its events are durable',
    bodies: [{ type: 'application/json', schema: {} }],
  },
  {
    id: 'answerHandshake',
    method: 'get',
    path: '/v1/sources/:source',
    summary: 'Answers a sender that asks, before it sends anything, whether it is awaited here',
  },
  { id: 'signIn', method: 'post', path: '/login', summary: 'Signs a browser in with a key', bodies: [key], status: 204 },
  { id: 'signOut', method: 'post', path: '/logout', summary: 'Signs it out', status: 204 },
];
