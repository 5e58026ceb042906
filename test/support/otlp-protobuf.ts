/** OTLP requests as protobuf, made from their JSON form: opentelemetry-proto 1.x, with fields that Muster passes over. */
import protobuf from 'protobufjs';

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' });

const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: {
      oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue', 'kvlistValue', 'bytesValue'] } },
      fields: {
        stringValue: field(1, 'string'),
        boolValue: field(2, 'bool'),
        intValue: field(3, 'int64'),
        doubleValue: field(4, 'double'),
        arrayValue: field(5, 'ArrayValue'),
        kvlistValue: field(6, 'KeyValueList'),
        bytesValue: field(7, 'bytes'),
      },
    },
    ArrayValue: { fields: { values: repeated(1, 'AnyValue') } },
    KeyValueList: { fields: { values: repeated(1, 'KeyValue') } },
    KeyValue: { fields: { key: field(1, 'string'), value: field(2, 'AnyValue') } },
    Resource: { fields: { attributes: repeated(1, 'KeyValue') } },
    Scope: { fields: { name: field(1, 'string'), version: field(2, 'string'), attributes: repeated(3, 'KeyValue') } },
    Status: { fields: { message: field(2, 'string'), code: field(3, 'int32') } },
    Event: { fields: { timeUnixNano: field(1, 'fixed64'), name: field(2, 'string'), attributes: repeated(3, 'KeyValue') } },
    Span: {
      fields: {
        traceId: field(1, 'bytes'),
        spanId: field(2, 'bytes'),
        traceState: field(3, 'string'),
        parentSpanId: field(4, 'bytes'),
        name: field(5, 'string'),
        kind: field(6, 'int32'),
        startTimeUnixNano: field(7, 'fixed64'),
        endTimeUnixNano: field(8, 'fixed64'),
        attributes: repeated(9, 'KeyValue'),
        events: repeated(11, 'Event'),
        status: field(15, 'Status'),
      },
    },
    ScopeSpans: { fields: { scope: field(1, 'Scope'), spans: repeated(2, 'Span'), schemaUrl: field(3, 'string') } },
    ResourceSpans: { fields: { resource: field(1, 'Resource'), scopeSpans: repeated(2, 'ScopeSpans'), schemaUrl: field(3, 'string') } },
    traces: { fields: { resourceSpans: repeated(1, 'ResourceSpans') } },
    LogRecord: {
      fields: {
        timeUnixNano: field(1, 'fixed64'),
        severityNumber: field(2, 'int32'),
        severityText: field(3, 'string'),
        body: field(5, 'AnyValue'),
        attributes: repeated(6, 'KeyValue'),
        traceId: field(9, 'bytes'),
        spanId: field(10, 'bytes'),
        observedTimeUnixNano: field(11, 'fixed64'),
        eventName: field(12, 'string'),
      },
    },
    ScopeLogs: { fields: { scope: field(1, 'Scope'), logRecords: repeated(2, 'LogRecord') } },
    ResourceLogs: { fields: { resource: field(1, 'Resource'), scopeLogs: repeated(2, 'ScopeLogs') } },
    logs: { fields: { resourceLogs: repeated(1, 'ResourceLogs') } },
  },
});

const IDS = new Set(['traceId', 'spanId', 'parentSpanId']);
const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** Ids are text of hexadecimal digits in JSON, and bytes here; numbers that JSON has no signs for are text there. */
function withBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (IDS.has(name)) return [name, Buffer.from(String(inner), 'hex')];
      if (name === 'doubleValue') return [name, SPECIAL[String(inner)] ?? Number(inner)];
      return [name, withBytes(inner)];
    }),
  );
}

/** The bytes of a request to `/v1/traces` or `/v1/logs`. */
export function protobufOf(signal: 'traces' | 'logs', request: object): Buffer<ArrayBuffer> {
  const type = root.lookupType(signal);
  return Buffer.from(type.encode(type.fromObject(withBytes(request) as Record<string, unknown>)).finish());
}
