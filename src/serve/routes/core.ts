/** The HTTP API of the reference core. Every request is reported for the SLIs of the API. */
import express, { type NextFunction, type Request, type Response, Router } from 'express';
import { type Core, createSchema, verifySchema } from '../../core/enrollments.ts';
import { MusterError } from '../../errors.ts';
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

type Work = (core: Core, request: Request) => Promise<Answer> | Answer;

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Routes below `/core/v1`. */
export function coreRoutes(deps: CoreRoutesDeps): Router {
  const router = Router();
  router.use(express.json({ limit: MAX_BODY }));

  const working = new Map<string, Promise<void>>();

  const ready = (): Core => {
    const core = deps.core();
    if (core) return core;
    throw new MusterError('MUSTER_NOT_READY', 'the core is still starting; send this request again');
  };

  /** Serves one operation: an answer kept for its Idempotency-Key, or a new one; reported either way. */
  const serve = (operation: Operation, work: Work) => async (request: Request, response: Response) => {
    const startMs = performance.now();
    const atMs = deps.now();
    const answer = await answerOf(operation, work, request);
    const isProblem = answer.status >= 400;
    response.status(answer.status).type(isProblem ? 'application/problem+json' : 'application/json');
    if (answer.status === 503) response.set('retry-after', '1');
    response.send(JSON.stringify(answer.body));
    const durationMs = performance.now() - startMs;
    deps.observe(operation, durationMs / 1_000);
    if (request.method !== 'GET') reportRequest(operation, request, answer, { atMs, durationMs });
  };

  const answerOf = async (operation: Operation, work: Work, request: Request): Promise<Answer> => {
    try {
      const core = ready();
      const key = request.method === 'POST' ? idempotencyKey(request) : undefined;
      return key === undefined ? await work(core, request) : await onceFor(key, operation, work, core, request);
    } catch (error) {
      const { status, body } = problemOf(error, deps.onDefect);
      return { status, body };
    }
  };

  /** The answer that an Idempotency-Key had before, or a new one that is kept; the same key at the same time waits for its turn. */
  const onceFor = async (key: string, operation: Operation, work: Work, core: Core, request: Request): Promise<Answer> => {
    while (working.has(key)) await working.get(key);
    const fingerprint = `${operation} ${request.path} ${JSON.stringify(request.body ?? null)}`;
    const kept = core.answerFor(key, fingerprint);
    if (kept) return { status: kept.status, body: JSON.parse(kept.body) as Record<string, unknown> };
    const answering = (async () => {
      const answer = await work(core, request);
      core.keepAnswer(key, fingerprint, answer.status, JSON.stringify(answer.body));
      return answer;
    })();
    working.set(
      key,
      answering.then(
        () => {},
        () => {},
      ),
    );
    try {
      return await answering;
    } finally {
      working.delete(key);
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
    serve('start', async (core, request) => {
      const { enrollment, challenge, qrSvg } = await core.create(parsed(createSchema, request.body));
      return {
        status: 201,
        body: { ...enrollment, challenge: { secret: challenge.secret, otpauth_uri: challenge.otpauthUri, qr_svg: qrSvg } },
      };
    }),
  );

  router.post(
    '/enrollments/:id/verify',
    serve('verify', (core, request) => {
      const result = core.verify(idOf(request), parsed(verifySchema, request.body).code);
      if (result.ok) return { status: 200, body: { ...result.enrollment } };
      if (result.reason === 'ended') {
        return problemAnswer('MUSTER_CONFLICT', 'the enrollment has ended; start a new one', { attempts_left: 0 });
      }
      const detail =
        result.reason === 'wrong_code'
          ? 'the code is wrong, or was used before'
          : 'the code is wrong, and the enrollment has failed: too many wrong codes';
      return problemAnswer('MUSTER_WRONG_PROOF', detail, { attempts_left: result.attemptsLeft });
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

  function problemAnswer(code: 'MUSTER_CONFLICT' | 'MUSTER_WRONG_PROOF', detail: string, extra: Record<string, unknown>): Answer {
    const { status, body } = problemOf(new MusterError(code, detail), deps.onDefect);
    return { status, body: { ...body, ...extra } };
  }
}

const idOf = (request: Request) => String(request.params.id);

function idempotencyKey(request: Request): string | undefined {
  const key = request.get('idempotency-key');
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new MusterError('MUSTER_BAD_ARGUMENT', 'Idempotency-Key: expected 1 to 255 visible ASCII characters');
}
