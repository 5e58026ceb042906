/** What the core says of a request once it is answered, for the SLIs of its API. */
import type { Request } from 'express';
import type { Core } from '../../core/core.ts';
import { labelsOf, startSchema } from '../../core/enrollment/requests.ts';
import type { Answer } from '../../core/ledger/kept-answers.ts';
import type { CoreRoute } from './route.ts';

export interface ReportDeps {
  core: () => Core | undefined;
  /** Called after each report, so that the outbox is emptied soon. */
  onAnswered: () => void;
  onDefect: (message: string) => void;
}

/** Reports a request; a start that failed for a reason of our own, or had to wait, is an attempt besides. */
export function createReport(deps: ReportDeps) {
  return async (
    route: CoreRoute,
    request: Request,
    answer: Answer,
    { atMs, durationMs }: { atMs: number; durationMs: number },
  ): Promise<void> => {
    const core = deps.core();
    // Nobody knows who sent it: it is no request of the enrollment's users.
    if (!core || answer.body.code === 'MUSTER_TOKEN_REFUSED' || answer.isStranger) return;
    try {
      const isRefused = route.operation === 'start' && (answer.status >= 500 || answer.status === 429);
      const known = request.params.id ?? request.params.factor ?? answer.body.attempt_id ?? answer.body.id;
      const id =
        isRefused && answer.body.attempt_id === undefined ? await core.reportFailedStart(refusedLabels(request), causeOf(answer)) : known;
      await core.reportRequest({
        ...(typeof id === 'string' && (await core.labelsOf(id))),
        ...(isRefused && { attempt_id: id }),
        time: new Date(atMs).toISOString(),
        operation: route.operation,
        http_status: answer.status,
        duration_ms: Math.round(durationMs * 1_000) / 1_000,
      });
    } catch (error) {
      deps.onDefect(`a request of the core could not be reported: ${error instanceof Error ? error.message : String(error)}`);
    }
    deps.onAnswered();
  };
}

/** What the attempt of a refused start says of itself: nothing, when the request could not be read. */
function refusedLabels(request: Request): Record<string, unknown> {
  const asked = startSchema.safeParse(request.body ?? {});
  if (!asked.success) return {};
  const { user, factor_type } = asked.data;
  return { user, factor_type, ...labelsOf(asked.data) };
}

const CLASSES: Readonly<Record<string, string>> = {
  MUSTER_RATE_LIMITED: 'rate_limit',
  MUSTER_VAULT_CLOSED: 'storage',
  MUSTER_CORE_UNREACHABLE: 'storage',
};

const causeOf = ({ body }: Answer) => ({ error_class: CLASSES[String(body.code)] ?? 'internal', error_code: 'start_failed' });
