/** Where SLOs meet the store: counts per window, users hit, coverage, and the minutes behind them. */

import { WINDOW_NAMES } from '../../names.ts';
import type { Engine, Role, Session } from '../../store/engine/engine.ts';
import { type MaintenanceWindow, maintenanceIn } from '../../store/records/maintenance.ts';
import { MAX_USERS_BAD } from '../../store/roll/minutes.ts';
import { mergedRanges } from '../../store/rows/ranges.ts';
import { waitingAttempts } from '../../store/rows/rows-of.ts';
import { DAY_MS, MINUTE_MS } from '../../system/time.ts';
import type { Counts, WindowCounts } from '../arithmetic/burn.ts';
import { elapsedAt } from '../arithmetic/period.ts';
import { type Interval, pieces, windowSeconds, without } from '../arithmetic/windows.ts';
import type { Slo } from '../definition/openslo.ts';

export interface WindowFigures {
  /** Counts over what has passed of the SLO's own period. */
  whole: Counts;
  /** The same a day earlier. */
  wholeYesterday: Counts;
  /** By the name of the window: the usual ones and those of the SLO's pairs. */
  windows: Map<string, WindowCounts>;
  /** Counts from moments that were asked for until now. */
  since: ReadonlyMap<number, WindowCounts>;
  /** Whether maintenance lasts now. */
  isMaintenance: boolean;
  /** What is counted beside over the period, by name: `all` traffic of M1, `provider` errors of M5. */
  beside: Record<string, Counts>;
  /** Minutes of the period that maintenance takes out of the figures. */
  excludedMinutes: number;
}

export interface Figures {
  atMs: number;
  /** By the name of the SLO. */
  bySlo: Map<string, WindowFigures>;
  /** Share of the minutes in which the collector worked, by window. */
  coverage: Map<string, number>;
}

/** The start of the minute of a moment. */
export const toMinute = (ms: number): number => Math.floor(ms / MINUTE_MS) * MINUTE_MS;

/** Names of an SLO's windows, shortest first. */
export function windowsOf(slo: Slo): string[] {
  const names = new Set<string>([...WINDOW_NAMES, ...slo.pairs.flatMap(({ long, short }) => [long, short])]);
  return [...names].sort((a, b) => windowSeconds(a) - windowSeconds(b));
}

/**
 * The figures of all SLOs for the half-open windows that end at `atMs` (a full minute), in one pass over minutes and hours.
 * @param role whose connection is used: the evaluator must not wait for what people ask
 * @param since moments from which counts until now are asked for beside, by the name of the SLO
 */
export async function figuresAt(
  engine: Engine,
  slos: readonly Slo[],
  atMs: number,
  role: Role = 'read',
  since: ReadonlyMap<string, readonly number[]> = new Map(),
): Promise<Figures> {
  const session = engine.session(role);
  const longest = Math.max(
    ...slos.map(({ period }) => atMs - elapsedAt(period, atMs - DAY_MS).fromMs),
    ...slos.flatMap(windowsOf).map((name) => windowSeconds(name) * 1_000),
    ...[...since.values()].flat().map((fromMs) => atMs - fromMs),
  );
  const planned = await maintenanceIn(session, atMs - longest, atMs + MINUTE_MS);
  const bySlo = new Map<string, WindowFigures>();
  // SLOs with the same holes in their time are read together.
  const groups = Map.groupBy(slos, (slo) => JSON.stringify(holesOf(slo, planned)));
  for (const group of groups.values()) {
    const holes = holesOf(group[0] as Slo, planned);
    for (const [name, figures] of await groupFigures(session, group, holes, atMs, since)) bySlo.set(name, figures);
  }
  for (const slo of slos.filter(({ sli }) => sli.hasFindings)) {
    const figures = bySlo.get(slo.name);
    if (!figures) continue;
    const open = await openSecurityFindings(session, elapsedAt(slo.period, atMs));
    bySlo.set(slo.name, {
      ...figures,
      whole: { ...figures.whole, total: figures.whole.total + open },
      beside: { ...figures.beside, findings: { good: 0, total: open } },
    });
  }
  const names = [...new Set(slos.flatMap(windowsOf))];
  return { atMs, bySlo, coverage: await coverageOf(session, names, atMs) };
}

