/** Rows of `attempt_states`: an attempt's state and result as columns, and back. */
import { hash } from 'node:crypto';
import { type AttemptState, EARLIEST, LABELS, type Mark, noMarks, type Settlement } from './attempt-state.ts';

/** Columns of `attempt_states` that are read back to rebuild a state, and to know which minutes it counted in. */
export const STATE_COLUMNS = [
  'k',
  'home',
  'source',
  'attempt_id',
  'first',
  'times',
  'details',
  'enrolled',
  'provider_requested',
  'provider_fell_back',
  'traffic',
  ...LABELS,
  'provider_final',
  'settled_at',
  'by_clock',
  'started_at',
  'overdue_from',
  'overdue_until',
  'denied_at_risk',
  'assisted',
] as const;

export type StateRow = Record<(typeof STATE_COLUMNS)[number], string> & {
  times: number[];
  details: string[];
  home: number;
  first: number;
  settled_at: number;
  started_at: number;
  overdue_from: number;
  overdue_until: number;
};

const ROW_COLUMNS = {
  k: 'UInt64',
  home: 'UInt32',
  roll: 'UInt64',
  dead: 'UInt8',
  source: 'String',
  attempt_id: 'String',
  first: 'UInt64',
  times: 'Array(UInt64)',
  details: 'Array(String)',
  enrolled: 'UInt8',
  provider_requested: 'UInt8',
  provider_fell_back: 'UInt8',
  traffic: 'String',
  ...(Object.fromEntries(LABELS.map((label) => [label, 'String'])) as Record<(typeof LABELS)[number], 'String'>),
  provider_final: 'String',
  observed: 'String',
  started_at: 'UInt64',
  deadline: 'UInt64',
  settled_at: 'UInt64',
  by_clock: 'UInt8',
  result: 'String',
  error_class: 'String',
  error_code: 'String',
  fault: 'String',
  duration_ms: 'Nullable(Int64)',
  own_error: 'UInt8',
  overdue_from: 'UInt32',
  overdue_until: 'UInt32',
  denied_at_risk: 'UInt8',
  assisted: 'UInt8',
} as const;

export const ROW_STRUCTURE = Object.entries(ROW_COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');
export const ROW_COLUMN_NAMES = Object.keys(ROW_COLUMNS).join(', ');

/** The key of an attempt: 64 bits of SHA-256 of source and id, as a decimal string. */
export function attemptKey(source: string, attemptId: string): string {
  return BigInt(`0x${hash('sha256', `${source}\0${attemptId}`).slice(0, 16)}`).toString();
}

/** Marks whose parts are kept in `details`, with how many they have; the labels' values have columns of their own. */
const DETAILED = { completed: 2, failed: 3, refused: 2, expires: 1 } as const;
const isDetailed = (name: string): name is keyof typeof DETAILED => name in DETAILED;

/** One line of `attempt_states` for bulk insert. */
export function toRow(k: string, state: AttemptState, result: Settlement, roll: number, options?: { deadAt?: number }): string {
  const relative = (mark: Mark | undefined) => (mark ? mark[0] - state.first + 1 : 0);
  const details = Object.entries(DETAILED).flatMap(([name, count]) => {
    const mark = state.earliest[name as keyof typeof DETAILED];
    return Array.from({ length: count }, (_, i) => (mark ? String(mark[i + 1]) : ''));
  });
  return JSON.stringify([
    k,
    options?.deadAt ?? result.home,
    roll,
    options?.deadAt === undefined ? 0 : 1,
    state.source,
    state.attemptId,
    state.first,
    [...EARLIEST.map((name) => relative(state.earliest[name])), relative(state.providerFinal)],
    details,
    Number(state.enrolled),
    Number(state.providerRequested),
    Number(state.providerFellBack),
    state.traffic,
    ...LABELS.map((label) => state.earliest[label]?.[1] ?? ''),
    state.providerFinal?.[1] ?? '',
    result.observed,
    result.startedAt,
    result.deadline,
    result.settledAt,
    Number(result.byClock),
    result.result,
    result.errorClass,
    result.errorCode,
    result.fault,
    result.durationMs,
    Number(result.ownError),
    result.overdueFrom,
    result.overdueUntil,
    Number(state.deniedAtRisk),
    Number(state.assisted),
  ]);
}

/** The state that a stored row holds. */
export function fromRow(row: StateRow): AttemptState {
  const first = Number(row.first);
  const earliest = noMarks();
  let detail = 0;
  for (const [index, name] of EARLIEST.entries()) {
    const time = Number(row.times[index]);
    const count = isDetailed(name) ? DETAILED[name] : 0;
    const parts = row.details.slice(detail, detail + count);
    detail += count;
    if (time === 0) continue;
    const at = first + time - 1;
    if (name === 'failed') earliest.failed = [at, Number(parts[0]), parts[1] ?? '', parts[2] ?? ''];
    else if (name === 'expires') earliest.expires = [at, Number(parts[0])];
    else if (isDetailed(name)) earliest[name] = [at, ...parts];
    else if ((LABELS as readonly string[]).includes(name)) earliest[name] = [at, row[name as (typeof LABELS)[number]]];
    else earliest[name] = [at];
  }
  const finalTime = Number(row.times[EARLIEST.length]);
  return {
    source: row.source,
    attemptId: row.attempt_id,
    first,
    earliest,
    ...(finalTime !== 0 && { providerFinal: [first + finalTime - 1, row.provider_final] as const }),
    enrolled: Number(row.enrolled) === 1,
    providerRequested: Number(row.provider_requested) === 1,
    providerFellBack: Number(row.provider_fell_back) === 1,
    deniedAtRisk: Number(row.denied_at_risk) === 1,
    assisted: Number(row.assisted) === 1,
    traffic: row.traffic,
  };
}
