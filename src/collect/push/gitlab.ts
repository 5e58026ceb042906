/** Deployment webhooks of GitLab: https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events */
import { type Sender, secretIn } from './sender.ts';

export const gitlabHook: Sender = {
  product: 'gitlab',
  proof: 'the secret token of the webhook',
  verify: secretIn('x-gitlab-token'),
  records: (body) => [body],
  idOf: ({ headers }) => headers['idempotency-key'],
};