function holesOf(slo: Slo, planned: readonly MaintenanceWindow[]): Interval[] {
  return planned
    .filter((window) => window.slo === '*' || window.slo === slo.name)
    .map(({ startMs, endMs }) => ({ fromMs: toMinute(startMs), toMs: Math.ceil(endMs / MINUTE_MS) * MINUTE_MS }));
}

interface CountedTime {
  name: string;
  parts: Interval[];
}

async function groupFigures(
  session: Session,
  slos: readonly Slo[],
  holes: readonly Interval[],
  atMs: number,
  since: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, WindowFigures>> {
  const windows: CountedTime[] = [...new Set(slos.flatMap(windowsOf))].map((name) => ({
    name,
    parts: without({ fromMs: atMs - windowSeconds(name) * 1_000, toMs: atMs }, holes),
  }));
  const starts: CountedTime[] = [...new Set(slos.flatMap(({ name }) => since.get(name) ?? []))].map((fromMs) => ({
    name: String(fromMs),
    parts: without({ fromMs, toMs: atMs }, holes),
  }));
  const periods: CountedTime[] = slos.flatMap((slo) => [
    { name: `now ${slo.period.text}`, parts: without(elapsedAt(slo.period, atMs), holes) },
    { name: `yesterday ${slo.period.text}`, parts: without(elapsedAt(slo.period, atMs - DAY_MS), holes) },
  ]);
  const distinct = [...new Map([...starts, ...periods].map((time) => [JSON.stringify(time.parts), time])).values()];
  const slis = [...new Set(slos.map(({ sli }) => sli.id))];
  const counters = [...new Set(slos.flatMap(({ sli }) => [sli.id, ...sli.counters.map(({ id }) => id)]))];
  const counts = await countsIn(session, counters, [...windows, ...distinct]);
  const users = await usersIn(session, slis, [...windows, ...starts]);
  return new Map(
    slos.map((slo) => {
      const of = (parts: readonly Interval[], id = slo.sli.id): Counts =>
        counts.get(id)?.get(JSON.stringify(parts)) ?? { good: 0, total: 0 };
      const elapsed = elapsedAt(slo.period, atMs);
      const parts = without(elapsed, holes);
      const withUsers = (time: CountedTime): WindowCounts => ({
        ...of(time.parts),
        usersBad: users.get(slo.sli.id)?.get(time.name) ?? 0,
      });
      const kept = parts.reduce((sum, part) => sum + part.toMs - part.fromMs, 0);
      return [
        slo.name,
        {
          whole: of(parts),
          wholeYesterday: of(without(elapsedAt(slo.period, atMs - DAY_MS), holes)),
          windows: new Map(windows.map((window) => [window.name, withUsers(window)])),
          since: new Map(starts.map((start) => [Number(start.name), withUsers(start)])),
          beside: Object.fromEntries(
            slo.sli.counters.flatMap(({ id }) => (id.includes(':') ? [[id.slice(id.indexOf(':') + 1), of(parts, id)]] : [])),
          ),
          isMaintenance: holes.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs),
          excludedMinutes: (elapsed.toMs - elapsed.fromMs - kept) / MINUTE_MS,
        },
      ];
    }),
  );
}

const within = (column: string, intervals: readonly Interval[]): string =>
  intervals.length === 0
    ? '0'
    : `(${intervals.map(({ fromMs, toMs }) => `${column} >= ${fromMs / 1_000} AND ${column} < ${toMs / 1_000}`).join(' OR ')})`;

