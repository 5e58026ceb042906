/** The HTTP API of the reference core, below /core/v1. Every request is reported for the SLIs of the API, and is a span. */

import { createHash } from 'node:crypto';
import { type NextFunction, type Request, type Response, Router } from 'express';
import type { Core } from '../../core/core.ts';
import type { Answer, Keyed } from '../../core/ledger/kept-answers.ts';
import { StrangerError } from '../../core/limits.ts';
import { failed, linkTo, traced } from '../../core/telemetry.ts';
import { MusterError } from '../../errors.ts';
import { type Caller, callerOf } from '../access/gate.ts';
import { fingerprintOf, idempotencyKey } from '../idempotency.ts';
import { jsonBody } from '../json-body.ts';
import { problemOf } from '../problem.ts';
import { enrollmentRoutes } from './enrollments.ts';
import { factorRoutes } from './factors.ts';
import { createReport } from './report-request.ts';
import type { CoreCall, CoreRoute } from './route.ts';

const MAX_BODY = 1024 * 1024;
const MAX_CODE_BODY = 16 * 1024;

/** Every route of the core. */
export const CORE_ROUTES: readonly CoreRoute[] = [...enrollmentRoutes, ...factorRoutes];

export interface CoreRoutesDeps extends Pick<CoreCall, 'referenceOf' | 'qrPng'> {
  core: () => Core | undefined;
  now: () => number;
  /** Called after each answer, so that the outbox is emptied soon. */
  onAnswered: () => void;
  observe: (operation: string, seconds: number) => void;
  /** Writes a privileged action down, before it is done. */
  audit: (actor: string, action: string, target: string, reason?: string) => Promise<void>;
  onDefect: (message: string) => void;
}

interface Served {
  answer: Answer;
  headers: Record<string, string>;
}

