/** Answers of OTLP in protobuf, as field numbers and types (opentelemetry-proto, collector services; google.rpc.Status). */
import protobuf from 'protobufjs';

const field = (id: number, type: string) => ({ id, type });

const root = protobuf.Root.fromJSON({
  nested: {
    PartialSuccess: { fields: { rejected: field(1, 'int64'), errorMessage: field(2, 'string') } },
    ExportResponse: { fields: { partialSuccess: field(1, 'PartialSuccess') } },
    RpcStatus: { fields: { code: field(1, 'int32'), message: field(2, 'string') } },
  },
});
root.resolveAll();
const RESPONSE = root.lookupType('ExportResponse');
const STATUS = root.lookupType('RpcStatus');

/** An `Export…ServiceResponse`; of both signals the fields have the same numbers. */
export const encodeResponse = (partialSuccess: { rejected: number; errorMessage: string } | undefined): Uint8Array =>
  RESPONSE.encode(RESPONSE.create(partialSuccess ? { partialSuccess } : {})).finish();

/** A `google.rpc.Status`. */
export const encodeStatus = (status: { code: number; message: string }): Uint8Array => STATUS.encode(STATUS.create(status)).finish();
