/** What the server answers, as the page uses it, and how it is asked. */

import type { ShownEvent } from '../../src/serve/event-stream.ts';
import type { Overview, OverviewSlo } from '../../src/serve/overview.ts';
import type { Suggestion } from '../../src/slo/backtest.ts';
import type { SloDetail } from '../../src/slo/budget.ts';

export type { Overview, OverviewSlo, ShownEvent, SloDetail, Suggestion };
export type SloState = OverviewSlo['state'];

export interface PanelData {
  name: string;
  title: string;
  description: string;
  sql: string;
  rows: Record<string, string | number | null>[];
}

/** JSON of a route. @throws Error in words that can be shown */
export async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => undefined)) as { detail?: string } | undefined;
  throw new Error(problem?.detail ?? `The server answered ${response.status}.`);
}
