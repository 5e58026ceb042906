/** What a route under `/api` is: served, guarded, described in the OpenAPI document and tried by a test, all from the one definition. */
import type { Readable } from 'node:stream';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { MusterError } from '../../errors.ts';
import type { TestedRoute } from '../../slo/evaluate/notifications.ts';
import { parsed } from '../../system/parsed-body.ts';
import { actorOf, type Caller, callerOf } from '../access/gate.ts';
import type { Asked } from '../access/routes.ts';
import type { Bodies } from '../admission.ts';
import type { EventStream } from '../event-stream.ts';
import { jsonBody } from '../json-body.ts';
import type { Fill } from '../overview.ts';
import type { Ready } from '../ready.ts';
import type { WholeAnswers } from '../whole-answers.ts';
import type { Answers } from './answers.ts';
import type { VaultControl } from './vault-control.ts';

/** What routes work with. */
export interface ApiDeps {
  config: Config;
  bodies: Bodies;
  ready: () => Ready | undefined;
  /** Whether the log and the loader can take more. */
  hasRoom: () => boolean;
  stream: EventStream;
  answers: WholeAnswers;
  fill: () => Fill | null;
  version: string;
  /** Where a trace is seen, with {trace_id} in its place. */
  traceUrl: string | undefined;
  now: () => number;
  /** Takes a backup and hands on its tar stream. */
  backup: (use: (stream: Readable) => Promise<void>) => Promise<void>;
  /** Sends a marked page and a marked ticket through every route. */
  testAlerts: () => Promise<TestedRoute[]>;
  /** Of the core, once it is open. */
  vault: () => VaultControl | undefined;
}

/** One request, as the work of a route sees it. */
export interface ApiCall<Query = unknown, Body = unknown> {
  deps: ApiDeps;
  /** @throws MUSTER_NOT_READY while the store opens */
  ready: () => Ready;
  query: Query;
  body: Body;
  caller: Caller;
  /** Who did it, for the audit log: the key, or whom a command of this machine names. */
  actor: (named?: string) => string;
  request: Request;
  response: Response;
}

/** Operations whose answer has no body, or is no JSON; or is the document itself. */
type Unanswered = 'runQuery' | 'streamEvents' | 'takeBackup' | 'removeMaintenance' | 'getDocument';
export type OperationId = keyof Answers | Unanswered;

interface Definition<Id, Query, Body> {
  /** `operationId` of the OpenAPI document; its answer is in answers.ts. */
  id: Id;
  method: 'get' | 'post' | 'delete';
  /** As Express writes it, below /api. */
  path: string;
  access: Asked;
  summary: string;
  /** Parameters of the path, as an example. */
  params?: Readonly<Record<string, string>>;
  query?: Query;
  body?: Body;
  /** A body that is taken. */
  example?: unknown;
  /** @default 16 KiB */
  maxBodyBytes?: number;
  /** The work reads the body, because its bounds are others. */
  readsBody?: true;
  /** Status of success. @default 200 */
  status?: 200 | 201 | 204;
  /** Content type of an answer that the work sends by itself; others are JSON. */
  sends?: string;
  /** The answer holds what is to be seen once. */
  isSecret?: true;
}

export interface ApiRoute extends Definition<OperationId, z.ZodObject, z.ZodType> {
  work: (call: ApiCall) => unknown;
}

const NO_QUERY = z.object({});
const MAX_BODY = 16 * 1024;

type AnswerOf<Id> = Id extends keyof Answers ? Answers[Id] | Promise<Answers[Id]> : unknown;

/** A route whose work knows what its query and its body are, and answers what is told of it. */
export function apiRoute<Id extends OperationId, Query extends z.ZodObject = typeof NO_QUERY, Body extends z.ZodType = z.ZodUndefined>(
  route: Definition<Id, Query, Body> & { work: (call: ApiCall<z.infer<Query>, z.infer<Body>>) => AnswerOf<Id> },
): ApiRoute {
  return route as unknown as ApiRoute;
}

/** A parameter of a query. */
export const text = (description: string) => z.string().optional().describe(description);
/** Who did it, in a body. */
export const actor = z.string().max(200).default('').describe('who did it, where no key says so');
/** Bodies that name nothing else. */
export const byActor = z.strictObject({ actor });
/** The SLO of examples; the document names one that there is. */
export const EXAMPLE_SLO = 'enrollment-success';
export const ACTOR = { actor: 'ops@example.org' };

/** A parameter of the path. */
export const param = ({ request }: ApiCall, name: string): string => String(request.params[name]);

/** Serves a route: reads what it takes, does its work, answers. */
export const served = (route: ApiRoute, deps: ApiDeps): RequestHandler[] => [
  ...(route.body && !route.readsBody ? [jsonBody(route.maxBodyBytes ?? MAX_BODY)] : []),
  answering(route, deps),
];

const answering =
  (route: ApiRoute, deps: ApiDeps): RequestHandler =>
  async (request, response) => {
    const { query = NO_QUERY, body, readsBody, status = 200, sends, isSecret } = route;
    const answer = await route.work({
      deps,
      ready: () => readyOf(deps),
      query: parsed(query, request.query),
      body: body === undefined || readsBody ? undefined : parsed(body, request.body),
      caller: callerOf(response),
      actor: (named = '') => actorOf(response, named),
      request,
      response,
    });
    if (isSecret) response.set('cache-control', 'no-store');
    if (sends !== undefined) return;
    if (status === 204) response.status(204).end();
    else response.status(status).json(answer);
  };

function readyOf({ ready }: ApiDeps): Ready {
  const services = ready();
  if (services) return services;
  throw new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this request again');
}
