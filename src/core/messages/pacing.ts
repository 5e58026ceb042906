/** How often something may be sent for one challenge, and with which pauses. */
import { MusterError } from '../../errors.ts';
import { DAY_MS } from '../../system/time.ts';

/** Messages for one challenge. */
const MAX_SENDS = 5;
/** The pause after the first; each later one is twice as long. */
const FIRST_PAUSE_MS = 30_000;

/** How often something was sent, and when it may be again. */
interface Paced {
  sends: number;
  may_send_at: number;
}

/** After a day without any, the count begins anew. */
const sentOf = ({ sends, may_send_at: mayAt }: Paced, nowMs: number): number => (nowMs >= mayAt + DAY_MS ? 0 : sends);

/** One more was asked for: how many there are now, and when the next may follow. */
export function another(row: Paced, nowMs: number): Paced {
  const sends = sentOf(row, nowMs) + 1;
  return { sends, may_send_at: nowMs + FIRST_PAUSE_MS * 2 ** (sends - 1) };
}

/** @throws MUSTER_RATE_LIMITED before its time, or when there were enough */
export function assertMaySend(row: Paced, nowMs: number): void {
  const { may_send_at: mayAt } = row;
  const sends = sentOf(row, nowMs);
  if (sends >= MAX_SENDS)
    throw new MusterError('MUSTER_RATE_LIMITED', `a code was sent ${MAX_SENDS} times already; start again, or take another factor`, {
      retryAfterSeconds: Math.ceil((mayAt + DAY_MS - nowMs) / 1_000),
    });
  if (nowMs >= mayAt) return;
  const seconds = Math.ceil((mayAt - nowMs) / 1_000);
  throw new MusterError('MUSTER_RATE_LIMITED', `a code is on its way; another can be sent in ${seconds} s`, {
    retryAfterSeconds: seconds,
  });
}
