/** The configuration: one schema, parsed once from the environment and the command line. */
import { delimiter } from 'node:path';
import { z } from 'zod';
import { MusterError } from './errors.ts';
import { DEFAULT_PORT } from './names.ts';

const schema = z.strictObject({
  /** Directory of everything Muster keeps. @default .muster, or MUSTER_DATA */
  dataDir: z.string().min(1).default('.muster'),
  /** Port of intake, API and web UI. @default 8686, or MUSTER_PORT */
  port: z.coerce
    .number('expected a number from 0 to 65535')
    .int('expected a whole number')
    .min(0, 'expected a number from 0 to 65535')
    .max(65_535, 'expected a number from 0 to 65535')
    .default(DEFAULT_PORT),
  /** OpenSLO files and folders that are computed. @default those that ship, or MUSTER_SLO (separated as in PATH) */
  slo: z.preprocess((value) => (typeof value === 'string' ? value.split(delimiter) : value), z.array(z.string().min(1)).default([])),
  /** Largest accepted request body in bytes, after decompression too. @default 16 MiB */
  maxBodyBytes: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(16 * 1024 * 1024),
  /** Bytes of not yet loaded events at which intake answers 503. @default 1 GiB */
  maxLogBytes: z.coerce
    .number()
    .int()
    .min(1_048_576)
    .default(1024 * 1024 * 1024),
});

export type Config = Readonly<z.infer<typeof schema>>;

const VARIABLES = {
  dataDir: 'MUSTER_DATA',
  port: 'MUSTER_PORT',
  slo: 'MUSTER_SLO',
  maxBodyBytes: 'MUSTER_MAX_BODY_BYTES',
  maxLogBytes: 'MUSTER_MAX_LOG_BYTES',
} as const satisfies Record<keyof Config, string>;

const OPTIONS: Partial<Record<keyof Config, string>> = { dataDir: '--data', port: '--port', slo: '--slo' };

/**
 * Parses the configuration: what the command line says wins over the environment, that over the defaults.
 * @throws MUSTER_BAD_ARGUMENT naming the setting and what is wrong with it
 */
export function parseConfig(environment: NodeJS.ProcessEnv, flags: { [K in keyof Config]?: unknown } = {}): Config {
  const given: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(VARIABLES)) {
    const value = flags[key as keyof Config] ?? environment[variable];
    if (value !== undefined && value !== '') given[key] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  const key = String(issue?.path[0]) as keyof Config;
  const name = flags[key] !== undefined ? OPTIONS[key] : VARIABLES[key];
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${name}: ${issue?.message.replace('Invalid input: ', '')}`);
}
