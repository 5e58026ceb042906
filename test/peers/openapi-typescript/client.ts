/** A client whose types openapi-typescript made of the document: it compiles only while answers, bodies and parameters are told, and then it asks. */
import createClient from 'openapi-fetch';
import type { paths } from './api.js';

const [, , baseUrl = '', key = ''] = process.argv;
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${key}` } });

const event = {
  id: 'typed-1',
  type: 'enrollment.started' as const,
  time: new Date().toISOString(),
  source: 'typed',
  attempt_id: 't-1',
  user: 'ada@example.org',
  factor_type: 'totp' as const,
};
const sent = await client.POST('/v1/events', { body: [event] });
const made = await client.POST('/api/keys', { body: { name: 'typed', scopes: ['read'] } });
const rotated = await client.POST('/api/keys/{id}/rotate', { params: { path: { id: made.data?.id ?? '' } }, body: { graceMs: 0 } });
const slos = await client.GET('/api/slos');
const refused = await client.GET('/api/attempts/{id}', { params: { path: { id: 'nobody' } } });
const started = await client.POST('/core/v1/enrollments', { body: { factor_type: 'totp', user: 'ada@example.org' } });

const accepted: number | undefined = sent.data && 'accepted' in sent.data ? sent.data.accepted : undefined;
const secret: string | undefined = rotated.data?.key;
const objectives: (number | null)[] = slos.data?.map(({ objective }) => objective) ?? [];
const code: string | undefined = refused.error?.code;
const seed: unknown = started.data?.challenge.secret;
console.log(JSON.stringify({ accepted, secret, objectives: objectives.length, code, seed: typeof seed }));