const withinTime = (intervals: readonly Interval[]): string =>
  intervals.length === 0
    ? '0'
    : `(${intervals.map(({ fromMs, toMs }) => `minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${toMs / 1_000}, 'UTC')`).join(' OR ')})`;

/** What each asked-for time reads of hours and of minutes, and the condition that picks it. */
function reading(asked: readonly CountedTime[]) {
  const all = asked.map(({ parts }) => parts.map(pieces));
  const hours = all.map((parts) => parts.flatMap((part) => part.hours));
  const minutes = all.map((parts) => parts.flatMap((part) => part.minutes));
  return {
    hours: joined(hours.flat()),
    minutes: joined(minutes.flat()),
    conditions: asked.map((_, i) => `((is_hour AND ${within('t', hours[i] ?? [])}) OR (NOT is_hour AND ${within('t', minutes[i] ?? [])}))`),
  };
}

/** Overlapping and touching intervals of whole minutes made one. */
const joined = (intervals: readonly Interval[]): Interval[] =>
  mergedRanges(intervals.map(({ fromMs, toMs }) => [fromMs / MINUTE_MS, toMs / MINUTE_MS - 1])).map(([first, last]) => ({
    fromMs: first * MINUTE_MS,
    toMs: (last + 1) * MINUTE_MS,
  }));

/** SQL that sums good and total over each asked-for time, by SLI, or by SLI, dimension and value. */
export function countsSql(slis: readonly string[], asked: readonly CountedTime[], by: 'whole' | 'split' = 'whole'): string {
  const { hours, minutes, conditions } = reading(asked);
  const names = slis.map((id) => `'${id}'`).join(', ');
  const keys = by === 'whole' ? 'sli' : 'sli, dimension, value';
  const rows = (table: string, isHour: 0 | 1, intervals: readonly Interval[]) =>
    `SELECT ${keys}, toUInt32(minute) AS t, toUInt8(${isHour}) AS is_hour, good, total FROM ${table} FINAL
     WHERE sli IN (${names}) AND ${by === 'whole' ? `dimension = ''` : '1'} AND ${withinTime(intervals)}`;
  const columns = conditions.flatMap((_, i) => [`sumIf(good, c_${i}) AS good_${i}`, `sumIf(total, c_${i}) AS total_${i}`]);
  return `SELECT ${keys}, ${columns.join(', ')} FROM (
      SELECT ${keys}, good, total, ${conditions.map((condition, i) => `${condition} AS c_${i}`).join(', ')}
      FROM (${rows('minutes', 0, minutes)} UNION ALL ${rows('hours', 1, hours)})
    ) GROUP BY ${keys}`;
}

/** Counts by SLI, then by the intervals (as JSON) that were asked for. */
async function countsIn(
  session: Session,
  slis: readonly string[],
  asked: readonly CountedTime[],
): Promise<Map<string, Map<string, Counts>>> {
  const rows = await session.rows<Record<string, string | number> & { sli: string }>(countsSql(slis, asked));
  return new Map(
    rows.map((row) => [
      row.sli,
      new Map(asked.map(({ parts }, i) => [JSON.stringify(parts), { good: Number(row[`good_${i}`]), total: Number(row[`total_${i}`]) }])),
    ]),
  );
}

