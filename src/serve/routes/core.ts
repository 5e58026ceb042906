/** The HTTP API of the reference core. Every request is reported for the SLIs of the API. */
import express, { type NextFunction, type Request, type Response, Router } from 'express';
import type { Answer, Keyed } from '../../core/answers.ts';
import { actSchema, type Core, createSchema, type Ended, type Started, type VerifyResult, verifySchema } from '../../core/enrollments.ts';
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
  /** Writes a privileged action down, before it is done. */
  audit: (actor: string, action: string, target: string, reason?: string) => Promise<void>;
  /** The reference of a user, as the audit log names people. */
  referenceOf: (user: string) => Promise<string>;
  onDefect: (message: string) => void;
}

type Operation = 'start' | 'verify' | 'cancel' | 'admin' | 'other';

/**
 * @param keep to be called with the answer, and the enrollment that it is about, in the transaction of what it answers
 * @param actor the key by which it was asked for, if any
 */
type Work = (
  core: Core,
  request: Request,
  keep: (answer: Answer, enrollmentId: string) => void,
  actor: string | undefined,
) => Promise<Answer> | Answer;

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
    const { answer, isReplay } = await answerOf(work, request, callerOf(response).name);
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

  const answerOf = async (work: Work, request: Request, actor: string | undefined): Promise<{ answer: Answer; isReplay?: boolean }> => {
    try {
      const core = ready();
      const key = request.method === 'POST' ? idempotencyKey(request.get('idempotency-key')) : undefined;
      if (key === undefined) return { answer: await work(core, request, () => {}, actor) };
      const keyed = { principal: actor ?? '', key, fingerprint: fingerprintOf(request) };
      return await onceFor(keyed, (keep) => work(core, request, keep, actor), core);
    } catch (error) {
      const { status, body } = problemOf(error, deps.onDefect);
      return { answer: { status, body } };
    }
  };

  /** The answer that a key had before, or a new one, which is kept with what it does; what is refused before it does anything is not. */
  const onceFor = async (keyed: Keyed, work: (keep: Parameters<Work>[2]) => Promise<Answer> | Answer, core: Core) => {
    const name = JSON.stringify([keyed.principal, keyed.key]);
    if (working.has(name))
      throw new MusterError('MUSTER_IN_PROGRESS', 'a request with this Idempotency-Key is being answered; send it again');
    const kept = core.answers.find(keyed);
    if (kept) return { answer: kept, isReplay: true };
    working.add(name);
    try {
      return { answer: await work((answer, enrollmentId) => core.answers.keep(keyed, answer, enrollmentId)) };
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

  for (const step of ['suspend', 'resume'] as const)
    router.post(
      `/factors/:factor/${step}`,
      serve('admin', async (core, request, keep, actor) => {
        const id = String(request.params.factor);
        const by = parsed(actSchema, request.body ?? {});
        const answer = { status: 200, body: { id, state: step === 'suspend' ? 'suspended' : 'active' } };
        await deps.audit(actor ?? by.actor ?? '', `factor.${step}`, id, by.reason);
        core[step](id, by, () => keep(answer, ''));
        return answer;
      }),
    );
  router.post(
    '/users/:user/deprovision',
    serve('admin', async (core, request, keep, actor) => {
      const by = parsed(actSchema, request.body ?? {});
      const user = String(request.params.user);
      const answerTo = ({ enrollments, factors }: Ended) => ({
        status: 200,
        body: { enrollments_cancelled: enrollments, factors_deprovisioned: factors },
      });
      await deps.audit(actor ?? by.actor ?? '', 'user.deprovision', await deps.referenceOf(user), by.reason);
      return answerTo(core.deprovision(user, by, (ended) => keep(answerTo(ended), '')));
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
    return problemAnswer('MUSTER_WRONG_PROOF', `${detail}${clockHint(result.clockSeconds)}`, {
      attempts_left: result.attemptsLeft,
      ...(result.clockSeconds !== undefined && { clock_offset_seconds: result.clockSeconds }),
    });
  }

  function problemAnswer(code: 'MUSTER_CONFLICT' | 'MUSTER_WRONG_PROOF', detail: string, extra: Record<string, unknown>): Answer {
    const { status, body } = problemOf(new MusterError(code, detail), deps.onDefect);
    return { status, body: { ...body, ...extra } };
  }
}

/** A wrong clock is the one thing that a person can mend. */
const clockHint = (seconds: number | undefined): string =>
  seconds === undefined
    ? ''
    : `; the clock of the device is about ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}: set it to automatic time, and type the next code`;

const idOf = (request: Request) => String(request.params.id);
