/** The answer of the Overview as one plain sentence, and what stands behind it. */
import { type BudgetState, budgetState } from '../arithmetic/burn.ts';
import type { AlertState } from '../arithmetic/episode.ts';
import type { Severity } from '../arithmetic/pairs.ts';
import { type Cause, causeText } from '../inquiry/explain.ts';
import { burnTimes } from '../measure/alert-words.ts';
import type { SloStatus } from '../measure/status.ts';

/** State of an SLO as people read it, the worst of its pairs first. */
export type SloState = Severity | Exclude<AlertState, 'firing' | 'joined' | 'inactive'> | 'missed' | 'healthy';

/** The worst state of an SLO, and since when it fires. */
export function stateOf(status: SloStatus): { state: SloState; since: string | null; pair: string | null } {
  const firing = (severity: Severity) => status.alerts.filter((alert) => alert.state === 'firing' && alert.severity === severity);
  for (const severity of ['page', 'ticket'] as const) {
    const [first] = firing(severity).sort((a, b) => ((a.since ?? '') < (b.since ?? '') ? -1 : 1));
    if (first) return { state: severity, since: first.since, pair: first.pair };
  }
  if (status.kind === 'count') return { state: 'healthy', since: null, pair: null };
  const is = (state: AlertState) => status.alerts.find((each) => each.state === state);
  const budget = budgetOf(status);
  for (const state of ['maintenance', 'frozen'] as const) {
    const alert = is(state);
    if (alert) return { state, since: alert.since, pair: alert.pair };
  }
  if (budget === 'missed') return { state: 'missed', since: null, pair: null };
  const few = is('too_few');
  if (few || budget === 'too_few') return { state: 'too_few', since: few?.since ?? null, pair: few?.pair ?? null };
  return { state: status.total === 0 ? 'no_traffic' : 'healthy', since: null, pair: null };
}

/** Whether the objective is met over its window; of what is only counted, it is. */
export const budgetOf = ({ good, total, objective }: Pick<SloStatus, 'good' | 'total' | 'objective'>): BudgetState =>
  objective === null || good === null ? 'met' : budgetState({ good, total }, objective);

export interface Verdict {
  headline: string;
  detail: string;
}

/** What an alert beside the burn rates says of itself. */
export interface OtherAlert {
  severity: Severity;
  summary: string;
  meaning: string;
}

/** Headline and detail for all SLOs, and for the alerts beside them. A page of either kind comes first, then tickets. */
export function verdictOf(
  statuses: readonly SloStatus[],
  others: readonly OtherAlert[] = [],
  causes: ReadonlyMap<string, Cause> = new Map(),
): Verdict {
  const verdict = sloVerdict(statuses, causes);
  const isFiring = (severity: Severity) => statuses.some((status) => stateOf(status).state === severity);
  const first = others.find(({ severity }) => severity === 'page') ?? others[0];
  if (!first) return verdict;
  const leads = first.severity === 'page' ? !isFiring('page') : !isFiring('page') && !isFiring('ticket');
  if (leads) return { headline: `${first.summary}.`, detail: `${first.meaning} ${isFiring('ticket') ? verdict.headline : ''}`.trim() };
  return { headline: verdict.headline, detail: `${verdict.detail} ${others.map(({ summary }) => `${summary}.`).join(' ')}` };
}

function sloVerdict(statuses: readonly SloStatus[], causes: ReadonlyMap<string, Cause>): Verdict {
  const states = statuses.map((status) => ({ status, ...stateOf(status) }));
  const paging = states.filter(({ state }) => state === 'page');
  const tickets = states.filter(({ state }) => state === 'ticket');
  const [worst] = paging.length > 0 ? paging : tickets;
  if (worst) {
    const names = (paging.length > 0 ? paging : tickets).map(({ status }) => status.slo);
    const verb = paging.length > 0 ? (names.length === 1 ? 'pages' : 'page') : names.length === 1 ? 'has a ticket' : 'have a ticket';
    return { headline: `${listed(names)} ${verb}.`, detail: burnSentence(worst.status, causes.get(worst.status.slo)) };
  }
  if (statuses.every(({ total }) => total === 0)) {
    return { headline: 'No events yet.', detail: 'Send the first to POST /v1/events, or import a log with muster import.' };
  }
  const missed = statuses.filter((status) => budgetOf(status) === 'missed').map(({ slo }) => slo);
  if (missed.length > 0) {
    return {
      headline: `Nothing fires, but ${listed(missed)} ${missed.length === 1 ? 'misses its objective' : 'miss their objectives'}.`,
      detail: 'No error budget is left over its window; hold back risky changes until old failures leave it.',
    };
  }
  const burning = states.filter(({ state, pair }) => state === 'too_few' && pair !== null).map(({ status }) => status.slo);
  const few = states.filter(({ state, pair }) => state === 'too_few' && pair === null).map(({ status }) => status.slo);
  const silent = states.filter(({ state }) => state === 'no_traffic').map(({ status }) => status.slo);
  const frozen = states.filter(({ state }) => state === 'frozen').map(({ status }) => status.slo);
  const planned = states.filter(({ state }) => state === 'maintenance').map(({ status }) => status.slo);
  const details = [
    ...(burning.length > 0 ? [`${listed(burning)}: burning, but on too few events to judge.`] : []),
    ...(few.length > 0 ? [`${listed(few)}: too few events to judge the objective by.`] : []),
    ...(frozen.length > 0 ? [`${listed(frozen)}: frozen, the collector saw too little to judge by.`] : []),
    ...(planned.length > 0 ? [`${listed(planned)}: in maintenance.`] : []),
    ...(silent.length > 0 ? [`${listed(silent)}: no data.`] : []),
  ];
  const met = silent.length > 0 ? 'Every objective with data is met over its window.' : 'Every objective is met over its window.';
  return { headline: 'Nothing fires.', detail: [...(burning.length + few.length + frozen.length > 0 ? [] : [met]), ...details].join(' ') };
}

/** What burns, how fast, since when, why, and what is left. */
function burnSentence(status: SloStatus, cause: Cause | undefined): string {
  const { pair } = stateOf(status);
  const alert = status.alerts.find((each) => each.state === 'firing' && each.pair === pair);
  const burn = alert ? (status.burnRates[alert.longWindow] ?? null) : null;
  const speed = alert && burn !== null ? ` ${Number(burn.toPrecision(3))}× as fast as allowed over ${alert.longWindow}` : '';
  const when = alert ? ` It ${burnTimes(alert)}.` : '';
  const why = cause ? ` Leading: ${causeText(cause)}` : '';
  const left = Math.floor((status.errorBudgetRemaining ?? 0) * 100);
  return `${status.title} burns its error budget${speed}; ${left < 0 ? 'none of it is left' : `${left} % of it is left`} over ${status.window}.${when}${why}`;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
