/** The policy: who may, must and must not enroll what. Rules of a file; all that fit a person count, and the strictest word wins. */
import { z } from 'zod';
import { FACTOR_TYPES, FACTORS, type FactorType } from '../factors/index.ts';

/** As the catalogue of events has them. */
export const TIERS = ['standard', 'vip', 'privileged', 'service', 'node'] as const;
export type Tier = (typeof TIERS)[number];

const factorType = z.enum(FACTOR_TYPES);
const factorTypes = z.array(factorType);

export const ruleSchema = z.strictObject({
  /** Whom it is about. @default everybody */
  when: z.strictObject({ tier: z.array(z.enum(TIERS)).optional(), segment: z.array(z.string()).optional() }).optional(),
  /** These alone. @default all */
  allowed: factorTypes.optional(),
  forbidden: factorTypes.optional(),
  /** What a person should have; what cannot be had at present is not asked for. */
  required: factorTypes.optional(),
  /** Most of each that a person may have. @default 5 */
  max: z.partialRecord(factorType, z.number().int().min(1)).optional(),
  /** Least assurance level of NIST SP 800-63B-4 that a factor, and whatever stands in for it, must keep. @default 1 */
  assurance: z.union([z.literal(1), z.literal(2), z.literal(3)]).optional(),
  /** Whether one of the factors that are there must be proven before another comes. @default false */
  step_up: z.boolean().optional(),
});
export type Rule = z.infer<typeof ruleSchema>;

const DEFAULT_MAX = 5;

/** Codes over the telephone network and by e-mail can be stolen from afar: not for those who can do most harm. */
export const DEFAULT_RULES: readonly Rule[] = [{ when: { tier: ['privileged'] }, forbidden: ['sms', 'voice', 'email'] }];

export interface Subject {
  tier?: Tier | undefined;
  segment?: string | undefined;
}

export interface Decision {
  allowed: ReadonlySet<FactorType>;
  required: ReadonlySet<FactorType>;
  max: (type: FactorType) => number;
  isStepUpRequired: boolean;
}

/** What the rules say of somebody. */
export function decide(rules: readonly Rule[], { tier = 'standard', segment }: Subject): Decision {
  const fitting = rules.filter(
    ({ when }) =>
      (!when?.tier || when.tier.includes(tier)) && (!when?.segment || (segment !== undefined && when.segment.includes(segment))),
  );
  const assurance = Math.max(1, ...fitting.map((rule) => rule.assurance ?? 1));
  const allowed = FACTOR_TYPES.filter(
    (type) =>
      FACTORS[type].traits.assurance >= assurance &&
      fitting.every((rule) => (!rule.allowed || rule.allowed.includes(type)) && !rule.forbidden?.includes(type)),
  );
  return {
    allowed: new Set(allowed),
    required: new Set(fitting.flatMap((rule) => rule.required ?? [])),
    max(type) {
      const said = fitting.map((rule) => rule.max?.[type]).filter((max) => max !== undefined);
      return said.length === 0 ? DEFAULT_MAX : Math.min(...said);
    },
    isStepUpRequired: fitting.some((rule) => rule.step_up === true),
  };
}
