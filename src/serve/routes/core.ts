/** The HTTP API of the reference core. Every request is reported for the SLIs of the API. */
import express, { type NextFunction, type Request, type Response, Router } from 'express';
import type { Answer, Keyed } from '../../core/answers.ts';
import { type Core, createSchema, type Started, type VerifyResult, verifySchema } from '../../core/enrollments.ts';
import { MusterError } from '../../errors.ts';
import { callerOf } from '../access/gate.ts';
import { fingerprintOf, idempotencyKey } from '../idempotency.ts';
import { parsed } from '../parsed.ts';
import { problemOf } from '../problem.ts';

const MAX_BODY = '16kb';

export interface CoreRoutesDeps {
  core: () => Core | undefined;
  now: () => number;
  /** Called after each answer, so that the outbox is emptied soon. */
  onAnswered: () => void;
  observe: (operation: string, seconds: number) => void;
  onDefect: (message: string) => void;
}

type Operation = 'start' | 'verify' | 'cancel' | 'other';

/** @param keep to be called with the answer in the transaction of what it answers */
type Work = (core: Core, request: Request, keep: (answer: Answer, enrollmentId: string) => void) => Promise<Answer> | Answer;

/** Routes below `/core/v1`. */
export function coreRoutes(deps: CoreRoutesDeps): Router {
  const router = Router();
  router.use(express.json({ limit: MAX_BODY }));

  /** Keys of requests that are being answered. */
  const working = new Set<string>();

  const ready = (): Core => {
    const core = deps.core();
    if (core) return core;
    throw new MusterError('MUSTER_NOT_READY', 'the core is still starting; send this request again');
  };

  /** Serves one operation: an answer kept for its Idempotency-Key, or a new one; reported either way. */
  const serve = (operation: Operation, work: Work) => async (request: Request, response: Response) => {
    const startMs = performance.now();
    const atMs = deps.now();
    const { answer, isReplay } = await answerOf(work, request, callerOf(response).name ?? '');
    const isProblem = answer.status >= 400;
    response.status(answer.status).type(isProblem ? 'application/problem+json' : 'application/json');
    if (isReplay) response.set('idempotency-replayed', 'true');
    if (answer.status === 503 || answer.body.code === 'MUSTER_IN_PROGRESS') response.set('retry-after', '1');
    // A challenge holds what is to be seen once.
    response.set('cache-control', 'no-store');
    response.send(JSON.stringify(answer.body));
    const durationMs = performance.now() - startMs;
    deps.observe(operation, durationMs / 1_000);
    if (request.method !== 'GET') reportRequest(operation, request, answer, { atMs, durationMs });
  };

  const answerOf = async (work: Work, request: Request, principal: string): Promise<{ answer: Answer; isReplay?: boolean }> => {
    try {
      const core = ready();
      const key = request.method === 'POST' ? idempotencyKey(request.get('idempotency-key')) : undefined;
      if (key === undefined) return { answer: await work(core, request, () => {}) };
      return await onceFor({ principal, key, fingerprint: fingerprintOf(request) }, work, core, request);
    } catch (error) {
      const { status, body } = problemOf(error, deps.onDefect);
      return { answer: { status, body } };
    }
  };

  /** The answer that a key had before, or a new one, which is kept with what it does; what is refused before it does anything is not. */
  const onceFor = async (keyed: Keyed, work: Work, core: Core, request: Request) => {
    const name = JSON.stringify([keyed.principal, keyed.key]);
    if (working.has(name))
      throw new MusterError('MUSTER_IN_PROGRESS', 'a request with this Idempotency-Key is being answered; send it again');
    const kept = core.answers.find(keyed);
    if (kept) return { answer: kept, isReplay: true };
    working.add(name);
    try {
      return { answer: await work(core, request, (answer, enrollmentId) => core.answers.keep(keyed, answer, enrollmentId)) };
    } finally {
      working.delete(name);
    }
  };

  /** Reports a request for the SLIs; a start that failed for a reason of our own is an attempt besides. */
  const reportRequest = (operation: Operation, request: Request, answer: Answer, times: { atMs: number; durationMs: number }) => {
    const core = deps.core();
    if (!core) return;
    try {
      const id = typeof request.params.id === 'string' ? request.params.id : String(answer.body.id ?? '');
      const failed = operation === 'start' && answer.status >= 500 ? { attempt_id: core.reportFailedStart({}) } : {};
      core.reportRequest({
        ...core.labelsOf(id),
        ...failed,
        time: new Date(times.atMs).toISOString(),
        operation,
        http_status: answer.status,
        duration_ms: Math.round(times.durationMs * 1_000) / 1_000,
      });
    } catch (error) {
      deps.onDefect(`a request of the core could not be reported: ${error instanceof Error ? error.message : String(error)}`);
    }
    deps.onAnswered();
  };

  router.post(
    '/enrollments',
    serve('start', async (core, request, keep) => {
      const started = await core.create(parsed(createSchema, request.body), (made) => keep(startedAnswer(made), made.enrollment.id));
      return startedAnswer(started);
    }),
  );

  router.post(
    '/enrollments/:id/verify',
    serve('verify', (core, request, keep) => {
      const id = idOf(request);
      return verifiedAnswer(core.verify(id, parsed(verifySchema, request.body).code, (result) => keep(verifiedAnswer(result), id)));
    }),
  );

  router.get(
    '/enrollments/:id',
    serve('other', (core, request) => ({ status: 200, body: { ...core.get(idOf(request)) } })),
  );
  router.delete(
    '/enrollments/:id',
    serve('cancel', (core, request) => ({ status: 200, body: { ...core.cancel(idOf(request)) } })),
  );
  router.get(
    '/users/:user/factors',
    serve('other', (core, request) => ({ status: 200, body: { factors: core.factorsOf(String(request.params.user)) } })),
  );
  router.delete(
    '/factors/:factor',
    serve('other', (core, request) => {
      core.revoke(String(request.params.factor));
      return { status: 200, body: { id: String(request.params.factor), state: 'revoked' } };
    }),
  );

  // A body that does not parse never reaches an operation.
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const { status, body } = problemOf(error, deps.onDefect);
    response.status(status).type('application/problem+json').send(JSON.stringify(body));
  });
  return router;

  function startedAnswer({ enrollment, challenge, qrSvg }: Started): Answer {
    return {
      status: 201,
      body: { ...enrollment, challenge: { secret: challenge.secret, otpauth_uri: challenge.otpauthUri, qr_svg: qrSvg } },
    };
  }

  function verifiedAnswer(result: VerifyResult): Answer {
    if (result.ok) return { status: 200, body: { ...result.enrollment } };
    if (result.reason === 'ended') {
      return problemAnswer('MUSTER_CONFLICT', 'the enrollment has ended; start a new one', { attempts_left: 0 });
    }
    const detail =
      result.reason === 'wrong_code'
        ? 'the code is wrong, or was used before'
        : 'the code is wrong, and the enrollment has failed: too many wrong codes';
    return problemAnswer('MUSTER_WRONG_PROOF', detail, { attempts_left: result.attemptsLeft });
  }

  function problemAnswer(code: 'MUSTER_CONFLICT' | 'MUSTER_WRONG_PROOF', detail: string, extra: Record<string, unknown>): Answer {
    const { status, body } = problemOf(new MusterError(code, detail), deps.onDefect);
    return { status, body: { ...body, ...extra } };
  }
}

const idOf = (request: Request) => String(request.params.id);
