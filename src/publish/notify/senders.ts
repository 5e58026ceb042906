/** The senders that a configuration asks for. */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { FILES } from '../../names.ts';
import type { Sender } from '../../slo/evaluate/notifications.ts';
import { alertmanagerSender } from './alertmanager.ts';
import { noted } from './deliveries.ts';
import { heartbeatSender } from './heartbeat.ts';
import { webhookSender } from './webhook.ts';

/** Where alerts go. */
export function alertSenders(config: Config, now: () => number): Sender[] {
  const senders = [
    ...config.alertmanagerUrls.map((url) =>
      alertmanagerSender({
        url,
        generatorUrl: `${config.baseUrl}/overview`,
        // Each knows what it was told itself.
        statePath: join(config.dataDir, `${FILES.toldAlertmanager}-${hash('sha256', url).slice(0, 8)}.json`),
        now,
      }),
    ),
    ...(config.webhookUrl === undefined || config.webhookSecret === undefined
      ? []
      : [webhookSender({ url: config.webhookUrl, secret: config.webhookSecret, statePath: join(config.dataDir, FILES.told), now })]),
  ];
  return senders.map((sender) => noted(sender, deliveriesOf(config), now));
}

/** The file that says what became of what was sent. */
export const deliveriesOf = ({ dataDir }: Config): string => join(dataDir, FILES.deliveries);

/** Who is called while all is well. */
export const heartbeats = (config: Config, now: () => number): Sender[] =>
  config.heartbeatUrl === undefined ? [] : [noted(heartbeatSender(config.heartbeatUrl, now), deliveriesOf(config), now)];
