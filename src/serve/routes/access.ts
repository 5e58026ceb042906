/** Signing in and out, and `/api/keys`. */

import { Router } from 'express';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { EVENT_TYPES } from '../../events/catalogue.ts';
import { parsed } from '../../system/parsed-body.ts';
import { DAY_MS } from '../../system/time.ts';
import { actorOf, type Caller, callerOf, type Gate } from '../access/gate.ts';
import { SCOPES, type Scope } from '../access/keys.ts';
import { jsonBody } from '../json-body.ts';
import type { Ready } from '../ready.ts';

const MAX_BODY = 16 * 1024;
const json = jsonBody(MAX_BODY);
const moment = z.iso.datetime({ offset: true, error: 'expected RFC 3339, such as 2026-03-01T09:30:00Z' });

const keyBody = z.strictObject({
  name: z.string().max(100).default(''),
  scopes: z.array(z.enum(SCOPES)).min(1, 'expected at least one scope'),
  sources: z.array(z.string().min(1).max(64)).default([]),
  types: z.array(z.enum(EVENT_TYPES)).default([]),
  anyTraffic: z.boolean().default(false),
  validFrom: moment.nullable().default(null),
  validUntil: moment.nullable().default(null),
  ratePerSecond: z.number().positive().max(1e6).nullable().default(null),
  actor: z.string().max(200).default(''),
});
const actorBody = z.strictObject({ actor: z.string().max(200).default('') });
const rotateBody = actorBody.extend({
  graceMs: z
    .number()
    .int()
    .min(0)
    .max(365 * DAY_MS)
    .default(DAY_MS),
});

/** `/login` and `/logout` of a browser. */
export function signInRoutes(gate: Gate, ready: () => Ready | undefined): Router {
  const router = Router();
  router.post('/login', json, async (request, response) => {
    const { key } = parsed(z.strictObject({ key: z.string().max(200) }), request.body);
    const { name, cookie } = gate.login(key, request.socket.remoteAddress ?? '');
    const services = ready();
    if (!services) throw new MusterError('MUSTER_NOT_READY', 'the store is still starting; send this request again');
    await services.people.audited(name, 'login', name);
    response.set('set-cookie', cookie).status(204).end();
  });
  router.post('/logout', (request, response) => {
    response.set('set-cookie', gate.logout(request).cookie).status(204).end();
  });
  return router;
}

/** Keys: made, shown without what they are, ended, renewed. */
export function keyRoutes(ready: () => Ready): Router {
  const router = Router();
  router.get('/session', (_request, response) => {
    response.json({ name: callerOf(response).name ?? null });
  });
  router.get('/keys', (_request, response) => {
    response.json(ready().keys.list());
  });
  router.post('/keys', json, async (request, response) => {
    const { actor, ...wanted } = parsed(keyBody, request.body);
    const { keys, people } = ready();
    assertMayGive(callerOf(response), wanted.scopes);
    const made = await keys.create(wanted, ({ id, scopes }) =>
      people.audited(actorOf(response, actor), 'keys.create', id, scopes.join(' ')),
    );
    response
      .set('cache-control', 'no-store')
      .status(201)
      .json({ key: made.key, ...made.shown });
  });
  router.post('/keys/:id/rotate', json, async (request, response) => {
    const { actor, graceMs } = parsed(rotateBody, request.body);
    const { keys, people } = ready();
    const id = keyId(request.params.id);
    assertMayGive(callerOf(response), keys.list().find((key) => key.id === id)?.scopes ?? []);
    const made = await keys.rotate(id, graceMs, (next) => people.audited(actorOf(response, actor), 'keys.rotate', id, `now ${next.id}`));
    response
      .set('cache-control', 'no-store')
      .status(201)
      .json({ key: made.key, ...made.shown });
  });
  router.delete('/keys/:id', json, async (request, response) => {
    const { actor } = parsed(actorBody, request.body ?? {});
    const { keys, people } = ready();
    // First the end, whatever becomes of the record of it.
    const revoked = await keys.revoke(keyId(request.params.id));
    await people.audited(actorOf(response, actor), 'keys.revoke', revoked.id);
    response.json(revoked);
  });
  return router;
}

/** Nobody gives what they may not do. @throws MUSTER_FORBIDDEN */
function assertMayGive(caller: Caller, scopes: readonly Scope[]): void {
  const missing = scopes.find((scope) => !caller.may(scope));
  if (missing) throw new MusterError('MUSTER_FORBIDDEN', `this key lacks the scope ${missing}, and so cannot give it`);
}

function keyId(text: unknown): string {
  if (typeof text === 'string' && /^[0-9a-f]{8}$/.test(text)) return text;
  throw new MusterError('MUSTER_NOT_FOUND', 'there is no such key; muster keys list shows them');
}
