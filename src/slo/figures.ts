/** Where SLOs meet the store: counts per window, users hit, and the minutes behind them. */
import { WINDOW_NAMES, WINDOWS, type WindowName } from '../names.ts';
import type { Session } from '../store/engine.ts';
import { IS_USER_REQUEST, isSettledUserAttempt } from '../store/minutes.ts';
import type { Counts } from './burn.ts';
import type { Slo } from './openslo.ts';

export interface WindowFigures {
  /** Counts over the SLO's own window. */
  whole: Counts;
  /** The same a day earlier. */
  wholeYesterday: Counts;
  windows: Record<WindowName, Counts>;
  /** Different users among the bad: exact to 1,000, then 1,000; a bad one without a user counts as one. */
  usersBad: Record<WindowName, number>;
}

/** Users hit are counted exactly up to here (contract, "Tables"). */
const MAX_USERS_BAD = 1_000;
const DAY_MS = 86_400_000;
/** An attempt lies at the minute of its start, and settles at most this much later (contract: windows of 1 to 60 minutes). */
const MAX_WINDOW_MINUTES = 61;
const LONGEST_MS = Math.max(...Object.values(WINDOWS)) * 1_000;

/** The start of the minute of a moment. */
export const toMinute = (ms: number): number => Math.floor(ms / 60_000) * 60_000;

/** Figures of each SLO for the half-open windows that end at `atMs` (a full minute), by SLO name. */
export async function windowFigures(session: Session, slos: readonly Slo[], atMs: number): Promise<Map<string, WindowFigures>> {
  const counts = await countsBySli(session, slos, atMs);
  const users = await usersBadBySli(session, slos, atMs);
  return new Map(
    slos.map((slo) => {
      const row = counts.get(slo.sli.id) ?? {};
      const pick = (name: string): Counts => ({ good: Number(row[`good_${name}`] ?? 0), total: Number(row[`total_${name}`] ?? 0) });
      const hit = users.get(slo.sli.id) ?? {};
      return [
        slo.name,
        {
          whole: pick(`w${slo.windowSeconds}`),
          wholeYesterday: pick(`y${slo.windowSeconds}`),
          windows: Object.fromEntries(WINDOW_NAMES.map((name) => [name, pick(name)])) as WindowFigures['windows'],
          usersBad: Object.fromEntries(
            WINDOW_NAMES.map((name) => [name, Math.min(Number(hit[name] ?? 0), MAX_USERS_BAD)]),
          ) as WindowFigures['usersBad'],
        },
      ];
    }),
  );
}

type Row = Record<string, number | string>;

async function countsBySli(session: Session, slos: readonly Slo[], atMs: number): Promise<Map<string, Row>> {
  const at = atMs / 1_000;
  const periods = [...new Set(slos.map(({ windowSeconds }) => windowSeconds))];
  const ranges: [name: string, from: number, to: number][] = [
    ...WINDOW_NAMES.map((name): [string, number, number] => [name, at - WINDOWS[name], at]),
    ...periods.map((seconds): [string, number, number] => [`w${seconds}`, at - seconds, at]),
    ...periods.map((seconds): [string, number, number] => [`y${seconds}`, at - seconds - DAY_MS / 1_000, at - DAY_MS / 1_000]),
  ];
  const columns = ranges.flatMap(([name, from, to]) =>
    (['good', 'total'] as const).map(
      (column) => `sumIf(${column}, minute >= toDateTime(${from}, 'UTC') AND minute < toDateTime(${to}, 'UTC')) AS ${column}_${name}`,
    ),
  );
  const earliest = Math.min(...ranges.map(([, from]) => from));
  const rows = await session.rows<Row & { sli: string }>(
    `SELECT sli, ${columns.join(', ')} FROM minutes FINAL
     WHERE dimension = '' AND minute >= toDateTime(${earliest}, 'UTC') AND minute < toDateTime(${at}, 'UTC') GROUP BY sli`,
  );
  return new Map(rows.map((row) => [row.sli, row]));
}

