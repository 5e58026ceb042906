/** Connections that speak something else: gRPC is told what to set, the rest what Node's own server would say. */
import type { Socket } from 'node:net';

/** What a client of HTTP/2 begins with (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const [SETTINGS, GOAWAY] = [4, 7];
const HTTP_1_1_REQUIRED = 0xd;
const ADVICE = 'Muster takes OTLP over HTTP/1.1, not gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf';

const STATUS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
};

/** A frame of HTTP/2 on the connection itself (RFC 9113 section 4.1). */
function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  return Buffer.concat([head, payload]);
}

/** Stream 0 was the last; why; and words for whoever reads the log of the client (RFC 9113 section 6.8). */
function goAway(): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(HTTP_1_1_REQUIRED, 4);
  return Buffer.concat([frame(SETTINGS, Buffer.alloc(0)), frame(GOAWAY, Buffer.concat([payload, Buffer.from(ADVICE)]))]);
}

/** The handler of `clientError`. */
export function answerClientError(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return;
  if (error.rawPacket?.subarray(0, PREFACE.length).equals(PREFACE)) {
    // What comes further is no longer looked at.
    socket.removeAllListeners('data');
    socket.end(goAway());
    return;
  }
  const written = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent === true;
  if (written || error.code === 'ECONNRESET') socket.destroy(error);
  else socket.end(`HTTP/1.1 ${STATUS[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`);
}
