/** OTLP requests as protobuf, made from their JSON form: with the fields that Muster reads and with those that it passes over. */
import protobuf from 'protobufjs';

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' });

const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: { fields: { stringValue: field(1, 'string') } },
    KeyValue: { fields: { key: field(1, 'string'), value: field(2, 'AnyValue') } },
    Resource: { fields: { attributes: repeated(1, 'KeyValue') } },
    Scope: { fields: { name: field(1, 'string') } },
    Status: { fields: { message: field(2, 'string') } },
    Span: {
      fields: {
        traceId: field(1, 'bytes'),
        spanId: field(2, 'bytes'),
        name: field(5, 'string'),
        startTimeUnixNano: field(7, 'fixed64'),
        endTimeUnixNano: field(8, 'fixed64'),
        attributes: repeated(9, 'KeyValue'),
        status: field(15, 'Status'),
      },
    },
    ScopeSpans: { fields: { scope: field(1, 'Scope'), spans: repeated(2, 'Span') } },
    ResourceSpans: { fields: { resource: field(1, 'Resource'), scopeSpans: repeated(2, 'ScopeSpans') } },
    traces: { fields: { resourceSpans: repeated(1, 'ResourceSpans') } },
    LogRecord: {
      fields: {
        timeUnixNano: field(1, 'fixed64'),
        body: field(5, 'AnyValue'),
        attributes: repeated(6, 'KeyValue'),
        traceId: field(9, 'bytes'),
        spanId: field(10, 'bytes'),
        eventName: field(12, 'string'),
      },
    },
    ScopeLogs: { fields: { logRecords: repeated(2, 'LogRecord') } },
    ResourceLogs: { fields: { resource: field(1, 'Resource'), scopeLogs: repeated(2, 'ScopeLogs') } },
    logs: { fields: { resourceLogs: repeated(1, 'ResourceLogs') } },
  },
});

const IDS = new Set(['traceId', 'spanId']);

/** Ids are text of hexadecimal digits in JSON, and bytes here. */
function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, IDS.has(name) ? Buffer.from(String(inner), 'hex') : withBytes(inner)]),
  );
}

/** The bytes of a request to `/v1/traces` or `/v1/logs`. */
export function protobufOf(signal: 'traces' | 'logs', request: object): Buffer<ArrayBuffer> {
  const type = root.lookupType(signal);
  return Buffer.from(type.encode(type.fromObject(withBytes(request) as Record<string, unknown>)).finish());
}