/** Different users among the bad by SLI and window, at most {@link MAX_USERS_BAD}. */
async function usersIn(
  session: Session,
  slis: readonly string[],
  asked: readonly CountedTime[],
): Promise<Map<string, Map<string, number>>> {
  const { hours, minutes, conditions } = reading(asked);
  const names = slis.map((id) => `'${id}'`).join(', ');
  const users = (i: number) => `least(${MAX_USERS_BAD}, uniqExactArrayIf(users, c_${i}) + sumIf(anonymous, c_${i})) AS users_${i}`;
  const rows = await session.rows<Record<string, string | number> & { sli: string }>(
    `SELECT sli, ${asked.map((_, i) => users(i)).join(', ')} FROM (
       SELECT sli, users, anonymous, ${conditions.map((condition, i) => `${condition} AS c_${i}`).join(', ')} FROM (
         SELECT sli, users, anonymous, toUInt32(minute) AS t, span = 60 AS is_hour FROM bad_users FINAL
         WHERE sli IN (${names}) AND ((span = 1 AND ${withinTime(minutes)}) OR (span = 60 AND ${withinTime(hours)})))
     ) GROUP BY sli`,
  );
  return new Map(rows.map((row) => [row.sli, new Map(asked.map(({ name }, i) => [name, Number(row[`users_${i}`])]))]));
}

async function openSecurityFindings(session: Session, { fromMs, toMs }: Interval): Promise<number> {
  const [row] = await session.rows<{ n: number }>(
    `SELECT toUInt32(count()) AS n FROM findings WHERE kind = 'security' AND end IS NULL
       AND start >= fromUnixTimestamp64Milli(${fromMs}, 'UTC') AND start < fromUnixTimestamp64Milli(${toMs}, 'UTC')`,
  );
  return row?.n ?? 0;
}

/** Share of the minutes of each window that the collector covered. */
async function coverageOf(session: Session, names: readonly string[], atMs: number): Promise<Map<string, number>> {
  const longest = Math.max(...names.map(windowSeconds));
  const from = (name: string) => `toDateTime(${atMs / 1_000 - windowSeconds(name)}, 'UTC')`;
  const [row] = await session.rows<Record<string, number>>(
    `SELECT ${names.map((name, i) => `countIf(minute >= ${from(name)}) AS missing_${i}`).join(', ')}
     FROM coverage FINAL WHERE covered = 0
       AND minute >= toDateTime(${atMs / 1_000 - longest}, 'UTC') AND minute < toDateTime(${atMs / 1_000}, 'UTC')`,
  );
  return new Map(names.map((name, i) => [name, 1 - Number(row?.[`missing_${i}`] ?? 0) / (windowSeconds(name) / 60)]));
}

/** Good and total of everything that is kept, by SLI. */
export async function totalCounts(session: Session): Promise<Map<string, Counts>> {
  const rows = await session.rows<{ sli: string; good_all: string; total_all: string }>(
    `SELECT sli, sum(good) AS good_all, sum(total) AS total_all FROM hours FINAL WHERE dimension = '' GROUP BY sli`,
  );
  return new Map(rows.map(({ sli, good_all, total_all }) => [sli, { good: Number(good_all), total: Number(total_all) }]));
}

/** Attempts of users that wait for their end at `nowMs`. */
export async function pendingAttempts(session: Session, nowMs: number): Promise<number> {
  const [row] = await session.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM ${waitingAttempts(nowMs)} AND traffic = ''`);
  return row?.n ?? 0;
}

/** Good and total of each of the last `days` days that end at `atMs`, oldest first; days without traffic are 0 of 0. */
export async function dailyCounts(session: Session, atMs: number, days: number): Promise<Map<string, Counts[]>> {
  const fromMs = atMs - days * DAY_MS;
  const rows = await session.rows<{ sli: string; day: number; good: string; total: string }>(
    `SELECT sli, intDiv(toUnixTimestamp(minute) - ${fromMs / 1_000}, 86400) AS day, sum(good) AS good, sum(total) AS total
      FROM minutes FINAL
     WHERE dimension = '' AND minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${atMs / 1_000}, 'UTC')
     GROUP BY sli, day`,
  );
  const result = new Map<string, Counts[]>();
  for (const row of rows) {
    const list = result.get(row.sli) ?? Array.from({ length: days }, () => ({ good: 0, total: 0 }));
    list[Number(row.day)] = { good: Number(row.good), total: Number(row.total) };
    result.set(row.sli, list);
  }
  return result;
}
