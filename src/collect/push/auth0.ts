/** Custom webhooks of Auth0's log streams: https://auth0.com/docs/customize/log-streams/custom-log-streams */
import { oneOrMany, type Sender, secretIn } from './sender.ts';

export const auth0Stream: Sender = {
  product: 'auth0',
  proof: 'the secret as the authorization token of the stream, with the content format JSON array or JSON object',
  verify: secretIn('authorization'),
  records: oneOrMany,
};
