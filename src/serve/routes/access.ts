/** Signing in and out, and `/api/keys`. */

import { Router } from 'express';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { EVENT_TYPES } from '../../events/catalogue.ts';
import { parsed } from '../../system/parsed-body.ts';
import { DAY_MS } from '../../system/time.ts';
import type { Caller, Gate } from '../access/gate.ts';
import { type CreatedKey, SCOPES, type Scope } from '../access/keys.ts';
import { jsonBody } from '../json-body.ts';
import type { Ready } from '../ready.ts';
import { ACTOR, actor, apiRoute, byActor, param } from './route.ts';

const MAX_BODY = 16 * 1024;
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
  actor,
});
const rotateBody = byActor.extend({
  graceMs: z
    .number()
    .int()
    .min(0)
    .max(365 * DAY_MS)
    .default(DAY_MS)
    .describe('how long the old secret still does'),
});

/** `/login` and `/logout` of a browser. */
export function signInRoutes(gate: Gate, ready: () => Ready | undefined): Router {
  const router = Router();
  router.post('/login', jsonBody(MAX_BODY), async (request, response) => {
    const { key } = parsed(z.strictObject({ key: z.string().max(200) }), request.body);
    const { name, cookie } = gate.login(key, request.socket.remoteAddress ?? '');
    const services = ready();
    if (!services) throw new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this request again');
    await services.people.audited(name, 'login', name);
    response.set('set-cookie', cookie).status(204).end();
  });
  router.post('/logout', (request, response) => {
    response.set('set-cookie', gate.logout(request).cookie).status(204).end();
  });
  return router;
}

/** Keys: made, shown without what they are, ended, renewed. */
export const keyRoutes = [
  apiRoute({
    id: 'getSession',
    method: 'get',
    path: '/session',
    access: 'read',
    summary: 'Who is signed in',
    work: ({ caller }) => ({ name: caller.name ?? null }),
  }),
  apiRoute({
    id: 'listKeys',
    method: 'get',
    path: '/keys',
    access: 'admin',
    summary: 'API keys',
    work: ({ ready }) => ready().keys.list(),
  }),
  apiRoute({
    id: 'createKey',
    method: 'post',
    path: '/keys',
    access: 'admin',
    summary: 'Makes a key, told once',
    body: keyBody,
    example: { name: 'collector', scopes: ['ingest'], ...ACTOR },
    status: 201,
    isSecret: true,
    async work({ ready, caller, actor, body: { actor: named, ...wanted } }) {
      const { keys, people } = ready();
      assertMayGive(caller, wanted.scopes);
      return told(await keys.create(wanted, ({ id, scopes }) => people.audited(actor(named), 'keys.create', id, scopes.join(' '))));
    },
  }),
  apiRoute({
    id: 'rotateKey',
    method: 'post',
    path: '/keys/:id/rotate',
    access: 'admin',
    summary: 'Makes a new secret for a key',
    params: { id: '0f3a9c17' },
    body: rotateBody,
    example: { graceMs: 3_600_000, ...ACTOR },
    status: 201,
    isSecret: true,
    async work(call) {
      const { keys, people } = call.ready();
      const id = keyId(param(call, 'id'));
      assertMayGive(call.caller, keys.list().find((key) => key.id === id)?.scopes ?? []);
      const who = call.actor(call.body.actor);
      return told(await keys.rotate(id, call.body.graceMs, (next) => people.audited(who, 'keys.rotate', id, `now ${next.id}`)));
    },
  }),
  apiRoute({
    id: 'revokeKey',
    method: 'delete',
    path: '/keys/:id',
    access: 'admin',
    summary: 'Revokes a key',
    params: { id: '0f3a9c17' },
    body: byActor,
    example: ACTOR,
    async work(call) {
      const { keys, people } = call.ready();
      // First the end, whatever becomes of the record of it.
      const revoked = await keys.revoke(keyId(param(call, 'id')));
      await people.audited(call.actor(call.body.actor), 'keys.revoke', revoked.id);
      return revoked;
    },
  }),
];

const told = ({ key, shown }: CreatedKey) => ({ key, ...shown });

/** Nobody gives what they may not do. @throws MUSTER_FORBIDDEN */
function assertMayGive(caller: Caller, scopes: readonly Scope[]): void {
  const missing = scopes.find((scope) => !caller.may(scope));
  if (missing) throw new MusterError('MUSTER_FORBIDDEN', `this key lacks the scope ${missing}, and so cannot give it`);
}

function keyId(id: string): string {
  if (/^[0-9a-f]{8}$/.test(id)) return id;
  throw new MusterError('MUSTER_NOT_FOUND', 'there is no such key; muster keys list shows them');
}
