/** Which runbook an incident leads to, and which steps are in one. */
import type { IncidentDetail } from '../../../../src/serve/routes/answers.ts';

/** What to do is said by what leads it. */
const RUNBOOKS: Readonly<Record<string, string>> = { provider: 'provider-outage', deployment: 'rollback-advised' };
export const runbookOf = ({ cause }: Pick<IncidentDetail, 'cause'>): string => RUNBOOKS[cause?.dimension ?? ''] ?? 'anomaly';

/** Sections of a runbook whose lists are steps. */
const STEPS = ['First five minutes', 'Mitigation', 'Rollback'];
/** A longer step is cut in the log. */
const MAX_LOGGED = 500;

export interface Step {
  markdown: string;
  /** As it is written in the log: its number, and its text without Markdown. */
  logged: string;
}

/** The items of the lists in those sections, in their order. An item is one line. */
export const stepsOf = (markdown: string): Step[] =>
  markdown
    .split(/^## /m)
    .filter((section) => STEPS.some((title) => section.startsWith(`${title}\n`)))
    .flatMap((section) => [...section.matchAll(/^(?:\d+\.|-) (.*)$/gm)].map(([, text = '']) => text))
    .map((text, i) => ({ markdown: text, logged: `${i + 1}. ${plain(text)}`.slice(0, MAX_LOGGED).trim() }));

const plain = (markdown: string): string => markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
