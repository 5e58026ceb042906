/** Webhooks of GitHub: deployments and their states. https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries */
import { type Sender, signedIn } from './sender.ts';

export const githubHook: Sender = {
  product: 'github',
  proof: 'the secret of the webhook, with the content type application/json',
  verify: signedIn('x-hub-signature-256', 'sha256='),
  // The id of a delivery is a header, which is not signed: the body names what it tells of.
  records: (body) => [body],
};
