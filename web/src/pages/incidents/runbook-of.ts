/** Which runbook an incident leads to, and which steps are in one. */
import type { IncidentDetail } from '../../../../src/serve/routes/answers.ts';

/** What to do is said by what leads it. */
const RUNBOOKS: Readonly<Record<string, string>> = { provider: 'provider-outage', deployment: 'rollback-advised' };
export const runbookOf = ({ cause }: Pick<IncidentDetail, 'cause'>): string => RUNBOOKS[cause?.dimension ?? ''] ?? 'anomaly';

/** Sections of a runbook whose lists are steps. */
const STEPS = ['First five minutes', 'Mitigation'];
/** A longer step is cut in the log. */
export const MAX_REASON = 500;

/** The items of the lists in those sections, in their order, as Markdown. */
export const stepsOf = (markdown: string): string[] =>
  markdown
    .split(/^## /m)
    .filter((section) => STEPS.some((title) => section.startsWith(`${title}\n`)))
    .flatMap((section) => [...section.matchAll(/^(?:\d+\.|-) (.*)$/gm)].map(([, text = '']) => text));
