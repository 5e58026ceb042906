/** The states of enrollments and factors, and the steps between them: whatever is not in these tables is refused. Drawn in docs/core.md. */
import { MusterError } from '../../errors.ts';

/** A pending enrollment ends after this. NIST SP 800-63B-4 section 3.1.3.2 allows ten minutes for a secret out of band; the same here. */
export const TIME_TO_LIVE_MS = 600_000;
/** Of an enrollment token. NIST SP 800-63B-4 section 4.1.2.2: ten minutes at most. */
export const MAX_TOKEN_LIFE_SECONDS = 600;
/** A challenge to log in with ends after ten minutes, whatever the factor (NIST SP 800-63B-4 section 3.1.3.2). */
export const CHALLENGE_LIFE_MS = 600_000;

/** NIST SP 800-63B-4 section 3.2.2: at most a hundred failures in a row, and then the factor is of no use any more. */
export const MAX_FAILURES = 100;

interface Step {
  from: readonly string[];
  to: string;
}

/** An enrollment waits for its proof, and ends in one of four ways. */
export const ENROLLMENT = {
  activate: { from: ['pending'], to: 'active' },
  fail: { from: ['pending'], to: 'failed' },
  expire: { from: ['pending'], to: 'expired' },
  cancel: { from: ['pending'], to: 'cancelled' },
} as const satisfies Record<string, Step>;

/** A factor is there once its enrollment is proven; two of its states are final. */
export const FACTOR = {
  suspend: { from: ['active'], to: 'suspended' },
  resume: { from: ['suspended'], to: 'active' },
  revoke: { from: ['active', 'suspended'], to: 'revoked' },
  deprovision: { from: ['active', 'suspended'], to: 'deprovisioned' },
} as const satisfies Record<string, Step>;

type StateOf<Steps extends Record<string, Step>> = Steps[keyof Steps]['to'] | Steps[keyof Steps]['from'][number];
export type EnrollmentState = StateOf<typeof ENROLLMENT>;
export type FactorState = StateOf<typeof FACTOR>;

/**
 * The state that a step leads to.
 * @param what is taken it, as the error names it
 * @throws MUSTER_ILLEGAL_TRANSITION when no such step leads on from this state
 */
export function after<Steps extends Record<string, Step>, Name extends keyof Steps & string>(
  steps: Steps,
  name: Name,
  state: string,
  what: string,
): Steps[Name]['to'] {
  const { from, to } = steps[name] as Steps[Name];
  if (from.includes(state)) return to;
  throw new MusterError('MUSTER_ILLEGAL_TRANSITION', `${what} is ${state}; only one that is ${from.join(' or ')} can be made ${to}`);
}
