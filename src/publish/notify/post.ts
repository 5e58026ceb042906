/** What is told goes to the address that was configured, and nowhere else. */

const TIMEOUT_MS = 10_000;

/** User and password of an address, which go in a header: `fetch` takes none in an address, and says it in its error. */
function withoutCredentials(url: string): { address: string; authorization: string | undefined } {
  const address = new URL(url);
  const credentials = [address.username, address.password].map((text) => decodeURIComponent(text)).join(':');
  address.username = '';
  address.password = '';
  return {
    address: address.href,
    authorization: credentials === ':' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
  };
}

/**
 * Posts to a receiver. One that sends elsewhere has not been told: a redirected POST becomes a GET without a body, or goes with its signature to
 * whoever the answer names.
 * @throws when there is no answer in ten seconds, or the answer sends elsewhere
 */
export async function post(url: string, { headers, body }: { headers?: Record<string, string>; body?: string }): Promise<Response> {
  const { address, authorization } = withoutCredentials(url);
  const response = await fetch(address, {
    method: 'POST',
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...headers, ...(authorization && { authorization }) },
    ...(body !== undefined && { body }),
  });
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    const to = response.headers.get('location')?.slice(0, 200) ?? 'nowhere';
    throw new Error(`answered ${response.status}, which sends to ${JSON.stringify(to)}: configure the address that it has moved to`);
  }
  return response;
}
