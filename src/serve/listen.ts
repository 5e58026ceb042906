/** Listening, with an error that says what to do. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MusterError, systemCode } from '../errors.ts';

export const LOOPBACK = '127.0.0.1';

/**
 * The port at which the server then answers.
 * @param port 0 for any free one
 * @param advice what to do when the port is taken
 * @throws MUSTER_PORT_IN_USE
 */
export async function listenOn(
  server: Server,
  { host = LOOPBACK, port, advice }: { host?: string; port: number; advice: string },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const isTaken = systemCode(error) === 'EADDRINUSE';
      reject(
        isTaken ? new MusterError('MUSTER_PORT_IN_USE', `port ${port} is taken by another program; ${advice}`, { cause: error }) : error,
      );
    });
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** The same on the loopback address: the URL at which it then answers. */
export const listenOnLoopback = async (server: Server, port: number, advice: string): Promise<string> =>
  `http://${LOOPBACK}:${await listenOn(server, { port, advice })}`;

/** Whether only this machine can reach the address. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

/**
 * Nobody is let in from elsewhere without a key, nor with one that others can read on its way.
 * @throws MUSTER_BAD_ARGUMENT
 */
export function assertSafe(
  { host, behindProxy, tlsCert }: { host: string; behindProxy: boolean; tlsCert?: string | undefined },
  hasKeys: boolean,
): void {
  if (isLoopback(host) && !behindProxy) return;
  if (!hasKeys)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `${behindProxy ? '--behind-proxy' : `--host ${host}`}: others could reach Muster without a key; make one with muster keys create --scope admin, or name the file of keys with MUSTER_KEYS`,
    );
  if (tlsCert === undefined && !behindProxy)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `--host ${host}: keys would travel unencrypted; give --tls-cert and --tls-key, or say --behind-proxy when a proxy in front speaks TLS`,
    );
}
