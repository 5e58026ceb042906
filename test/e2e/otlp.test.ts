/** OTLP/HTTP: the real OpenTelemetry SDK as client, in JSON and protobuf, and by hand what the SDK does not send. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { gzipSync } from 'node:zlib';
import { context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeStatus } from '../../src/collect/otlp/answers.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

let muster: Running;
beforeAll(async () => {
  muster = await startMuster(await temporaryData());
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

const resource = resources.resourceFromAttributes({
  'service.name': 'enrollment-app',
  'service.version': '24-7',
  'cloud.region': 'eu-west',
  'deployment.environment.name': 'production',
});

async function query<Row>(sql: string): Promise<Row[]> {
  const response = await fetch(`${muster.url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql, format: 'JSONEachRow' }),
  });
  return (await response.text())
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}
/** The rows once there are so many. */
async function rows<Row>(sql: string, count: number): Promise<Row[]> {
  await expect.poll(async () => (await query(sql)).length, { timeout: 120_000, interval: 250 }).toBe(count);
  return query<Row>(sql);
}
const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${muster.url}${path}`, { method: 'POST', body: body as string, headers: { 'content-type': 'application/json', ...headers } });

const LOGGED_AT = Date.now() - 3_600_000;

describe.each([
  ['JSON', JsonTraces, JsonLogs],
  ['protobuf', ProtobufTraces, ProtobufLogs],
] as const)('the OpenTelemetry SDK in %s', (encoding, Traces, Logs) => {
  test('an enrollment as a trace becomes an attempt with its events, and with the other spans beside them', async () => {
    const sdk = new NodeSDK({
      resource,
      traceExporter: new Traces({ url: `${muster.url}/v1/traces`, compression: (encoding === 'JSON' ? 'gzip' : 'none') as never }),
      logRecordProcessors: [],
      metricReaders: [],
      autoDetectResources: false,
    });
    sdk.start();
    const tracer = trace.getTracer('enrollment');
    const attempt = `otlp-${encoding}`;
    const muster_ = { 'muster.attempt_id': attempt, 'muster.user': 'ada@example.org', 'muster.factor_type': 'sms' };
    const event = (name: string, attributes: object, parent: Span, failed = false) => {
      const span = tracer.startSpan(
        name,
        { attributes: { 'event.name': name, ...muster_, ...attributes } },
        trace.setSpan(context.active(), parent),
      );
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
    const root = tracer.startSpan('POST /enroll', {
      attributes: { 'event.name': 'api.request', ...muster_, 'muster.operation': 'start', 'http.response.status_code': 201 },
    });
    event('enrollment.started', {}, root);
    event('provider.request', { 'muster.provider': 'sms-a', 'error.type': 'timeout' }, root, true);
    const inner = { attributes: { 'db.system.name': 'postgresql', 'db.query.text': 'SELECT 1', 'app.secret': 'JBSWY3DPEHPK3PXP' } };
    tracer.startSpan('SELECT factors', inner, trace.setSpan(context.active(), root)).end();
    tracer.startSpan('mail to ada@example.org', {}, trace.setSpan(context.active(), root)).end();
    event('enrollment.failed', { 'muster.error_class': 'provider' }, root);
    root.end();
    const traceId = root.spanContext().traceId;
    await sdk.shutdown();
    trace.disable();

    const found = await rows<Record<string, unknown>>(
      `SELECT type, source, region, deployment, trace_id, user_ref, http_status, outcome, error_code, duration_ms FROM events_v WHERE attempt_id = '${attempt}' ORDER BY type`,
      4,
    );
    expect(found.map(({ type }) => type)).toEqual(['api.request', 'enrollment.failed', 'enrollment.started', 'provider.request']);
    for (const row of found)
      expect(row).toMatchObject({ source: 'enrollment-app', region: 'eu-west', deployment: '24-7', trace_id: traceId });
    expect(found[0]).toMatchObject({ http_status: 201, duration_ms: expect.any(Number) });
    expect(found[3]).toMatchObject({ outcome: 'failure', error_code: 'timeout' });
    expect(JSON.stringify(found)).not.toContain('ada@example.org');
    const detail = async () =>
      (await (await fetch(`${muster.url}/api/attempts/${attempt}`)).json()) as {
        result?: string;
        traces?: string[];
        spans?: { name: string; parentSpanId: string; service: string; attributes: Record<string, string> }[];
      };
    await expect.poll(async () => (await detail()).result, { timeout: 120_000, interval: 250 }).toBe('failed');
    const { traces, spans = [] } = await detail();
    expect(traces).toEqual([traceId]);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      '(left out)',
      'POST',
      'SELECT factors',
      'enrollment.failed',
      'enrollment.started',
      'provider.request',
    ]);
    const select = spans.find(({ name }) => name === 'SELECT factors');
    expect(select).toMatchObject({
      parentSpanId: root.spanContext().spanId,
      service: 'enrollment-app',
      attributes: { 'db.system.name': 'postgresql' },
    });
    expect(JSON.stringify(spans)).not.toMatch(/ada@|JBSWY|SELECT 1/);
    const told = await runMuster(['attempt', attempt, '--data', muster.dataDir]);
    expect(told.stdout).toMatch(/\nSpans\n +[-\d.]+ s {2}POST +.*enrollment-app\n/);
    expect(told.stdout).toMatch(/\n +[-\d.]+ s {4}SELECT factors/);
  });

  test('a log record with an event name is an event, sent twice it is one', async () => {
    const emit = async (reason: string) => {
      const provider = new LoggerProvider({
        resource,
        processors: [new BatchLogRecordProcessor({ exporter: new Logs({ url: `${muster.url}/v1/logs` }) })],
      });
      const logger = provider.getLogger('audit');
      const attributes = {
        'user.id': 42,
        'muster.reason': `${reason} ${encoding}`,
        'muster.attributes.ticket': 'T-1',
        'http.response.status_code': 0,
      };
      logger.emit({ eventName: 'factor.revoked', timestamp: LOGGED_AT, attributes });
      logger.emit({ body: 'a line that is no event', attributes: { 'user.id': 'ada@example.org' } });
      await provider.shutdown();
    };
    await emit('device lost');
    await emit('device lost');
    // What comes later is loaded later: once it is there, so is what came before.
    await emit('the end');
    const of = (reason: string) =>
      `SELECT type, attributes FROM events_v WHERE type = 'factor.revoked' AND reason = '${reason} ${encoding}'`;
    await rows(of('the end'), 1);
    expect(await query(of('device lost'))).toEqual([{ type: 'factor.revoked', attributes: { ticket: 'T-1' } }]);
    expect(await query(`SELECT count() AS n FROM events_v WHERE type = 'factor.revoked' AND http_status IS NOT NULL`)).toEqual([{ n: 0 }]);
  });
});

const span = (attributes: Record<string, string>, fields: object = {}) => ({
  traceId: '5B8EFFF798038103D269B633813FC60C',
  spanId: 'EEE19B7EC3C1B174',
  startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
  endTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n),
  attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  ...fields,
});
const traces = (...spans: object[]) =>
  JSON.stringify({
    resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'hand' } }] }, scopeSpans: [{ spans }] }],
  });

describe('by hand', () => {
  test('what is no request of OTLP is refused, not taken for an empty one', async () => {
    for (const body of ['[]', '"x"', '5', 'null']) expect([body, (await post('/v1/traces', body)).status]).toEqual([body, 400]);
  });

  test('a span without ids or with times of another century is told to be unusable, and stops nobody', async () => {
    const old = { startTimeUnixNano: '1000000000', endTimeUnixNano: '2000000000', spanId: 'eee19b7ec3c1b179' };
    const response = await post(
      '/v1/traces',
      traces(
        span({}, { traceId: 'W47/95gDgQPSabYzgT/G' }),
        span({}, old),
        span({}, { spanId: 'eee19b7ec3c1b178', name: `${'x'.repeat(127)}\u{1f600}` }),
      ),
    );
    expect(await response.json()).toEqual({
      partialSuccess: { rejectedSpans: '2', errorMessage: expect.stringMatching(/span without valid ids and times/) },
    });
    expect(muster.output()).not.toMatch(/set aside/);
  });

  // Copied into each span, ten times as much would end the process.
  test('a resource of many attributes with many spans is taken, and too many spans are refused', async () => {
    const attributes = Array.from({ length: 4_000 }, (_, i) => ({ key: `k${i}`, value: { stringValue: 'v' } }));
    const request = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: Array.from({ length: 4_000 }, () => ({})) }] }] };
    expect((await post('/v1/traces', JSON.stringify(request))).status).toBe(200);
    const many = { resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: 100_001 }, () => ({})) }] }] };
    expect((await post('/v1/traces', JSON.stringify(many))).status).toBe(413);
  });

  test('what the catalogue refuses is counted and told, and the rest is kept', async () => {
    const good = span({ 'event.name': 'enrollment.started', 'muster.attempt_id': 'by-hand' });
    const bad = span({ 'event.name': 'enrollment.started', 'muster.colour': 'red' }, { spanId: 'eee19b7ec3c1b175' });
    const response = await post('/v1/traces', traces(good, bad, span({ 'event.name': 'unknown' }), span({})));
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await response.json()).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringMatching(/^event 1: .*colour/) },
    });
    const [row] = await rows<{ id: string }>(`SELECT id FROM events_v WHERE attempt_id = 'by-hand'`, 1);
    expect(row?.id).toBe('5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174');
  });

  test('full success and an empty request say nothing, in the type of the request', async () => {
    const ok = await post('/v1/traces', traces(span({ 'event.name': 'ux.error' }, { spanId: 'eee19b7ec3c1b176' })));
    expect([ok.status, await ok.json()]).toEqual([200, {}]);
    for (const path of ['/v1/traces', '/v1/logs']) {
      expect(await (await post(path, '{}')).json()).toEqual({});
      const empty = await post(path, new Uint8Array(), { 'content-type': 'application/x-protobuf' });
      expect([empty.status, empty.headers.get('content-type'), (await empty.arrayBuffer()).byteLength]).toEqual([
        200,
        'application/x-protobuf',
        0,
      ]);
    }
  });

  test.each([
    ['JSON that is none', '{', {}, 400],
    ['a type that is not OTLP', 'x', { 'content-type': 'text/plain' }, 415],
    ['gzip that is none', 'x', { 'content-encoding': 'gzip' }, 400],
    ['a body beyond the limit', gzipSync(Buffer.alloc(20 * 1024 * 1024)), { 'content-encoding': 'gzip' }, 413],
  ])('%s is refused with a status in JSON that is not worth a retry', async (_, body, headers, status) => {
    const response = await post('/v1/traces', body, headers as Record<string, string>);
    expect([response.status, response.headers.get('content-type'), response.headers.get('retry-after')]).toEqual([
      status,
      'application/json',
      null,
    ]);
    expect(await response.json()).toEqual({ code: expect.any(Number), message: expect.stringMatching(/\w/) });
  });

  test('protobuf that is none is refused in protobuf, however deep it pretends to be', async () => {
    const deep = Buffer.concat(Array.from({ length: 2_000 }, () => Buffer.from([0x32, 0x7f])));
    for (const body of [Buffer.from([0x0a, 0xff]), Buffer.from('no protobuf at all'), deep]) {
      const response = await post('/v1/logs', body, { 'content-type': 'application/x-protobuf' });
      expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/x-protobuf']);
      expect(Buffer.from(await response.arrayBuffer())).toEqual(
        Buffer.from(encodeStatus({ code: 3, message: "the body is not a message of OTLP's protobuf for logs" })),
      );
    }
  });

  test('gRPC is told that it is HTTP, in words that the client shows', async () => {
    // It is let go as well.
    const client = connect(muster.url).on('error', () => {});
    const [, , words] = (await once(client, 'goaway')) as [code: number, stream: number, words: Buffer];
    expect(words.toString()).toContain('OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf');
    client.destroy();
    // Others hear what they did before.
    const { port, hostname } = new URL(muster.url);
    const hears = async (text: string) => {
      const socket = createConnection(Number(port), hostname);
      socket.end(text);
      return (await Array.fromAsync(socket)).join('').split('\r\n', 1)[0];
    };
    expect(await hears('nonsense\r\n\r\n')).toBe('HTTP/1.1 400 Bad Request');
    expect(await hears(`GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toBe('HTTP/1.1 431 Request Header Fields Too Large');
  });

  test('metrics are not taken, and whoever sends them is told what to set', async () => {
    const response = await post('/v1/metrics', '{"resourceMetrics":[]}');
    expect([response.status, await response.json()]).toEqual([
      404,
      { code: 5, message: expect.stringContaining('OTEL_METRICS_EXPORTER=none') },
    ]);
  });

  test('an event that is close to one of the catalogue is said, kept as a letter, and counted for its source', async () => {
    const response = await post('/v1/traces', traces(span({ 'event.name': 'enrollment.start' }, { spanId: 'eee19b7ec3c1b17a' })));
    expect(await response.json()).toEqual({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringContaining('enrollment.started is close') },
    });
    const metrics = await (await fetch(`${muster.url}/metrics`, { headers: { 'accept-encoding': 'gzip' } })).text();
    expect(metrics).toMatch(/^muster_collector_events_total\{source="hand",result="rejected"\} [1-9]/m);
  });

  test('another method is told which one, and another host is refused', async () => {
    const get = await fetch(`${muster.url}/v1/logs`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await post('/v1/logs', '{}', { origin: 'https://evil.example.org' })).status).toBe(403);
  });
});
