/** One attempt: what became of it, every event of it, and how each SLO counted it. */

import { MusterError } from '../../errors.ts';
import type { Session } from '../../store/engine/engine.ts';
import { maintenanceIn } from '../../store/records/maintenance.ts';
import { JOINED } from '../../store/rows/attempt-facts.ts';
import { attemptKey } from '../../store/rows/attempt-row.ts';
import type { Counter } from '../../store/rows/sli-counter.ts';
import type { Store } from '../../store/store.ts';
import { HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import type { Slo } from '../definition/openslo.ts';
import { knownId } from '../slis/sli.ts';

/** Events of an attempt are looked for from so long before its first minute to so long after it settled and ended. */
const AROUND_MS = HOUR_MS;
/** Events of one millisecond, in the order in which one brings about the other: what begins, what happens, what ends. */
const TURNS = [
  ['enrollment.started', 'recovery.started'],
  ['api.request'],
  ['enrollment.challenge_issued'],
  ['provider.request'],
  ['provider.fallback', 'challenge.sent'],
  ['enrollment.completed', 'enrollment.failed', 'enrollment.expired', 'enrollment.cancelled', 'recovery.completed', 'recovery.failed'],
] as const;
const NAMED = TURNS.flatMap((types, turn) => types.map((type) => ({ type, turn: turn === TURNS.length - 1 ? TURNS.length : turn })));
const IN_TURN = `transform(type, [${NAMED.map(({ type }) => `'${type}'`).join(', ')}], [${NAMED.map(({ turn }) => turn).join(', ')}], ${TURNS.length - 1})`;
const MAX_EVENTS = 1_000;
const MAX_SPANS = 1_000;
const MAX_SECONDS = 10;
const REFUSED = 'refused:';
const MAX_SOURCES = 10;

const LABELS = [
  'user_ref',
  'user_tier',
  'segment',
  'tenant',
  'factor_type',
  'provider',
  'provider_final',
  'region',
  'environment',
  'deployment',
  'client_version',
  'channel',
  'traffic',
] as const;

export interface AttemptDetail {
  attemptId: string;
  source: string;
  /** In one sentence what became of it. */
  sentence: string;
  result: string;
  observed: string;
  /** RFC 3339, or null where there is none: no start was heard, or it is pending. */
  startedAt: string | null;
  deadline: string | null;
  settledAt: string | null;
  /** From start to settling event. */
  durationMs: number | null;
  errorClass: string;
  errorCode: string;
  fault: string;
  /** Labels that it has, by their names in events. */
  labels: Record<string, string>;
  /** W3C trace ids of its events. */
  traces: string[];
  /** Oldest first, without fields that are empty. */
  events: AttemptEvent[];
  /** Whether there are more events than are shown. */
  isCut: boolean;
  /** Spans of its traces, by their start. */
  spans: AttemptSpan[];
  hasMoreSpans: boolean;
  counted: Counted[];
}

export interface AttemptSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  service: string;
  name: string;
  kind: string;
  /** Milliseconds since 1970, with microseconds behind the point. */
  startMs: number;
  durationMs: number;
  hasFailed: boolean;
  attributes: Record<string, string>;
}

export type AttemptEvent = { id: string; type: string; time: string } & Record<string, unknown>;

export interface Counted {
  slo: string;
  sli: string;
  /** What is counted, in words. */
  meaning: string;
  good: number;
  /** 0 where the SLO did not count it. */
  total: number;
  /** Whether maintenance takes its minute out of the SLO's figures. */
  isExcluded: boolean;
}

type Row = Record<(typeof LABELS)[number], string> & {
  home: number;
  result: string;
  observed: string;
  started_at: string;
  deadline: string;
  settled_at: string;
  by_clock: number;
  overdue_until: number;
  duration_ms: string | null;
  error_class: string;
  error_code: string;
  fault: string;
};

/** What an attempt is read with. */
export interface AttemptReader extends Pick<Store, 'recordsOfAttempt'> {
  session: Session;
  slos: readonly Slo[];
}

/**
 * An attempt by its id, as known at `nowMs`.
 * @param source needed when several sources use this id
 * @throws MUSTER_NOT_FOUND, MUSTER_BAD_ARGUMENT naming the sources to choose from
 */
