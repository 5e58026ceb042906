/** Staged roll-out: a flag per factor, by OpenFeature, so that a flag service of one's own can take the place of the percentages in the file. */
import { createHash } from 'node:crypto';
import { InMemoryProvider, OpenFeature } from '@openfeature/server-sdk';
import { trace } from '@opentelemetry/api';
import { FACTOR_TYPES, type FactorType } from '../factors/index.ts';

const flagOf = (type: FactorType) => `enroll-${type.replaceAll('_', '-')}`;

/** Whether a factor is rolled out to somebody. */
export type IsRolledOut = (type: FactorType, user: string, region: string | undefined) => Promise<boolean>;

/** Of a hundred, always the same for a person and a flag: who is in stays in when the share grows. */
export function bucketOf(flag: string, user: string): number {
  return (
    (createHash('sha256')
      .update(JSON.stringify([flag, user]))
      .digest()
      .readUInt32BE() /
      2 ** 32) *
    100
  );
}

/**
 * Flags of one core.
 * @param percentages of each factor @default 100
 * @param domain names the client, so that cores of one process do not share flags
 */
export async function createFlags(percentages: Partial<Record<FactorType, number>>, domain: string): Promise<IsRolledOut> {
  const flags = FACTOR_TYPES.map((type) => {
    const flag = flagOf(type);
    const isIn = (user: unknown) => bucketOf(flag, String(user)) < (percentages[type] ?? 100);
    return [
      flag,
      {
        disabled: false,
        variants: { on: true, off: false },
        defaultVariant: 'on',
        contextEvaluator: ({ targetingKey }: { targetingKey?: string }) => (isIn(targetingKey) ? 'on' : 'off'),
      },
    ] as const;
  });
  await OpenFeature.setProviderAndWait(domain, new InMemoryProvider(Object.fromEntries(flags)));
  const client = OpenFeature.getClient(domain);
  return async (type, user, region) => {
    const { value, variant, reason } = await client.getBooleanDetails(flagOf(type), false, {
      targetingKey: user,
      ...(region !== undefined && { region }),
    });
    trace.getActiveSpan()?.addEvent('feature_flag.evaluation', {
      'feature_flag.key': flagOf(type),
      'feature_flag.result.variant': variant ?? String(value),
      'feature_flag.result.reason': String(reason ?? 'unknown').toLowerCase(),
    });
    return value;
  };
}
