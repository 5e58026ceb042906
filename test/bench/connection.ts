/** One connection that sends prepared requests one after the other: as little of the processor as a client can take. */
import { connect, type Socket } from 'node:net';

export interface Connection {
  /** Sends a request as it stands and resolves with the status of its answer. */
  send(request: Buffer): Promise<number>;
  /** The same, with the body of the answer. */
  ask(request: Buffer): Promise<{ status: number; body: string }>;
  /** A server lets go of who says nothing for some seconds. */
  isOpen(): boolean;
  close(): void;
}

/** A request with a body to a path. */
export function bodyRequest(host: string, path: string, type: string, body: Buffer): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A request of NDJSON to `POST /v1/events`. */
export const eventsRequest = (host: string, body: Buffer): Buffer => bodyRequest(host, '/v1/events', 'application/x-ndjson', body);

/** A request of JSON to a path. */
export const jsonRequest = (host: string, path: string, body: unknown): Buffer =>
  bodyRequest(host, path, 'application/json', Buffer.from(JSON.stringify(body)));

export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let waiting: { resolve: (answer: { status: number; body: string }) => void; reject: (error: Error) => void } | undefined;
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0);
    if (received.length < end + 4 + length) return;
    const answer = { status: Number(received.slice(9, 12)), body: received.slice(end + 4, end + 4 + length) };
    received = received.slice(end + 4 + length);
    waiting?.resolve(answer);
  });
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('the server closed the connection')));
  const ask: Connection['ask'] = (request) =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      socket.write(request);
    });
  return {
    ask,
    send: async (request) => (await ask(request)).status,
    isOpen: () => !socket.destroyed,
    close: () => socket.destroy(),
  };
}