export async function attemptDetail(
  { session, slos, recordsOfAttempt }: AttemptReader,
  asked: { id: string; source?: string | undefined },
  nowMs: number,
): Promise<AttemptDetail> {
  const source = asked.source ?? (await onlySource(session, asked.id));
  const where = `home IN (SELECT home FROM attempt_homes WHERE k = {k:UInt64}) AND k = {k:UInt64} AND dead = 0`;
  const parameters = { k: attemptKey(source, asked.id) };
  const [row] = await session.rows<Row>(
    `SELECT home, result, observed, toString(started_at) AS started_at, toString(deadline) AS deadline, toString(settled_at) AS settled_at,
      by_clock, overdue_until, toString(duration_ms) AS duration_ms,
       error_class, error_code, fault, ${LABELS.join(', ')} FROM attempt_states FINAL WHERE ${where} AND result != ''`,
    parameters,
  );
  if (!row) throw new MusterError('MUSTER_NOT_FOUND', `no attempt ${asked.id} of ${source} is known`);
  const settledMs = Number(row.settled_at);
  const isPending = settledMs === 0 || (row.by_clock === 1 && settledMs > nowMs);
  const homeMs = row.home * MINUTE_MS;
  const near = { source, userRef: row.user_ref, timeMs: Number(row.started_at) || settledMs || homeMs };
  const ids = asked.id.startsWith(JOINED) ? await recordsOfAttempt(near, asked.id) : [];
  const of = eventsWhere(asked.id, ids, source, homeMs - AROUND_MS, Math.max(homeMs, settledMs, row.overdue_until * MINUTE_MS) + AROUND_MS);
  const events = await eventsOf(session, of);
  const traces = [...new Set(events.flatMap(({ trace_id: trace }) => (typeof trace === 'string' ? [trace] : [])))];
  const spans = await spansOf(session, traces);
  const moment = (ms: number) => (ms === 0 ? null : new Date(ms).toISOString());
  const isUser = row.traffic === '' || row.traffic === 'user';
  const ofAttempt =
    isPending || !isUser ? undefined : await countsOf(session, slos, 'attempt', { table: 'attempt_states FINAL', where, parameters });
  const detail = {
    attemptId: asked.id,
    source,
    result: isPending ? 'pending' : row.result,
    observed: row.observed,
    startedAt: moment(Number(row.started_at)),
    deadline: Number(row.started_at) === 0 ? null : moment(Number(row.deadline)),
    settledAt: isPending ? null : moment(settledMs),
    durationMs: row.duration_ms === null ? null : Number(row.duration_ms),
    errorClass: row.error_class,
    errorCode: row.error_code,
    fault: isPending ? '' : row.fault,
    labels: Object.fromEntries(LABELS.flatMap((name) => (row[name] ? [[name, row[name]]] : []))),
    traces,
    events,
    spans: spans.slice(0, MAX_SPANS),
    hasMoreSpans: spans.length > MAX_SPANS,
    isCut: events.length === MAX_EVENTS,
  };
  const ofEvents = await countsOf(session, slos, 'event', { ...of, where: `${of.where} AND traffic IN ('', 'user')` });
  const planned = isPending ? [] : await maintenanceIn(session, settledMs, settledMs + 1);
  return {
    ...detail,
    sentence: sentenceOf(detail),
    counted: slos.flatMap((slo) => {
      const counts = [ofAttempt?.get(slo.name), ofEvents.get(slo.name)].filter((each) => each !== undefined);
      if (!slo.sli.counters.some(({ id, unit }) => id === slo.sli.id && (unit === 'attempt' || unit === 'event'))) return [];
      const sum = (of: 'good' | 'total') => counts.reduce((all, each) => all + each[of], 0);
      const isExcluded = planned.some((window) => window.slo === '*' || window.slo === slo.name);
      return [{ slo: slo.name, sli: knownId(slo.sli), meaning: slo.sli.meaning, good: sum('good'), total: sum('total'), isExcluded }];
    }),
  };
}

async function onlySource(session: Session, id: string): Promise<string> {
  const rows = await session.rows<{ source: string }>(
    `SELECT DISTINCT source FROM attempt_states WHERE attempt_id = {id:String} AND dead = 0 ORDER BY source LIMIT ${MAX_SOURCES}
      SETTINGS max_execution_time = ${MAX_SECONDS}`,
    { id },
  );
  const [first] = rows;
  if (!first) throw new MusterError('MUSTER_NOT_FOUND', `no attempt ${id} is known`);
  if (rows.length > 1)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `several sources have an attempt ${id}; name one: ${rows.map(({ source }) => source).join(', ')}`,
    );
  return first.source;
}

/** Rows that a query reads, with the values that it is given. */
interface Source {
  table: string;
  where: string;
  parameters: Record<string, string | number>;
}

