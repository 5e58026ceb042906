/** `/api` about people behind pseudonyms, and about the audit log. */
import { z } from 'zod';
import { ACTOR, actor, apiRoute, byActor } from './route.ts';

const ENTRY = z
  .string()
  .regex(/^\d{1,9}:[0-9a-f]{64}$/, 'expected the number and the hash of an entry, such as 41:9f2c…')
  .optional()
  .describe('an entry that the log had before, as number:hash');

/** Reveal, forget, pseudonyms, and the audit log. */
export const peopleRoutes = [
  apiRoute({
    id: 'revealPerson',
    method: 'post',
    path: '/reveal',
    access: 'reveal',
    summary: 'Who a reference stands for; in the audit log',
    body: z.strictObject({ ref: z.string(), reason: z.string().max(500), actor }),
    example: { ref: '1kwuyc01w78lX6Zb', reason: 'INC-1', ...ACTOR },
    isSecret: true,
    work: ({ ready, actor, body: { ref, ...by } }) => ready().people.reveal(ref, { ...by, actor: actor(by.actor) }),
  }),
  apiRoute({
    id: 'forgetPerson',
    method: 'post',
    path: '/forget',
    access: 'admin',
    summary: 'Takes a person out of everything',
    body: z.strictObject({ user: z.string().max(512), reason: z.string().max(500).default('').describe('why, for the audit log'), actor }),
    example: { user: 'ada@example.org', reason: 'asked for it on 1 March', ...ACTOR },
    work: ({ ready, actor, body }) => ready().people.forget(body.user, { actor: actor(body.actor), reason: body.reason }),
  }),
  apiRoute({
    id: 'listPseudonyms',
    method: 'get',
    path: '/pseudonyms',
    access: 'read',
    summary: 'The keys of pseudonyms',
    work: ({ ready }) => ready().people.status(),
  }),
  apiRoute({
    id: 'rotatePseudonyms',
    method: 'post',
    path: '/pseudonyms/rotate',
    access: 'admin',
    summary: 'Makes a new one',
    body: byActor,
    example: ACTOR,
    work: ({ ready, actor, body }) => ready().people.rotate({ actor: actor(body.actor) }),
  }),
  apiRoute({
    id: 'retirePseudonyms',
    method: 'post',
    path: '/pseudonyms/retire',
    access: 'admin',
    summary: 'Destroys an old one',
    body: z.strictObject({ key: z.number().int(), force: z.boolean().default(false), actor }),
    example: { key: 1, ...ACTOR },
    work: ({ ready, actor, body: { key, ...by } }) => ready().people.retire(key, { ...by, actor: actor(by.actor) }),
  }),
  apiRoute({
    id: 'verifyAudit',
    method: 'get',
    path: '/audit/verify',
    access: 'read',
    summary: 'Whether the audit log is whole',
    query: z.object({ expect: ENTRY }),
    work({ ready, query }) {
      const [seq, hash] = query.expect?.split(':') ?? [];
      return ready().people.verifyAudit(seq !== undefined && hash !== undefined ? { seq: Number(seq), hash } : undefined);
    },
  }),
];
