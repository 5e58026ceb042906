/** `/api` about people behind pseudonyms, and about the audit log. */
import express, { Router } from 'express';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import type { Ready } from '../ready.ts';

const MAX_BODY = '16kb';
const actor = z.string().min(1, 'expected who asks').max(200);
const bodies = {
  reveal: z.strictObject({ ref: z.string(), reason: z.string().max(500), actor }),
  forget: z.strictObject({ user: z.string().max(512), actor }),
  rotate: z.strictObject({ actor }),
  retire: z.strictObject({ key: z.number().int(), force: z.boolean().default(false), actor }),
};

export function peopleRoutes(ready: () => Ready): Router {
  const router = Router();
  const json = express.json({ limit: MAX_BODY });

  router.post('/reveal', json, async (request, response) => {
    const { ref, ...by } = parsed(bodies.reveal, request.body);
    response.set('cache-control', 'no-store').json(await ready().people.reveal(ref, by));
  });
  router.post('/forget', json, async (request, response) => {
    const { user, ...by } = parsed(bodies.forget, request.body);
    response.json(await ready().people.forget(user, by));
  });
  router.get('/pseudonyms', (_request, response) => {
    response.json(ready().people.status());
  });
  router.post('/pseudonyms/rotate', json, async (request, response) => {
    response.json(await ready().people.rotate(parsed(bodies.rotate, request.body)));
  });
  router.post('/pseudonyms/retire', json, async (request, response) => {
    const { key, ...by } = parsed(bodies.retire, request.body);
    response.json(await ready().people.retire(key, by));
  });
  router.get('/audit/verify', async (_request, response) => {
    response.json(await ready().people.verifyAudit());
  });
  return router;
}

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${issue?.path.join('.') || 'body'}: ${issue?.message}`);
}
