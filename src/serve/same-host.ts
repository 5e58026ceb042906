/** Only this machine's own pages may talk to us: a foreign Host (DNS rebinding) or Origin (cross-site post) is refused. */
import type { IncomingMessage } from 'node:http';
import { MusterError } from '../errors.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** @throws MUSTER_FORBIDDEN_HOST */
export function assertSameHost(request: IncomingMessage): void {
  const port = request.socket.localPort;
  const hosts = LOOPBACK.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
  const host = request.headers.host?.toLowerCase() ?? '';
  if (!hosts.includes(host)) {
    throw new MusterError('MUSTER_FORBIDDEN_HOST', `this server answers to ${LOOPBACK[0]}:${port} and ${LOOPBACK[1]}:${port} only`);
  }
  const { origin } = request.headers;
  if (origin !== undefined && !hosts.some((name) => origin.toLowerCase() === `http://${name}`)) {
    throw new MusterError('MUSTER_FORBIDDEN_HOST', 'requests from pages of other origins are refused');
  }
}
