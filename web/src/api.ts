/** What the server answers, as the page uses it, and how it is asked. */

import type { ShownDashboard, ShownPanel } from '../../src/serve/dashboards.ts';
import type { ShownEvent } from '../../src/serve/event-stream.ts';
import type { Overview, OverviewSlo } from '../../src/serve/overview.ts';
import type { IncidentCauses, IncidentDetail, ShownFinding, ShownIncident, ShownSuppression } from '../../src/serve/routes/answers.ts';
import type { Runbook, RunbookEntry } from '../../src/serve/runbooks.ts';
import type { ShownSource } from '../../src/serve/sources.ts';
import type { AttemptDetail, AttemptEvent } from '../../src/slo/inquiry/attempt-detail.ts';
import type { Suggestion } from '../../src/slo/inquiry/backtest.ts';
import type { SloDetail } from '../../src/slo/inquiry/budget.ts';

export type {
  AttemptDetail,
  AttemptEvent,
  IncidentCauses,
  IncidentDetail,
  Overview,
  OverviewSlo,
  Runbook,
  RunbookEntry,
  ShownDashboard,
  ShownEvent,
  ShownFinding,
  ShownIncident,
  ShownPanel,
  ShownSource,
  ShownSuppression,
  SloDetail,
  Suggestion,
};
export type SloState = OverviewSlo['state'];

export type PanelRow = Record<string, string | number | null>;

export interface PanelData extends Pick<ShownPanel, 'name' | 'title' | 'description' | 'matrix' | 'thresholds'> {
  sql: string;
  /** End of the range, RFC 3339. */
  to: string;
  rows: PanelRow[];
}

/** JSON of a route. @throws Error in words that can be shown */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await answered(fetch(path, signal ? { signal } : {}));
  return (await response.json()) as T;
}

/** The text that a route answers to a body. @throws Error in words that can be shown */
export async function post(path: string, body: unknown): Promise<string> {
  const response = await answered(
    fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  );
  return response.text();
}

async function answered(asked: Promise<Response>): Promise<Response> {
  const response = await asked;
  if (response.ok) return response;
  if (response.status === 401 && location.pathname !== '/login')
    location.assign(`/login?${new URLSearchParams({ next: location.pathname + location.search })}`);
  const problem = (await response.json().catch(() => undefined)) as { detail?: string } | undefined;
  throw new Error(problem?.detail ?? `The server answered ${response.status}.`);
}
