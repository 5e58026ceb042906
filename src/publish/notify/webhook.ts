/**
 * Tells a web hook when an alert begins and when it ends, once each, signed as Standard Webhooks says
 * (https://github.com/standard-webhooks/standard-webhooks, "Signature scheme"). What was told survives a restart.
 */
import { createHmac, hash } from 'node:crypto';
import { keyOf, type Notification, type Sender } from '../../slo/evaluate/notifications.ts';
import { post } from './post.ts';
import { ofThePast, readTold, type Told, writeTold } from './told.ts';

/** Alerts that ended are remembered as told for so long. */
const REMEMBER_MS = 24 * 3_600_000;

export interface WebhookOptions {
  url: string;
  /** `whsec_` and the key in base64. */
  secret: string;
  /** Keeps what was told. */
  statePath: string;
  now: () => number;
}

/** Tells a web hook of beginnings and ends, signed by Standard Webhooks; what was told survives a restart. */
export function webhookSender({ url, secret, statePath, now }: WebhookOptions): Sender {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  let told: Told | undefined;
  const tell = async (notification: Notification, isEnded: boolean) => {
    const body = JSON.stringify({
      type: isEnded ? 'alert.resolved' : 'alert.firing',
      timestamp: new Date(now()).toISOString(),
      data: {
        labels: notification.labels,
        annotations: notification.annotations,
        startsAt: new Date(notification.startsAtMs).toISOString(),
        endsAt: notification.endsAtMs === null ? null : new Date(notification.endsAtMs).toISOString(),
      },
    });
    // The same beginning or end has the same id: a receiver that took it but could not say so drops the second one.
    const id = `msg_${hash('sha256', `${keyOf(notification)}\0${notification.startsAtMs}\0${isEnded}`).slice(0, 27)}`;
    const response = await post(url, {
      headers: { 'content-type': 'application/json', ...signed(key, id, Math.floor(now() / 1_000), body) },
      body,
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`answered ${response.status}`);
  };
  return {
    name: `web hook at ${new URL(url).host}`,
    endsByTime: false,
    async send(notifications, isAll) {
      told ??= await readTold(statePath);
      const gone = isAll ? ofThePast(told, notifications, now()) : [];
      const problems: unknown[] = [];
      let isSent = false;
      for (const notification of [...notifications, ...gone]) {
        const name = keyOf(notification);
        const before = told[name];
        const isEnded = notification.endsAtMs !== null;
        const isKnown = before?.startsAtMs === notification.startsAtMs && (before.isEnded || !isEnded);
        // The end of what nobody was told of is no news.
        if (isKnown || (isEnded && before?.startsAtMs !== notification.startsAtMs)) continue;
        try {
          await tell(notification, isEnded);
        } catch (error) {
          // One that is refused must not keep the others from being told.
          problems.push(error);
          continue;
        }
        const { labels, annotations, startsAtMs } = notification;
        isSent = true;
        told[name] = { labels, annotations, startsAtMs, isEnded, atMs: now() };
        await writeTold(statePath, told);
      }
      for (const [name, { isEnded, atMs }] of Object.entries(told)) if (isEnded && now() - atMs > REMEMBER_MS) delete told[name];
      if (problems.length > 0) throw problems[0];
      return isSent;
    },
  };
}

/** The three headers of a signed message. */
export function signed(key: Buffer, id: string, timestamp: number, body: string): Record<string, string> {
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` };
}
