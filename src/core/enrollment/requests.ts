/** What the core is asked for, as schemas: of bodies, of the OpenAPI document, of the errors that name a field. */
import { z } from 'zod';
import { CANARY_SERIAL, serial } from '../factors/hardware-otp.ts';
import { FACTOR_TYPES, FACTORS, type FactorType } from '../factors/index.ts';
import { ALGORITHMS } from '../factors/otp.ts';
import { TIERS, type Tier } from '../policy/policy.ts';

const wellFormed = (text: string) => text.isWellFormed();
const label = z.string().min(1).max(64).refine(wellFormed, 'contains half of a surrogate pair, which is no text').optional();
/** Opaque: as the host application writes it, to the last blank and letter. */
export const userSchema = z
  .string()
  .min(1)
  .max(320)
  .regex(/\S/, 'expected more than blanks')
  .regex(/^[^\p{Cc}\p{Default_Ignorable_Code_Point}]*$/u, 'contains a character that nobody sees')
  .refine(wellFormed, 'contains half of a surrogate pair, which is no text');

/** Labels that every event of an enrollment carries. */
const labels = {
  traffic: z.enum(['user', 'synthetic', 'internal', 'bot']).optional(),
  channel: z.enum(['self_service', 'sso', 'admin', 'api', 'ci', 'recovery']).optional(),
  user_tier: z.enum(TIERS).optional(),
  region: label,
  segment: label,
  tenant: label,
  environment: label,
  client_version: label,
};
const LABELS = Object.keys(labels) as (keyof typeof labels)[];

/** Proofs of the factors, as the document shows them; which one it must be, the factor says. */
const proofs = [...Map.groupBy(FACTOR_TYPES, (type) => FACTORS[type].proof)].map(([proof, types]) =>
  proof.meta({ description: `of ${types.join(', ')}` }),
);
export const proofSchema = z.union(proofs);

/** Challenges of all factors: what is shown once, each by what its factor shows. */
export const challengeSchema = z
  .object(Object.assign({}, ...FACTOR_TYPES.map((type) => FACTORS[type].shown.partial().shape)) as z.ZodRawShape)
  .describe(FACTOR_TYPES.map((type) => `${type}: ${Object.keys(FACTORS[type].shown.shape).join(', ')}`).join('; '));

const common = {
  user: userSchema,
  ...labels,
  /** A factor of the same type, whose place the new one takes once it is proven. */
  replaces: z.string().max(128).optional(),
  /** Proof of a factor that is there: its id, and the proof itself. */
  step_up: z.strictObject({ factor_id: z.string().max(128), proof: z.record(z.string(), z.unknown()) }).optional(),
};

const oneOf = `expected one of ${FACTOR_TYPES.join(', ')}`;
/** Body of `POST /core/v1/enrollments`, by factor. */
const startSchemas = FACTOR_TYPES.map((type) =>
  z.strictObject({ factor_type: z.literal(type), ...common, ...FACTORS[type].options.shape }),
);
export const startSchema = z.discriminatedUnion('factor_type', startSchemas as never, {
  error: oneOf,
}) as unknown as z.ZodType<StartRequest>;

export interface StartRequest {
  factor_type: FactorType;
  user: string;
  user_tier?: Tier;
  segment?: string;
  region?: string;
  replaces?: string;
  step_up?: { factor_id: string; proof: Record<string, unknown> };
  [option: string]: unknown;
}

/** Body of what is done to the factors of somebody. */
export const actSchema = z.strictObject({ actor: z.string().min(1).max(320).optional(), reason: z.string().min(1).max(128).optional() });

/** Who did something to a factor of somebody, and why. */
export type Acted = z.infer<typeof actSchema>;

const seed = z.string().max(256);
/** Body of `POST /core/v1/hardware-tokens`: seeds as their maker delivered them. */
export const tokensSchema = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        serial: serial.refine(
          (text) => !text.startsWith(CANARY_SERIAL),
          `expected another beginning than ${CANARY_SERIAL}, which is the canary's`,
        ),
        kind: z.enum(['totp', 'hotp']),
        secret: z.union([z.strictObject({ base32: seed }), z.strictObject({ hex: seed }), z.strictObject({ base64: seed })], {
          error: 'expected one of base32, hex and base64',
        }),
        algorithm: z.enum(ALGORITHMS).default('SHA1'),
        digits: z.union([z.literal(6), z.literal(8)], { error: 'expected 6 or 8' }).default(6),
        /** NIST SP 800-63B-4 section 3.1.4.1: the time moves at least every two minutes. */
        period: z.number().int().min(10).max(120).default(30),
        counter: z.number().int().min(0).default(0),
      }),
    )
    .min(1)
    .max(1_000),
});
export type HardwareTokens = z.infer<typeof tokensSchema>['tokens'];

/** Labels of a start that every event of its enrollment carries. */
export const labelsOf = (request: StartRequest): Record<string, unknown> =>
  Object.fromEntries(LABELS.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]));
