/** `/api` about people behind pseudonyms, and about the audit log. */

import { Router } from 'express';
import { z } from 'zod';
import { parsed } from '../../system/parsed-body.ts';
import { actorOf } from '../access/gate.ts';
import { jsonBody } from '../json-body.ts';
import type { Ready } from '../ready.ts';

const MAX_BODY = 16 * 1024;
const actor = z.string().max(200).default('');
const bodies = {
  reveal: z.strictObject({ ref: z.string(), reason: z.string().max(500), actor }),
  forget: z.strictObject({ user: z.string().max(512), actor }),
  rotate: z.strictObject({ actor }),
  retire: z.strictObject({ key: z.number().int(), force: z.boolean().default(false), actor }),
};

const verifyQuery = z.object({
  expect: z
    .string()
    .regex(/^\d{1,9}:[0-9a-f]{64}$/, 'expected the number and the hash of an entry, such as 41:9f2c…')
    .optional(),
});

/** Reveal, forget, pseudonyms, and the audit log. */
export function peopleRoutes(ready: () => Ready): Router {
  const router = Router();
  const json = jsonBody(MAX_BODY);

  router.post('/reveal', json, async (request, response) => {
    const { ref, ...by } = parsed(bodies.reveal, request.body);
    response.set('cache-control', 'no-store').json(await ready().people.reveal(ref, { ...by, actor: actorOf(response, by.actor) }));
  });
  router.post('/forget', json, async (request, response) => {
    const { user, ...by } = parsed(bodies.forget, request.body);
    response.json(await ready().people.forget(user, { actor: actorOf(response, by.actor) }));
  });
  router.get('/pseudonyms', (_request, response) => {
    response.json(ready().people.status());
  });
  router.post('/pseudonyms/rotate', json, async (request, response) => {
    response.json(await ready().people.rotate({ actor: actorOf(response, parsed(bodies.rotate, request.body).actor) }));
  });
  router.post('/pseudonyms/retire', json, async (request, response) => {
    const { key, ...by } = parsed(bodies.retire, request.body);
    response.json(await ready().people.retire(key, { ...by, actor: actorOf(response, by.actor) }));
  });
  router.get('/audit/verify', async (request, response) => {
    const { expect } = parsed(verifyQuery, request.query);
    const [seq, hash] = expect?.split(':') ?? [];
    response.json(await ready().people.verifyAudit(seq !== undefined && hash !== undefined ? { seq: Number(seq), hash } : undefined));
  });
  return router;
}