/** A request that was refused before it had an attempt is one of its own, named after the event. @param ids of the records that it was joined of */
function eventsWhere(id: string, ids: readonly string[], source: string, fromMs: number, toMs: number): Source {
  const event = id.startsWith(REFUSED) ? id.slice(REFUSED.length) : '';
  return {
    table: 'events FINAL',
    where: `source = {source:String} AND (attempt_id IN splitByChar(',', {ids:String}) OR (attempt_id = '' AND id = {event:String}))
       AND toStartOfTenMinutes(time) >= toStartOfTenMinutes(fromUnixTimestamp64Milli({from:Int64}, 'UTC')) AND time <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
    parameters: { ids: [id, ...ids].join(','), source, event, from: fromMs, to: toMs },
  };
}

async function eventsOf(session: Session, { table, where, parameters }: Source): Promise<AttemptEvent[]> {
  const rows = await session.rows<Record<string, unknown> & { at: string }>(
    `SELECT toString(toUnixTimestamp64Milli(time)) AS at, * EXCEPT (content_hash) FROM ${table} WHERE ${where}
     ORDER BY time, ${IN_TURN}, id LIMIT ${MAX_EVENTS} SETTINGS max_execution_time = ${MAX_SECONDS}`,
    parameters,
  );
  return rows.map(({ at, ...row }) => {
    const filled = Object.entries(row).filter(([, value]) => !isEmpty(value));
    return { ...(Object.fromEntries(filled) as AttemptEvent), time: new Date(Number(at)).toISOString() };
  });
}

/** The spans of these traces (lower-case hex). */
async function spansOf(session: Session, traces: readonly string[]): Promise<AttemptSpan[]> {
  if (traces.length === 0) return [];
  const rows = await session.rows<
    Omit<AttemptSpan, 'startMs' | 'durationMs' | 'hasFailed'> & { start_us: string; duration_us: string; failed: number }
  >(
    `SELECT trace_id AS traceId, span_id AS spanId, parent_span_id AS parentSpanId, service, name, kind,
      toString(toUnixTimestamp64Micro(start)) AS start_us, toString(duration_us) AS duration_us,
       has_failed AS failed, attributes
     FROM spans_log FINAL WHERE trace_id IN (SELECT arrayJoin(splitByChar(',', {traces:String})))
     ORDER BY start, span_id LIMIT ${MAX_SPANS + 1} SETTINGS max_execution_time = ${MAX_SECONDS}`,
    { traces: traces.join(',') },
  );
  return rows.map(({ start_us, duration_us, failed, ...span }) => ({
    ...span,
    startMs: Number(start_us) / 1_000,
    durationMs: Number(duration_us) / 1_000,
    hasFailed: failed === 1,
  }));
}

const isEmpty = (value: unknown) =>
  value === null || value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

/** Good and total by SLO, of the counters of one unit. */
async function countsOf(
  session: Session,
  slos: readonly Slo[],
  unit: 'attempt' | 'event',
  { table, where, parameters }: Source,
): Promise<Map<string, { good: number; total: number }>> {
  const counters = slos.flatMap((slo) =>
    slo.sli.counters.filter((counter) => counter.id === slo.sli.id && counter.unit === unit).map((counter) => ({ slo: slo.name, counter })),
  );
  if (counters.length === 0) return new Map();
  const counts = (counter: Counter) => {
    const isIn = counter.unit === 'event' ? `type IN (${counter.types.map((type) => `'${type}'`).join(', ')}) AND ` : '';
    return { total: `${isIn}(${counter.total})`, good: `${isIn}(${counter.total}) AND (${counter.good})` };
  };
  const columns = counters.flatMap(({ counter }, i) => {
    const { total, good } = counts(counter);
    return [`toUInt32(countIf(ifNull(${total}, 0))) AS total_${i}`, `toUInt32(countIf(ifNull(${good}, 0))) AS good_${i}`];
  });
  const [row] = await session.rows<Record<string, number>>(
    `SELECT ${columns.join(', ')} FROM ${table} WHERE ${where} SETTINGS max_execution_time = ${MAX_SECONDS}`,
    parameters,
  );
  return new Map(counters.map(({ slo }, i) => [slo, { good: row?.[`good_${i}`] ?? 0, total: row?.[`total_${i}`] ?? 0 }]));
}

const seconds = (ms: number): string =>
  ms < 1_000 ? `${ms} ms` : ms < 120_000 ? `${Number((ms / 1_000).toPrecision(3))} s` : `${Math.round(ms / 60_000)} min`;

/** What became of it, where and why. */
function sentenceOf(detail: Omit<AttemptDetail, 'sentence' | 'counted'>): string {
  const { result, durationMs, errorClass, errorCode, labels, events } = detail;
  const after = durationMs === null ? '' : durationMs === 0 ? ' at once' : ` after ${seconds(durationMs)}`;
  const why = [errorClass, errorCode.replaceAll('_', ' ')].filter(Boolean).join(', ');
  const where = [labels.provider_final ?? labels.provider, labels.region].filter(Boolean).join(' in ');
  const last = events.findLast(({ type }) => type !== 'enrollment.expired')?.type;
  switch (result) {
    case 'completed':
      return `Completed${after}.`;
    case 'pending':
      return `Waits since ${last ?? 'its start'}; it counts once it ends or its deadline has passed.`;
    case 'timed_out':
      return `Timed out: nothing ended it by its deadline. The last that was heard is ${last ?? 'nothing'}${where ? ` (${where})` : ''}.`;
    case 'completed_late':
      return 'Completed, but after its deadline: too late to count as good.';
    default:
      return `${result.charAt(0).toUpperCase()}${result.slice(1)}${after}${why ? `: ${why}` : ''}${where ? ` (${where})` : ''}.`;
  }
}
