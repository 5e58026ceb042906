/** Listening on the loopback address, with an error that says what to do. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MusterError, systemCode } from '../errors.ts';

const HOST = '127.0.0.1';

/**
 * The URL at which the server then answers.
 * @param port 0 for any free one
 * @param advice what to do when the port is taken
 * @throws MUSTER_PORT_IN_USE
 */
export async function listenOnLoopback(server: Server, port: number, advice: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const isTaken = systemCode(error) === 'EADDRINUSE';
      reject(
        isTaken ? new MusterError('MUSTER_PORT_IN_USE', `port ${port} is taken by another program; ${advice}`, { cause: error }) : error,
      );
    });
    server.listen(port, HOST, resolve);
  });
  return `http://${HOST}:${(server.address() as AddressInfo).port}`;
}
