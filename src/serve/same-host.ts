/** Only the own pages may talk to us: a foreign Host (DNS rebinding) or Origin (cross-site post) is refused. */
import type { IncomingMessage } from 'node:http';
import { MusterError } from '../errors.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Throws MUSTER_FORBIDDEN_HOST for a request that is not meant for us.
 * @param isAnyHost whether it may come by any name: what it asks for is everybody's, or it brings a key, which no page of another origin has
 */
export type HostCheck = (request: IncomingMessage, isAnyHost?: boolean) => void;

/**
 * A request says once where it goes: two hosts, or one in its line and another in its head, would be one for us and another for whoever
 * stands between (RFC 9112 section 3.2).
 * @throws MUSTER_BAD_ARGUMENT
 */
function assertOneTarget({ rawHeaders, url = '' }: IncomingMessage): void {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === 'host') hosts += 1;
  if (hosts > 1) throw new MusterError('MUSTER_BAD_ARGUMENT', 'the request has more than one Host header');
  if (!url.startsWith('/')) throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected the path of a request to begin with /');
}

/** @param others hosts, with their port if it is another than that of the scheme, by which the server is reached from elsewhere */
export function hostCheck({ isSecure = false, others = [] }: { isSecure?: boolean; others?: readonly string[] } = {}): HostCheck {
  const scheme = isSecure ? 'https' : 'http';
  const allowedOn = (port: number | undefined) => {
    const hosts = [...LOOPBACK.flatMap((name) => [`${name}:${port}`, ...(port === (isSecure ? 443 : 80) ? [name] : [])]), ...others];
    // A proxy in front speaks TLS to the browser and HTTP to us.
    const origins = [...hosts.map((name) => `${scheme}://${name}`), ...others.map((name) => `https://${name}`)];
    return { hosts: new Set(hosts), origins: new Set(origins) };
  };
  const byPort = new Map<number | undefined, ReturnType<typeof allowedOn>>();
  return (request, isAnyHost = false) => {
    assertOneTarget(request);
    if (isAnyHost) return;
    const port = request.socket.localPort;
    const { hosts, origins } = byPort.get(port) ?? allowedOn(port);
    if (!byPort.has(port)) byPort.set(port, { hosts, origins });
    if (!hosts.has(request.headers.host?.toLowerCase() ?? '')) {
      const names = [`${LOOPBACK[0]}:${port}`, `${LOOPBACK[1]}:${port}`, ...others];
      throw new MusterError(
        'MUSTER_FORBIDDEN_HOST',
        `this server answers to ${names.join(', ')} only; MUSTER_BASE_URL names the address by which others reach it`,
      );
    }
    const { origin } = request.headers;
    if (origin !== undefined && !origins.has(origin.toLowerCase()))
      throw new MusterError('MUSTER_FORBIDDEN_HOST', 'requests from pages of other origins are refused');
  };
}
