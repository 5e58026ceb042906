/** Calls of providers over HTTP. */
import { ProviderError } from './provider.ts';

const MAX_BYTES = 65_536;

/** What was answered: the body as JSON, or undefined when it is none. @throws ProviderError when there is no answer */
export async function call(url: string, init: RequestInit): Promise<{ status: number; body: Record<string, unknown> | undefined }> {
  let text: string;
  let status: number;
  try {
    // A provider that redirects would be sent our credentials, and the code, elsewhere.
    const response = await fetch(url, { ...init, redirect: 'error' });
    status = response.status;
    text = (await response.text()).slice(0, MAX_BYTES);
  } catch (cause) {
    const isTimeout = cause instanceof Error && (cause.name === 'AbortError' || cause.name === 'TimeoutError');
    throw new ProviderError('provider', isTimeout ? 'timeout' : 'unreachable', cause);
  }
  try {
    return { status, body: JSON.parse(text) as Record<string, unknown> };
  } catch {
    return { status, body: undefined };
  }
}

/** The value of an Authorization header by RFC 7617. */
export const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
