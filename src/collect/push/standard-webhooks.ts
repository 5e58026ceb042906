/** Any product that signs as Standard Webhooks says: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
import { MusterError } from '../../errors.ts';
import { assertRecent, isSame, oneOrMany, type Sender, signatureOf } from './sender.ts';

/** Keys that were changed are sent beside new ones. */
const MAX_SIGNATURES = 10;

/** A sender of records of this product. */
export const standardWebhook = (product: string): Sender => ({
  product,
  proof: 'a secret `whsec_…` of Standard Webhooks',
  verify({ headers, body }, secret, nowMs) {
    const id = headers['webhook-id'] ?? '';
    const timestamp = headers['webhook-timestamp'] ?? '';
    assertRecent('webhook-timestamp', /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1_000 : Number.NaN, nowMs);
    const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
    const expected = `v1,${signatureOf(key, `${id}.${timestamp}.`, body)}`;
    const given = (headers['webhook-signature'] ?? '').split(' ').slice(0, MAX_SIGNATURES);
    if (!given.some((each) => isSame(each, expected)))
      throw new MusterError('MUSTER_UNAUTHORIZED', 'webhook-signature: does not sign this delivery with the secret of this source');
  },
  records: oneOrMany,
  idOf: ({ headers }) => headers['webhook-id'],
});