/** The router of the core. */
export function coreRoutes(deps: CoreRoutesDeps): Router {
  const router = Router();
  const reportRequest = createReport(deps);
  const small = jsonBody(MAX_CODE_BODY);
  // Seeds of a thousand tokens are more than a code.
  router.use((request, response, next) => (request.path === '/hardware-tokens' ? jsonBody(MAX_BODY) : small)(request, response, next));
  for (const route of CORE_ROUTES) router[route.method](route.path, serve(route));

  // A body that does not parse never reaches an operation.
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const { status, body } = problemOf(error, deps.onDefect);
    response.status(status).type('application/problem+json').send(JSON.stringify(body));
  });
  return router;

  /** Serves one route: an answer kept for its Idempotency-Key, or a new one; a span, and reported either way. */
  function serve(route: CoreRoute) {
    const name = `${route.method.toUpperCase()} /core/v1${route.path}`;
    return async (request: Request, response: Response): Promise<void> => {
      const startMs = performance.now();
      const atMs = deps.now();
      const links = route.isAnswer ? linkTo(await traceOf(request)) : [];
      const attributes = { 'http.request.method': request.method, 'http.route': `/core/v1${route.path}`, 'url.scheme': request.protocol };
      await traced(name, { kind: 'server', attributes, links }, async (span) => {
        const { answer, headers } = await answerOf(route, request, callerOf(response));
        span.setAttribute('http.response.status_code', answer.status);
        if (answer.status >= 400) span.setAttribute('muster.error_code', String(answer.body.code));
        if (answer.status >= 500) failed(span, String(answer.status));
        const attemptId = request.params.id ?? answer.body.attempt_id ?? (route.operation === 'start' ? answer.body.id : undefined);
        if (typeof attemptId === 'string') span.setAttribute('muster.attempt_id', attemptId);
        // A challenge holds what is to be seen once.
        response.status(answer.status).set({ 'cache-control': 'no-store', ...headers });
        if (answer.image) response.type('image/png').send(answer.image);
        else response.type(answer.status >= 400 ? 'application/problem+json' : 'application/json').send(JSON.stringify(answer.body));
        const durationMs = performance.now() - startMs;
        deps.observe(route.operation, durationMs / 1_000);
        if (request.method !== 'GET') await reportRequest(route, request, answer, { atMs, durationMs });
      });
    };
  }

  async function traceOf(request: Request): Promise<string | null> {
    // What cannot be looked up now is told by the request itself.
    return (
      (await deps
        .core()
        ?.traceOf(String(request.params.id ?? request.params.factor))
        .catch(() => null)) ?? null
    );
  }

  async function answerOf(route: CoreRoute, request: Request, caller: Caller): Promise<Served> {
    try {
      const core = deps.core();
      if (!core) throw new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this request again');
      if (caller.token !== undefined && !route.takesToken)
        throw new MusterError('MUSTER_FORBIDDEN', 'an enrollment token does not go this far');
      // Who has no token of the issuer's spends nothing of what is there for others.
      if (caller.token !== undefined)
        await core.limits.stranger(request.socket.remoteAddress ?? '', () => core.assertToken(caller.token ?? ''));
      await core.limits.route(route.id);
      const asked: Omit<CoreCall, keyof Keeping> = {
        core,
        request,
        actor: caller.name,
        token: caller.token,
        audit: (action, target, { actor, reason }) => deps.audit(caller.name ?? actor ?? '', action, target, reason),
        referenceOf: deps.referenceOf,
        qrPng: deps.qrPng,
      };
      const key = request.method === 'POST' ? idempotencyKey(request.get('idempotency-key')) : undefined;
      if (key === undefined) return { answer: await route.work({ ...asked, ...NOTHING_KEPT }), headers: {} };
      const keyed = {
        principal: principalOf(caller),
        key,
        fingerprint: core.answers.fingerprint(fingerprintOf(request)),
        isProof: route.isAnswer === true,
      };
      return await onceFor(keyed, (keeping) => route.work({ ...asked, ...keeping }), core);
    } catch (error) {
      const { status, headers, body } = problemOf(error, deps.onDefect);
      const attemptId = error instanceof Error && 'attemptId' in error ? { attempt_id: error.attemptId } : {};
      return { answer: { status, body: { ...body, ...attemptId }, ...(error instanceof StrangerError && { isStranger: true }) }, headers };
    }
  }
}

/** Whose Idempotency-Keys these are; of a token only its hash is kept. */
const principalOf = ({ name, token }: Caller): string =>
  name ?? (token === undefined ? '' : `token:${createHash('sha256').update(token).digest('base64url')}`);

type Keeping = Pick<CoreCall, 'keep' | 'begin' | 'release'>;
const nothing = async () => {};
const NOTHING_KEPT: Keeping = { keep: nothing, begin: nothing, release: nothing };

/** Keys of requests that are being answered by this process. */
const working = new Set<string>();

/** The answer that a key had before, or a new one, which is kept with what it does; what is refused before it does anything is not. */
async function onceFor(keyed: Keyed, work: (keeping: Keeping) => Promise<Answer>, core: Core): Promise<Served> {
  const name = JSON.stringify([keyed.principal, keyed.key]);
  const inProgress = () => new MusterError('MUSTER_IN_PROGRESS', 'a request with this Idempotency-Key is being answered; send it again');
  if (working.has(name)) throw inProgress();
  working.add(name);
  try {
    const kept = await core.answers.find(keyed);
    if (kept) return { answer: kept, headers: { 'idempotency-replayed': 'true' } };
    const keeping: Keeping = {
      keep: (statements, answer, ...about) => core.answers.keep(statements, keyed, answer, ...about),
      begin: (statements, enrollmentId) => core.answers.begin(statements, keyed, enrollmentId),
      release: (statements) => core.answers.release(statements, keyed),
    };
    return { answer: await work(keeping), headers: {} };
  } finally {
    working.delete(name);
  }
}
