/** What receivers were told, kept on the disk: a process that starts again knows what it has said fires, and ends what is over. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { systemCode } from '../../errors.ts';
import { keyOf, type Notification } from '../../slo/evaluate/notifications.ts';
import { writeDurably } from '../../system/durable-files.ts';

const texts = z.record(z.string(), z.string());
const schema = z.record(
  z.string(),
  z.object({ labels: texts, annotations: texts, startsAtMs: z.number(), isEnded: z.boolean(), atMs: z.number() }),
);
/** By the key of the alert: as it was told last, and when. */
export type Told = z.infer<typeof schema>;

/** What the file holds; nothing when there is none. */
export async function readTold(path: string): Promise<Told> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    // Telling twice is better than telling nobody: a damaged file begins anew.
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) return {};
    throw error;
  }
}

/** Keeps what was told. */
export async function writeTold(path: string, told: Told): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeDurably(path, JSON.stringify(told));
}

/** What was said to fire, and is not among the alerts of now: it ended while nobody looked. */
export function ofThePast(told: Told, notifications: readonly Notification[], nowMs: number): Notification[] {
  const known = new Set(notifications.map(keyOf));
  return Object.entries(told)
    .filter(([name, { isEnded }]) => !isEnded && !known.has(name))
    .map(([, { labels, annotations, startsAtMs }]) => ({ labels, annotations, startsAtMs, endsAtMs: nowMs }));
}
