/** How the enrollment page asks the core: with the token of the host application, if there is one, and each thing once. */
import type { FactorType } from '../../../../src/core/factors/index.ts';

export interface Options {
  user: string;
  allowed: { factor_type: FactorType; assurance: number; is_restricted: boolean; warning?: string }[];
  missing: FactorType[];
}

export interface Enrollment {
  id: string;
  factor_type: FactorType;
  expires_at: string;
  challenge?: {
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

/** What the core refused. */
export class Refusal extends Error {
  readonly status: number;
  /** `MUSTER_…` */
  readonly code: string;
  /** Whether there is no way on but to start again. */
  readonly isFinal: boolean;
  readonly triesLeft: number | undefined;
  /** Seconds by which the clock of the device is ahead, when that is what is wrong. */
  readonly clockOffset: number | undefined;
  /** Whether the next code of the device is needed too. */
  readonly needsNextCode: boolean;
  constructor(status: number, problem: Problem) {
    super(problem.detail ?? `The server answered ${status}`);
    this.status = status;
    this.code = problem.code ?? '';
    this.triesLeft = problem.attempts_left;
    this.clockOffset = problem.clock_offset_seconds;
    this.needsNextCode = problem.needs_next_code === true;
    this.isFinal = problem.code === 'MUSTER_CONFLICT' || problem.attempts_left === 0;
  }
}

interface Problem {
  code?: string;
  detail?: string;
  attempts_left?: number;
  clock_offset_seconds?: number;
  needs_next_code?: boolean;
}

/** A token in the fragment of the address goes to no server and into no log. It is taken out of the address at once. */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? undefined;
  if (token !== undefined) history.replaceState(null, '', location.pathname + location.search);
  return token;
}

/** Idempotency-Keys of requests that have no answer yet: sent again, they are the same. */
const unanswered = new Map<string, string>();

export async function ask<T>(
  method: 'GET' | 'POST',
  path: string,
  { token, body }: { token: string | undefined; body?: unknown },
): Promise<T> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const name = `${method} ${path} ${text ?? ''}`;
  const key = unanswered.get(name) ?? crypto.randomUUID();
  if (method === 'POST') unanswered.set(name, key);
  const response = await fetch(`/core/v1${path}`, {
    method,
    headers: {
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(method === 'POST' && { 'idempotency-key': key }),
    },
    ...(text !== undefined && { body: text }),
  });
  const answer = (await response.json().catch(() => ({}))) as T & Problem;
  if (answer.code !== 'MUSTER_IN_PROGRESS') unanswered.delete(name);
  if (response.ok) return answer;
  throw new Refusal(response.status, answer);
}
