/** Event webhooks of Zendesk: https://developer.zendesk.com/documentation/webhooks/verifying/ */

import { MusterError } from '../../errors.ts';
import { assertRecent, isSame, type Sender, signatureOf } from './sender.ts';

const SIGNATURE = 'x-zendesk-webhook-signature';
const TIMESTAMP = 'x-zendesk-webhook-signature-timestamp';

export const zendeskHook: Sender = {
  product: 'zendesk',
  proof: 'the signing secret of the webhook',
  verify({ headers, body }, secret, nowMs) {
    const [signature = '', timestamp = ''] = [headers[SIGNATURE], headers[TIMESTAMP]];
    assertRecent(TIMESTAMP, Date.parse(timestamp), nowMs);
    if (!isSame(signature, signatureOf(secret, timestamp, body)))
      throw new MusterError('MUSTER_UNAUTHORIZED', `${SIGNATURE}: does not sign this body with the secret of this source`);
  },
  records: (body) => [body],
};
