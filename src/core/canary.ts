/** The synthetic canary: enrolls every factor on a schedule through the same API as everybody, and revokes it. Marked as synthetic, so no SLI counts it. */
import { LRUCache } from 'lru-cache';
import { CANARY_DOMAIN } from './factors/delivered.ts';
import type { Message } from './factors/factor.ts';
import { FACTOR_TYPES, FACTORS, type FactorType } from './factors/index.ts';

const userOf = (factor: FactorType) => `canary-${factor.replaceAll('_', '-')}@${CANARY_DOMAIN}`;
export const CANARY_USERS = FACTOR_TYPES.map(userOf);

/** What is on its way to the canary: it alone reads it, and nobody else gets it. */
export interface Inbox {
  /** Whether a message of this person is for the canary. */
  takes(user: string, traffic: string | undefined): boolean;
  put(about: string, message: Message): void;
  /** The last code for this enrollment, once. */
  code(about: string): string | undefined;
}

/** An inbox of the canary that keeps its last hundred codes. */
export function createInbox(): Inbox {
  const codes = new LRUCache<string, string>({ max: 100 });
  return {
    takes: (user, traffic) => traffic === 'synthetic' && user.endsWith(`@${CANARY_DOMAIN}`),
    put: (about, { code }) => void codes.set(about, code),
    code(about) {
      const code = codes.get(about);
      codes.delete(about);
      return code;
    },
  };
}

type Fields = Record<string, unknown>;
/** Asks the API of the core. Returns status and body. */
export type Ask = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: Fields) => Promise<{ status: number; body: Fields }>;

export interface CanaryResult {
  factor: FactorType;
  isGood: boolean;
  /** What went wrong, where. */
  problem?: string;
}

export interface CanaryDeps {
  ask: Ask;
  inbox: Inbox;
  /** Brings a hardware token in, which the canary then holds. Returns its serial number. */
  newToken: (secretHex: string) => Promise<string>;
  /** Takes away what a round before left: one that was cut short must not make this one fail. */
  clean: () => Promise<void>;
  now: () => number;
}

/** One round: each of these factors that is offered at present, one after the other. */
export async function canaryRound(factors: readonly FactorType[] = FACTOR_TYPES, deps: CanaryDeps): Promise<CanaryResult[]> {
  const results: CanaryResult[] = [];
  await deps.clean();
  for (const factor of factors) {
    const problem = await enrolls(factor, deps).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (problem !== NOT_OFFERED) results.push({ factor, isGood: problem === undefined, ...(problem !== undefined && { problem }) });
  }
  return results;
}

const NOT_OFFERED = 'not offered';

/** What went wrong, or undefined. */
async function enrolls(factor: FactorType, { ask, inbox, newToken, now }: CanaryDeps): Promise<string | undefined> {
  const user = userOf(factor);
  const offered = await ask('GET', `/enrollments/options?user=${encodeURIComponent(user)}`);
  const allowed = (offered.body.allowed ?? []) as { factor_type: string }[];
  if (offered.status === 200 && !allowed.some(({ factor_type: type }) => type === factor)) return NOT_OFFERED;
  const { canary } = FACTORS[factor];
  const options = await canary.options?.(newToken);
  const started = await ask('POST', '/enrollments', { user, factor_type: factor, traffic: 'synthetic', channel: 'api', ...options });
  if (started.status !== 201) return `start answered ${started.status} ${String(started.body.code ?? '')}`;
  const id = String(started.body.id);
  const proof = canary.prove((started.body.challenge ?? {}) as Fields, { id, code: inbox.code(id), nowMs: now() });
  const verified = await ask('POST', `/enrollments/${id}/verify`, proof);
  if (verified.status !== 200) return `verify answered ${verified.status} ${String(verified.body.code ?? '')}`;
  const revoked = await ask('DELETE', `/factors/${String(verified.body.factor_id)}`);
  // A policy may forbid to give the last one away.
  return revoked.status === 200 || revoked.body.code === 'MUSTER_POLICY_REFUSED'
    ? undefined
    : `revoke answered ${revoked.status} ${String(revoked.body.code ?? '')}`;
}
