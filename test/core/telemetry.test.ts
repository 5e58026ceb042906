/** Spans of the core: names without ids, the answer linked to the step that asked, the event with the span that emitted it. */
import { createServer } from 'node:http';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import express from 'express';
import { type TOTP, URI } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { linkTo, traceparent } from '../../src/core/telemetry.ts';
import { coreRoutes } from '../../src/serve/core/routes.ts';
import { type TestCore, testCore } from '../support/core.ts';
import { providerServer } from '../support/provider-server.ts';

const exporter = new tracing.InMemorySpanExporter();
const sdk = new NodeSDK({
  spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
  autoDetectResources: false,
  metricReaders: [],
  logRecordProcessors: [],
});
let made: TestCore;
let url: string;
let close: () => Promise<unknown>;

beforeAll(async () => {
  sdk.start();
  const failing = await providerServer(() => ({ status: 500, body: 'x' }));
  const account = `AC${'0'.repeat(32)}`;
  made = await testCore(
    {
      providers: [
        {
          kind: 'twilio',
          name: 'far',
          channels: ['sms'],
          region: 'eu',
          cost: {},
          timeout: 1,
          url: failing.url,
          account,
          token_file: 'x',
          from: '+1',
        },
      ],
    },
    { now: Date.now },
  );
  const app = express().use(
    '/core/v1',
    coreRoutes({
      core: () => made.core,
      now: Date.now,
      onAnswered: () => {},
      observe: () => {},
      audit: async () => {},
      referenceOf: async () => 'reference',
      qrPng: async () => Buffer.alloc(0),
      onDefect: (message) => {
        throw new Error(message);
      },
    }),
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/core/v1`;
  close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await failing.stop();
  };
});
afterAll(async () => {
  await close();
  await made.dispose();
  await sdk.shutdown();
  trace.disable();
  context.disable();
});

const post = async (path: string, body: object) => {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    body: (await response.json()) as { id: string; attempt_id: string; challenge: { otpauth_uri: string } },
  };
};
/** So many finished spans: the one of a request ends after its answer. */
async function spans(count: number) {
  await expect.poll(() => exporter.getFinishedSpans().length, { interval: 10 }).toBe(count);
  const all = [...exporter.getFinishedSpans()];
  exporter.reset();
  return all;
}

test('an enrollment: two requests, two traces, the second linked to the first, and each event in the span that emitted it', async () => {
  const { body } = await post('/enrollments', { user: 'ada@example.org', factor_type: 'totp' });
  const [start] = await spans(1);
  expect(start).toMatchObject({ name: 'POST /core/v1/enrollments', kind: SpanKind.SERVER });
  expect(start?.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/core/v1/enrollments',
    'http.response.status_code': 201,
    'muster.attempt_id': body.id,
  });
  await post(`/enrollments/${body.id}/verify`, { code: (URI.parse(body.challenge.otpauth_uri) as TOTP).generate() });
  const later = await spans(3);
  expect(later.map(({ name }) => name).sort()).toEqual(['POST /core/v1/enrollments/:id/verify', 'enrollment.verify', 'vault.open']);
  const request = later.find(({ kind }) => kind === SpanKind.SERVER);
  expect(request?.links.map((link) => link.context.spanId)).toEqual([start?.spanContext().spanId]);
  expect(request?.spanContext().traceId).not.toBe(start?.spanContext().traceId);
  // Parent and child inside of one request.
  const verify = later.find(({ name }) => name === 'enrollment.verify');
  expect(verify?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
  const [started] = await made.eventsOf('enrollment.started');
  expect(started).toMatchObject({ trace_id: start?.spanContext().traceId, span_id: start?.spanContext().spanId });
  const [completed] = await made.eventsOf('enrollment.completed');
  expect(completed).toMatchObject({ trace_id: request?.spanContext().traceId, span_id: verify?.spanContext().spanId });
});

test('a provider that fails: a client span with the class of the error, and a server span that failed', async () => {
  const { status, body } = await post('/enrollments', { user: 'ben@example.org', factor_type: 'sms', phone: '+31612345678', region: 'eu' });
  expect(status).toBe(502);
  const all = await spans(2);
  const send = all.find(({ name }) => name === 'provider.send');
  expect(send).toMatchObject({ kind: SpanKind.CLIENT, status: { code: SpanStatusCode.ERROR } });
  expect(send?.attributes).toMatchObject({ 'error.type': 'provider', 'muster.provider': 'far', 'muster.channel': 'sms' });
  const request = all.find(({ kind }) => kind === SpanKind.SERVER);
  expect(request?.attributes).toMatchObject({
    'http.response.status_code': 502,
    'muster.error_code': 'MUSTER_PROVIDER_FAILED',
    'muster.attempt_id': body.attempt_id,
  });
  expect(request?.status.code).toBe(SpanStatusCode.ERROR);
  expect(JSON.stringify(all.map(({ name, attributes, events }) => [name, attributes, events]))).not.toMatch(/31612345678|ben@example/);
  // One attempt, which the request is of.
  expect((await made.eventsOf('enrollment.failed')).map((event) => event.attempt_id)).toEqual([body.attempt_id]);
  expect((await made.eventsOf('api.request')).at(-1)).toMatchObject({ attempt_id: body.attempt_id, http_status: 502, operation: 'start' });
});

test('a traceparent is a link and back again, and anything else is none', () => {
  expect(linkTo(null)).toEqual([]);
  for (const bad of ['', '00-x-y-01', `00-${'a'.repeat(32)}-${'b'.repeat(16)}`]) expect(linkTo(bad)).toEqual([]);
  const [link] = linkTo(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  expect(link?.context).toMatchObject({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true });
  expect(traceparent()).toBeNull();
});
