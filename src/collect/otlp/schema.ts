/**
 * The messages of OTLP 1.x that Muster reads and writes, as field numbers and types (opentelemetry-proto, trace/v1, logs/v1, common/v1,
 * collector services; google.rpc.Status). Fields that are not here are skipped by the decoder, as OTLP asks for.
 */
import protobuf from 'protobufjs';
import { MusterError } from '../../errors.ts';

const field = (id: number, type: string) => ({ id, type });
const repeated = (id: number, type: string) => ({ id, type, rule: 'repeated' });

const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: {
      fields: {
        stringValue: field(1, 'string'),
        boolValue: field(2, 'bool'),
        intValue: field(3, 'int64'),
        doubleValue: field(4, 'double'),
      },
    },
    KeyValue: { fields: { key: field(1, 'string'), value: field(2, 'AnyValue') } },
    Resource: { fields: { attributes: repeated(1, 'KeyValue') } },
    Status: { fields: { code: field(3, 'int32') } },
    Span: {
      fields: {
        traceId: field(1, 'bytes'),
        spanId: field(2, 'bytes'),
        parentSpanId: field(4, 'bytes'),
        name: field(5, 'string'),
        kind: field(6, 'int32'),
        startTimeUnixNano: field(7, 'fixed64'),
        endTimeUnixNano: field(8, 'fixed64'),
        attributes: repeated(9, 'KeyValue'),
        status: field(15, 'Status'),
      },
    },
    ScopeSpans: { fields: { spans: repeated(2, 'Span') } },
    ResourceSpans: { fields: { resource: field(1, 'Resource'), scopeSpans: repeated(2, 'ScopeSpans') } },
    TraceRequest: { fields: { resourceSpans: repeated(1, 'ResourceSpans') } },
    LogRecord: {
      fields: {
        timeUnixNano: field(1, 'fixed64'),
        attributes: repeated(6, 'KeyValue'),
        traceId: field(9, 'bytes'),
        spanId: field(10, 'bytes'),
        observedTimeUnixNano: field(11, 'fixed64'),
        eventName: field(12, 'string'),
      },
    },
    ScopeLogs: { fields: { logRecords: repeated(2, 'LogRecord') } },
    ResourceLogs: { fields: { resource: field(1, 'Resource'), scopeLogs: repeated(2, 'ScopeLogs') } },
    LogsRequest: { fields: { resourceLogs: repeated(1, 'ResourceLogs') } },
    PartialSuccess: { fields: { rejected: field(1, 'int64'), errorMessage: field(2, 'string') } },
    ExportResponse: { fields: { partialSuccess: field(1, 'PartialSuccess') } },
    RpcStatus: { fields: { code: field(1, 'int32'), message: field(2, 'string') } },
  },
});

/** What is sent: spans to `/v1/traces`, log records to `/v1/logs`. */
export type Signal = 'traces' | 'logs';

root.resolveAll();
const REQUESTS = { traces: root.lookupType('TraceRequest'), logs: root.lookupType('LogsRequest') } as const;
const RESPONSE = root.lookupType('ExportResponse');
const STATUS = root.lookupType('RpcStatus');

/** Fields of a request: an attribute is two bytes at least, and some hundred once it is an object. */
const MAX_FIELDS = 1_000_000;
const LENGTH_DELIMITED = 2;

/**
 * Counts the fields of a message, and of those in it that the decoder makes objects of.
 * @throws MUSTER_BODY_TOO_LARGE, Error when the bytes are no message of protobuf
 */
function assertBounded(bytes: Buffer, of: protobuf.Type): void {
  let fields = 0;
  const reader = protobuf.Reader.create(bytes);
  const walk = (end: number, type: protobuf.Type) => {
    while (reader.pos < end) {
      fields += 1;
      if (fields > MAX_FIELDS)
        throw new MusterError('MUSTER_BODY_TOO_LARGE', `more than ${MAX_FIELDS} fields in one request; send them in parts`);
      const tag = reader.uint32();
      const inner = type.fieldsById[tag >>> 3]?.resolvedType;
      if (inner instanceof protobuf.Type && (tag & 7) === LENGTH_DELIMITED) {
        const length = reader.uint32();
        walk(reader.pos + length, inner);
      } else reader.skipType(tag & 7);
    }
  };
  walk(bytes.length, of);
}

/**
 * A request as the plain object that its JSON form would be; ids stay bytes, 64-bit numbers become decimal text.
 * @throws MUSTER_BODY_TOO_LARGE, Error when the bytes are not such a message
 */
export function decodeRequest(signal: Signal, bytes: Buffer): unknown {
  const type = REQUESTS[signal];
  assertBounded(bytes, type);
  return type.toObject(type.decode(bytes), { longs: String });
}

/** An `Export…ServiceResponse`; of both signals the fields have the same numbers. */
export const encodeResponse = (partialSuccess: { rejected: number; errorMessage: string } | undefined): Uint8Array =>
  RESPONSE.encode(RESPONSE.create(partialSuccess ? { partialSuccess } : {})).finish();

/** A `google.rpc.Status`. */
export const encodeStatus = (status: { code: number; message: string }): Uint8Array => STATUS.encode(STATUS.create(status)).finish();
