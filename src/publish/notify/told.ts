/** What receivers were told, kept on the disk: a process that starts again knows what it has said fires, and ends what is over. */
import { z } from 'zod';
import { keyOf, type Notification } from '../../slo/evaluate/notifications.ts';
import { keptFile } from './kept-file.ts';

const texts = z.record(z.string(), z.string());
const schema = z.record(
  z.string(),
  z.object({ labels: texts, annotations: texts, startsAtMs: z.number(), isEnded: z.boolean(), atMs: z.number() }),
);
/** By the key of the alert: as it was told last, and when. */
export type Told = z.infer<typeof schema>;

export const { read: readTold, write: writeTold } = keptFile(schema);

/** What was said to fire, and is not among the alerts of now: it ended while nobody looked. */
export function ofThePast(told: Told, notifications: readonly Notification[], nowMs: number): Notification[] {
  const known = new Set(notifications.map(keyOf));
  return Object.entries(told)
    .filter(([name, { isEnded }]) => !isEnded && !known.has(name))
    .map(([, { labels, annotations, startsAtMs }]) => ({ labels, annotations, startsAtMs, endsAtMs: nowMs }));
}
