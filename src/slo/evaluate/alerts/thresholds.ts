/** Thresholds of the alerts beside the burn rates: a YAML file, every field with its default. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { MusterError } from '../../../errors.ts';

const count = (otherwise: number) => z.number().int().min(1).default(otherwise);
const minutes = count;
const share = (otherwise: number) => z.number().min(0).max(1).default(otherwise);
const times = (otherwise: number) => z.number().gt(0).default(otherwise);

const schema = z.strictObject({
  provider_outage: z
    .strictObject({
      minutes: minutes(5),
      /** Fewer requests prove nothing. */
      requests: count(10),
      failed_share: share(0.5),
      circuit_open_minutes: minutes(2),
      /** Share of the last hour's attempts from which on it pages; below, it is a ticket. */
      page_share: share(0.1),
    })
    .prefault({}),
  mass_lockout: z.strictObject({ minutes: minutes(15), users: count(10), times_usual: times(5), days: count(7) }).prefault({}),
  traffic_stopped: z.strictObject({ minutes: minutes(30), expected_starts: count(20), weeks: count(4) }).prefault({}),
  rollback_advised: z.strictObject({ burn: times(4), minutes_before_onset: minutes(60), z: times(2.33) }).prefault({}),
  telemetry_stale: z.strictObject({ minutes: minutes(10), coverage: share(0.9) }).prefault({}),
});

export type Thresholds = z.infer<typeof schema>;

export const DEFAULT_THRESHOLDS: Thresholds = schema.parse({});

/**
 * The thresholds of a file, or the defaults.
 * @throws MUSTER_BAD_ARGUMENT naming file and field
 */
export async function loadThresholds(path: string | undefined): Promise<Thresholds> {
  if (path === undefined) return DEFAULT_THRESHOLDS;
  let document: unknown;
  try {
    document = parse(await readFile(path, 'utf8')) ?? {};
  } catch (error) {
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: ${error instanceof Error ? error.message.split('\n')[0] : 'cannot be read'}`);
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `${issue.path.join('.') || 'document'}: ${issue.message.replace('Invalid input: ', '')}`,
  );
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: ${problems.join('; ')}`);
}
