/** What happens behind the enrollment page: reconciliation finds factors twice, administrators act, policies change. */
import { DAY_MS, MINUTE_MS } from '../system/time.ts';
import { somebody } from './population.ts';
import { seededRandom } from './random.ts';
import { iso, type Scenario, type SimulatedEvent, SOURCE } from './scenario.ts';

const DUPLICATES_PER_DAY = 3;
const ADMIN_ACTIONS_PER_DAY = 14;
const POLICY_CHANGES_PER_DAY = 0.1;
/** Tells this stream of chance from the others of the same day. */
const STREAM = 4_711;

const ADMIN_ACTIONS = [
  ['exception.granted', 30],
  ['factor.listed', 45],
  ['group.assigned', 20],
  ['key.rotated', 5],
] as const;
const POLICIES = ['sms-for-partners', 'webauthn-attestation', 'lockout-after', 'code-lifetime'] as const;

/** The events of one day. */
export function backOfficeEvents({ seed, endMs }: Scenario, day0: number): SimulatedEvent[] {
  const random = seededRandom(seed, day0 / DAY_MS, STREAM);
  const moments = (mean: number) => Array.from({ length: random.poisson(mean) }, () => day0 + random.integer(DAY_MS));
  const event = (type: string, source: string, atMs: number, extra: object): SimulatedEvent => ({
    id: random.uuid(atMs),
    type,
    time: iso(atMs),
    source,
    ...extra,
  });
  const duplicates = moments(DUPLICATES_PER_DAY).flatMap((atMs) => {
    const { user, region, tenant, factor_type } = somebody(random);
    const factor = { user, region, tenant, factor_type, factor_id: random.uuid(atMs), error_class: 'duplicate' };
    const resolvedMs = atMs + Math.round(random.logNormal(40 * MINUTE_MS, 1));
    // Reconciliation removes what it can tell apart; the rest waits for a person.
    const resolved = random.chance(0.8) ? [event('factor.duplicate_resolved', 'reconciliation', resolvedMs, factor)] : [];
    return [
      event('factor.duplicate_detected', 'reconciliation', atMs, { ...factor, reason: 'retried without an idempotency key' }),
      ...resolved,
    ];
  });
  const actions = moments(ADMIN_ACTIONS_PER_DAY).map((atMs) => {
    const { user, region, tenant } = somebody(random);
    const actor = `admin-${1 + random.integer(5)}@example.org`;
    return event('admin.action', SOURCE, atMs, { user, region, tenant, actor, action: random.weighted(ADMIN_ACTIONS), outcome: 'success' });
  });
  const changes = moments(POLICY_CHANGES_PER_DAY).map((atMs) =>
    event('policy.changed', SOURCE, atMs, {
      actor: `admin-${1 + random.integer(5)}@example.org`,
      action: POLICIES[random.integer(POLICIES.length)],
      reason: 'change request approved',
    }),
  );
  return [...duplicates, ...actions, ...changes].filter(({ time }) => Date.parse(time) < endMs);
}
