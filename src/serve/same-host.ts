/** Only the own pages may talk to us: a foreign Host (DNS rebinding) or Origin (cross-site post) is refused. */
import type { IncomingMessage } from 'node:http';
import { MusterError } from '../errors.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** Throws MUSTER_FORBIDDEN_HOST for a request that is not meant for us. */
export type HostCheck = (request: IncomingMessage) => void;

/** @param others hosts, with their port if it is another than that of the scheme, by which the server is reached from elsewhere */
export function hostCheck({ isSecure = false, others = [] }: { isSecure?: boolean; others?: readonly string[] } = {}): HostCheck {
  const schemes = isSecure ? ['https'] : ['http'];
  return (request) => {
    const port = request.socket.localPort;
    const hosts = [...LOOPBACK.flatMap((name) => [`${name}:${port}`, ...(port === (isSecure ? 443 : 80) ? [name] : [])]), ...others];
    const host = request.headers.host?.toLowerCase() ?? '';
    if (!hosts.includes(host)) {
      const names = [`${LOOPBACK[0]}:${port}`, `${LOOPBACK[1]}:${port}`, ...others];
      throw new MusterError(
        'MUSTER_FORBIDDEN_HOST',
        `this server answers to ${names.join(', ')} only; MUSTER_BASE_URL names the address by which others reach it`,
      );
    }
    const { origin } = request.headers;
    // A proxy in front speaks TLS to the browser and HTTP to us.
    const origins = [
      ...schemes.flatMap((scheme) => hosts.map((name) => `${scheme}://${name}`)),
      ...others.map((name) => `https://${name}`),
    ];
    if (origin !== undefined && !origins.includes(origin.toLowerCase()))
      throw new MusterError('MUSTER_FORBIDDEN_HOST', 'requests from pages of other origins are refused');
  };
}
