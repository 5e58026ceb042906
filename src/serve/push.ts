/** `/v1/sources/:source`: deliveries that products send by themselves, let in by the proof of each and by no key of Muster. */
import { type Request, Router } from 'express';
import { LRUCache } from 'lru-cache';
import { importRecords } from '../collect/import/import.ts';
import { jsonValue } from '../collect/intake/parse.ts';
import type { Connection } from '../collect/push/connections.ts';
import type { Delivery } from '../collect/push/sender.ts';
import { MusterError } from '../errors.ts';
import type { Bodies } from './admission.ts';
import type { ReceivedDelivery } from './routes/answers.ts';
import type { ApiDeps } from './routes/route.ts';

/** Of a delivery, as it comes: products send some hundred records at most. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_RECORDS = 10_000;
/** Deliveries that were taken in are known again for so long: longer than any signature holds. */
const REPLAY_MS = 15 * 60_000;
const MAX_REMEMBERED = 50_000;

export interface PushDeps extends Pick<ApiDeps, 'ready' | 'hasRoom' | 'now'> {
  connections: ReadonlyMap<string, Connection>;
  bodies: Bodies;
}

/** The router below `/v1/sources`. */
export function pushRoutes(deps: PushDeps): Router {
  const router = Router();
  const taken = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: REPLAY_MS });
  const connectionOf = (name: string): Connection => {
    const connection = deps.connections.get(name);
    // Who has no secret of ours learns no more than that.
    if (!connection) throw new MusterError('MUSTER_NOT_FOUND', 'no source of this name takes deliveries; see docs/sources.md, "Push"');
    return connection;
  };

  router.get('/:source', (request, response) => {
    const { sender, secret } = connectionOf(request.params.source);
    const delivery = { headers: headersOf(request), body: Buffer.alloc(0) };
    const answer = sender.handshake?.(delivery.headers);
    if (answer === undefined) throw new MusterError('MUSTER_METHOD_NOT_ALLOWED', 'this source is sent to by POST');
    sender.verify(delivery, secret, deps.now());
    response.json(answer);
  });

  router.post('/:source', async (request, response) => {
    const connection = connectionOf(request.params.source);
    if (!deps.hasRoom())
      throw new MusterError('MUSTER_OVERLOADED', 'events come in faster than they can be loaded; send this delivery again');
    if ((request.headers['content-encoding'] ?? 'identity') !== 'identity')
      throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Encoding: a signature is of the body as it is sent; send it plain');
    if (!request.is(['application/json', 'application/*+json']))
      throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Type: expected application/json');
    const counts = await deps.bodies.read(request, { maxBytes: MAX_BODY_BYTES, form: 'json' }, (body) =>
      takeIn(connection, { headers: headersOf(request), body: Buffer.from(body) }),
    );
    response.json(counts);
  });
  return router;

  async function takeIn({ name, sender, connector, secret }: Connection, delivery: Delivery): Promise<ReceivedDelivery> {
    sender.verify(delivery, secret, deps.now());
    const id = sender.idOf?.(delivery);
    const remembered = id === undefined ? undefined : `${name}\0${id.slice(0, 200)}`;
    if (remembered !== undefined && taken.has(remembered)) return { read: 0, repeated: true } as const;
    const values = sender.records(jsonValue(delivery.body));
    if (values.length > MAX_RECORDS)
      throw new MusterError('MUSTER_BODY_TOO_LARGE', `more than ${MAX_RECORDS.toLocaleString('en')} records in one delivery`);
    const ready = deps.ready();
    if (!ready) throw new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this delivery again');
    const { intake, pseudonyms } = ready;
    const counts = await importRecords(
      { intake },
      connector,
      values.map((value, index) => ({ line: index + 1, value })),
      { fingerprint: pseudonyms.fingerprint },
    );
    if (remembered !== undefined) taken.set(remembered, true);
    const { read, accepted, duplicates, ignored, rejected, errors } = counts;
    return { read, accepted, duplicates, ignored, rejected, errors };
  }
}

/** Headers as they came, each once. */
const headersOf = ({ headers }: Request): Delivery['headers'] =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]));
