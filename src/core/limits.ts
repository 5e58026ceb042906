/** How often something may be asked for: of one person, and of one route by everybody. Counted in memory; what is sent is counted in the store. */
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { MusterError } from '../errors.ts';
import type { Settings } from './settings.ts';
import { untraced } from './telemetry.ts';

const PERSON_SECONDS = 600;
/** Requests of one address in a minute that carry no token of the issuer's. */
const STRANGERS = 60;
const STRANGER_SECONDS = 60;

/** Too many requests of somebody nobody knows: they count nowhere. */
export class StrangerError extends MusterError {}

export type Limited = 'start' | 'proof';

export interface Limits {
  /**
   * Counts a request of a person.
   * @param onFirstRefusal called once in a window: a flood must not become a flood of events
   * @throws MUSTER_RATE_LIMITED
   */
  person(what: Limited, user: string, onFirstRefusal: () => Promise<void>): Promise<void>;
  /**
   * Checks who asks, and counts those of an address who are nobody.
   * @throws what the check throws; after too many of those, StrangerError
   */
  stranger(address: string, check: () => Promise<void>): Promise<void>;
  /** Counts a request to a route. @throws MUSTER_RATE_LIMITED */
  route(name: string): Promise<void>;
}

/** Limits counted in the memory of this process. */
export function createLimits({
  starts_per_user: starts,
  proofs_per_user: proofs,
  requests_per_route: requests,
}: Settings['limits']): Limits {
  const persons = {
    start: new RateLimiterMemory({ points: starts, duration: PERSON_SECONDS }),
    proof: new RateLimiterMemory({ points: proofs, duration: PERSON_SECONDS }),
  };
  const routes = new RateLimiterMemory({ points: requests, duration: 1 });
  const strangers = new RateLimiterMemory({ points: STRANGERS, duration: STRANGER_SECONDS });
  const refusal = ({ msBeforeNext }: RateLimiterRes) =>
    new MusterError('MUSTER_RATE_LIMITED', 'too many requests for now; send this one again later', {
      retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1_000)),
    });
  return {
    async person(what, user, onFirstRefusal) {
      const limiter = persons[what];
      try {
        await untraced(() => limiter.consume(user));
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        if (error.consumedPoints === limiter.points + 1) await onFirstRefusal();
        throw refusal(error);
      }
    },
    async stranger(address, check) {
      try {
        await check();
      } catch (error) {
        await untraced(() => strangers.consume(address)).catch((rejected: unknown) => {
          if (!(rejected instanceof RateLimiterRes)) throw rejected;
          const retryAfterSeconds = Math.max(1, Math.ceil(rejected.msBeforeNext / 1_000));
          throw new StrangerError('MUSTER_RATE_LIMITED', 'too many requests from here were refused; send this one again later', {
            retryAfterSeconds,
          });
        });
        throw error;
      }
    },
    async route(name) {
      try {
        await untraced(() => routes.consume(name));
      } catch (error) {
        throw error instanceof RateLimiterRes ? refusal(error) : error;
      }
    },
  };
}
