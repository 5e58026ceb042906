/** Thresholds of the alerts beside the burn rates: a YAML file with a part for each of them, every field with its default. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { MusterError } from '../../../errors.ts';
import type { AlertContext } from './alert.ts';
import { BESIDE_ALERTS } from './index.ts';

const schema = z.strictObject(Object.fromEntries(BESIDE_ALERTS.map(({ detector, thresholds }) => [detector, thresholds.prefault({})])));

/** By the names of the detectors. */
export type Thresholds = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export const DEFAULT_THRESHOLDS: Thresholds = schema.parse({});

/** How an alert looks its thresholds up. */
export const thresholdsIn =
  (all: Thresholds): AlertContext['thresholdsOf'] =>
  ({ detector, thresholds }) =>
    thresholds.parse(all[detector] ?? {});

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