async function usersBadBySli(session: Session, slos: readonly Slo[], atMs: number): Promise<Map<string, Row>> {
  const result = new Map<string, Row>();
  const slis = [...new Set(slos.map(({ sli }) => sli))];
  for (const unit of ['attempt', 'request'] as const) {
    const wanted = slis.filter((sli) => sli.unit === unit);
    if (wanted.length === 0) continue;
    const bad = wanted.map((sli) => `((${sli.total}) AND NOT (${sli.good}))`);
    const columns = wanted.flatMap((_, i) =>
      WINDOW_NAMES.map((name) => {
        const isIn = `bad_${i} AND at_ms >= ${atMs - WINDOWS[name] * 1_000}`;
        return `uniqExactIf(user_ref, user_ref != '' AND ${isIn}) + countIf(user_ref = '' AND ${isIn}) AS u_${i}_${name}`;
      }),
    );
    const fromMs = atMs - LONGEST_MS;
    const source =
      unit === 'attempt'
        ? `SELECT toInt64(settled_at) AS at_ms, user_ref, ${bad.map((predicate, i) => `${predicate} AS bad_${i}`).join(', ')}
           FROM attempt_states FINAL
           WHERE home >= ${Math.floor(fromMs / 60_000) - MAX_WINDOW_MINUTES} AND home < ${Math.ceil(atMs / 60_000)} AND ${isSettledUserAttempt(atMs)}
             AND settled_at < ${atMs}`
        : `SELECT toUnixTimestamp64Milli(time) AS at_ms, user_ref, ${bad.map((predicate, i) => `${predicate} AS bad_${i}`).join(', ')}
           FROM events FINAL
           WHERE toStartOfTenMinutes(time) >= toStartOfTenMinutes(fromUnixTimestamp64Milli(${fromMs}, 'UTC'))
             AND time < fromUnixTimestamp64Milli(${atMs}, 'UTC') AND ${IS_USER_REQUEST}`;
    const [row] = await session.rows<Row>(
      `SELECT ${columns.join(', ')} FROM (${source}) WHERE ${wanted.map((_, i) => `bad_${i}`).join(' OR ')}`,
    );
    for (const [i, sli] of wanted.entries()) {
      result.set(sli.id, Object.fromEntries(WINDOW_NAMES.map((name) => [name, row?.[`u_${i}_${name}`] ?? 0])));
    }
  }
  return result;
}

/** Attempts of users that wait for their end at `nowMs`. */
export async function pendingAttempts(session: Session, nowMs: number): Promise<number> {
  const [row] = await session.rows<{ n: number }>(
    `SELECT toUInt32(count()) AS n FROM attempt_states FINAL
     WHERE home >= ${Math.floor(nowMs / 60_000) - MAX_WINDOW_MINUTES} AND dead = 0 AND traffic = '' AND by_clock AND settled_at > ${nowMs}`,
  );
  return row?.n ?? 0;
}

/** Good and total of each minute with traffic in [fromMs, toMs), oldest first. */
export async function minuteSeries(
  session: Session,
  sli: string,
  fromMs: number,
  toMs: number,
): Promise<{ minuteMs: number; good: number; total: number }[]> {
  const rows = await session.rows<{ at: number; good: number; total: number }>(
    `SELECT toUnixTimestamp(minute) AS at, toUInt32(good) AS good, toUInt32(total) AS total FROM sli_minutes
     WHERE sli = {sli: String} AND dimension = '' AND minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${toMs / 1_000}, 'UTC')
     ORDER BY minute`,
    { sli },
  );
  return rows.map(({ at, good, total }) => ({ minuteMs: at * 1_000, good, total }));
}

/** Good and total of each of the last `days` days that end at `atMs`, oldest first; days without traffic are 0 of 0. */
export async function dailyCounts(session: Session, atMs: number, days: number): Promise<Map<string, Counts[]>> {
  const fromMs = atMs - days * DAY_MS;
  const rows = await session.rows<{ sli: string; day: number; good: string; total: string }>(
    `SELECT sli, intDiv(toUnixTimestamp(minute) - ${fromMs / 1_000}, 86400) AS day, sum(good) AS good, sum(total) AS total FROM minutes FINAL
     WHERE dimension = '' AND minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${atMs / 1_000}, 'UTC') GROUP BY sli, day`,
  );
  const result = new Map<string, Counts[]>();
  for (const row of rows) {
    const list = result.get(row.sli) ?? Array.from({ length: days }, () => ({ good: 0, total: 0 }));
    list[Number(row.day)] = { good: Number(row.good), total: Number(row.total) };
    result.set(row.sli, list);
  }
  return result;
}
