/** How the enrollment page asks the core: with the token of the host application, if there is one, and each thing once. */
import type { FactorType } from '../../../src/core/factors/index.ts';

export interface Options {
  user: string;
  allowed: { factor_type: FactorType; assurance: number; is_restricted: boolean; warning?: string }[];
  missing: FactorType[];
}

export interface Enrollment {
  id: string;
  factor_type: FactorType;
  expires_at: string;
  challenge: {
    secret?: string;
    qr_svg?: string;
    sent_to?: string;
    code_number?: number;
    number?: string;
    nonce?: string;
    codes?: string[];
  };
  codes_left?: number;
}

/** What the core refused, in words that can be shown. */
export class Refusal extends Error {
  readonly status: number;
  /** Whether there is no way on but to start again. */
  readonly isFinal: boolean;
  readonly triesLeft: number | undefined;
  constructor(status: number, detail: string, triesLeft: number | undefined) {
    super(detail);
    this.status = status;
    this.isFinal = status === 409 || triesLeft === 0;
    this.triesLeft = triesLeft;
  }
}

/** A token in the fragment of the address goes to no server and into no log. It is taken out of the address at once. */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? undefined;
  if (token !== undefined) history.replaceState(null, '', location.pathname + location.search);
  return token;
}

/** @param attempt the same for a request that is sent again because no answer came */
export async function ask<T>(
  method: 'GET' | 'POST',
  path: string,
  { token, body, attempt }: { token: string | undefined; body?: unknown; attempt?: string },
): Promise<T> {
  const response = await fetch(`/core/v1${path}`, {
    method,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(attempt !== undefined && { 'idempotency-key': attempt }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json().catch(() => ({}))) as T & { detail?: string; attempts_left?: number };
  if (response.ok) return answer;
  const detail = answer.detail ?? `The server answered ${response.status}`;
  throw new Refusal(response.status, `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`, answer.attempts_left);
}
