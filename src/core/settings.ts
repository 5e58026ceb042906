/** Settings of the core: a YAML file, every field with its default. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MusterError } from '../errors.ts';
import { yamlDocuments } from '../system/yaml-file.ts';
import { FACTOR_TYPES } from './factors/index.ts';
import { DEFAULT_ISSUER } from './factors/otp.ts';
import { DEFAULT_RULES, ruleSchema } from './policy/policy.ts';
import { sendLimitsSchema } from './policy/send-limits.ts';
import { providerSchema } from './providers/index.ts';

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || /^127\./.test(host);
const PHONE_CHANNELS = ['sms', 'voice'] as const;
const perTenMinutes = (otherwise: number) => z.number().int().min(1).default(otherwise);

const schema = z.strictObject({
  /** Who may, must and must not enroll what. @default privileged people without SMS, voice and e-mail */
  policy: z.array(ruleSchema).default([...DEFAULT_RULES]),
  /** Share of people, in percent, to whom a factor is offered. @default 100 */
  rollout: z.partialRecord(z.enum(FACTOR_TYPES), z.number().min(0).max(100)).default({}),
  /** Who the account is with, as authenticator apps name it. */
  issuer: z
    .string()
    .min(1)
    .max(48)
    .regex(/^[^:\p{Cc}\p{Cf}]+$/u, 'expected a name without colons')
    .default(DEFAULT_ISSUER),
  /** In the order in which they are asked. @default none; the console in the demo */
  providers: z.array(providerSchema).default([]),
  /** Channels that stand in for one whose providers all fail, where policy and assurance allow: to the same number. */
  fallback: z.partialRecord(z.enum(PHONE_CHANNELS), z.array(z.enum(PHONE_CHANNELS))).default({}),
  /** ISO 3166-1 alpha-2 of the countries to whose numbers codes go. @default all */
  countries: z.array(z.string().regex(/^[A-Z]{2}$/, 'expected two capital letters, such as NL')).optional(),
  /** ISO 4217, of the costs of providers and of the spend caps. @default USD */
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'expected three capital letters, such as EUR')
    .default('USD'),
  limits: z
    .strictObject({
      /** Starts and proofs of one person in ten minutes. */
      starts_per_user: perTenMinutes(30),
      proofs_per_user: perTenMinutes(60),
      /** Requests to one route in a second, of everybody. */
      requests_per_route: z.number().int().min(1).default(2_000),
      sends: sendLimitsSchema.prefault({}),
    })
    .prefault({}),
  /** Enrollments that Muster makes itself, marked as synthetic. @default off; all factors in the demo */
  canary: z
    .strictObject({ every_minutes: z.number().min(0.5).default(5), factors: z.array(z.enum(FACTOR_TYPES)).min(1).optional() })
    .optional(),
  /** Who signs enrollment tokens. */
  tokens: z
    .strictObject({
      issuer: z.string().min(1),
      /** Public keys: a file, read again when it changes, or an address, asked again after a minute. One of them. */
      jwks_file: z.string().min(1).optional(),
      jwks_url: z
        .url({ protocol: /^https?$/, error: 'expected an address, such as https://app.example.org/jwks.json' })
        .refine(
          (text) => text.startsWith('https:') || isLoopback(new URL(text).hostname),
          'expected https: who answers instead could sign tokens',
        )
        .optional(),
      max_age_seconds: z.number().int().min(1).default(300),
    })
    .refine(
      ({ jwks_file, jwks_url }) => (jwks_file === undefined) !== (jwks_url === undefined),
      'expected jwks_file or jwks_url, one of them',
    )
    .optional(),
});

export type Settings = z.infer<typeof schema>;
export const DEFAULT_SETTINGS: Settings = schema.parse({});

/**
 * The settings of a file, or the defaults.
 * @throws MUSTER_BAD_ARGUMENT naming file, line and field
 */
export async function loadSettings(path: string | undefined): Promise<Settings> {
  if (path === undefined) return DEFAULT_SETTINGS;
  const fail = (where: string, problem: string) => new MusterError('MUSTER_BAD_ARGUMENT', `${where}: ${problem}`);
  const text = await readFile(path, 'utf8').catch(() => {
    throw new MusterError('MUSTER_NO_SUCH_FILE', `${path}: there is no such file, or it cannot be read`);
  });
  const [document] = yamlDocuments(text, path, fail);
  const parsed = schema.safeParse(document?.value ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) =>
      `${document?.where(issue.path.join('.')) ?? path}: ${issue.path.join('.') || 'document'}: ${issue.message.replace('Invalid input: ', '')}`,
  );
  throw new MusterError('MUSTER_BAD_ARGUMENT', problems.join('\n'));
}
