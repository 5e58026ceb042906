/** Event hooks of Okta: https://developer.okta.com/docs/concepts/event-hooks/ */
import { listAt } from '../connectors/connector.ts';
import { type Sender, secretIn } from './sender.ts';

export const oktaHook: Sender = {
  product: 'okta',
  proof: 'the secret as the value of the authentication field `Authorization`',
  verify: secretIn('authorization'),
  records: (body) => listAt(body, 'data', 'events'),
  handshake(headers) {
    const challenge = headers['x-okta-verification-challenge'];
    return challenge === undefined ? undefined : { verification: challenge.slice(0, 1_024) };
  },
};
