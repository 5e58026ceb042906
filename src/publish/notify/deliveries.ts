/** What became of what was sent: per route when it was taken last, and when and why it was not. Kept on the disk, for whoever asks later. */
import { z } from 'zod';
import type { Sender } from '../../slo/evaluate/notifications.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { keptFile } from './kept-file.ts';

const schema = z.record(
  z.string(),
  z.object({ takenMs: z.number().nullable(), failedMs: z.number().nullable(), why: z.string().max(300) }),
);
/** By the route's name. */
export type Deliveries = z.infer<typeof schema>;

/** What is the same for so long is not written again. */
const EVERY_MS = 60_000;
const MAX_WHY = 300;

export const { read: readDeliveries, write: writeDeliveries } = keptFile(schema);

/** Several senders of one process write one file. */
const alone = oneAtATime();

/** The same sender, which notes what became of each of its tries. */
export function noted(sender: Sender, path: string, now: () => number): Sender {
  const note = (why: string | undefined) =>
    alone(async () => {
      const deliveries = await readDeliveries(path);
      const before = deliveries[sender.name] ?? { takenMs: null, failedMs: null, why: '' };
      const atMs = now();
      const isOld = (ms: number | null) => ms === null || atMs - ms >= EVERY_MS;
      const isFailing = before.failedMs !== null && before.failedMs >= (before.takenMs ?? 0);
      if (why === undefined ? !isFailing && !isOld(before.takenMs) : isFailing && before.why === why && !isOld(before.failedMs)) return;
      deliveries[sender.name] = why === undefined ? { ...before, takenMs: atMs } : { ...before, failedMs: atMs, why };
      await writeDeliveries(path, deliveries);
    });
  return {
    ...sender,
    async send(notifications, isAll) {
      try {
        const isSent = await sender.send(notifications, isAll);
        if (isSent) await note(undefined);
        return isSent;
      } catch (error) {
        await note((error instanceof Error ? error.message : String(error)).slice(0, MAX_WHY));
        throw error;
      }
    },
  };
}
