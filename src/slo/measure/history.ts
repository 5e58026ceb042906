/** The minutes behind an SLI as arrays, and a walk over them that decides as the evaluator does: for the past, and for what might have been. */

import type { Session } from '../../store/engine/engine.ts';
import { type MaintenanceWindow, maintenanceIn } from '../../store/records/maintenance.ts';
import { MAX_USERS_BAD } from '../../store/roll/minutes.ts';
import { breather } from '../../system/breather.ts';
import { MINUTE_MS } from '../../system/time.ts';
import type { WindowCounts } from '../arithmetic/burn.ts';
import { type Episode, evidenceStart, type Judged, nextEpisode, onsetOf, openedPair, staysAsItWas } from '../arithmetic/episode.ts';
import type { Pair } from '../arithmetic/pairs.ts';
import { windowSeconds } from '../arithmetic/windows.ts';

/** Counts by the minute over a time; index 0 is the minute that begins at `fromMs`. */
export interface History {
  fromMs: number;
  good: Float64Array;
  total: Float64Array;
  /** Users among the bad of a minute (53 bits of a hash), and how many bad ones had none; minutes without bad ones are missing. */
  users: Map<number, { users: readonly number[]; anonymous: number }>;
}

/** What holds for all SLIs of a time. */
export interface Circumstances {
  fromMs: number;
  /** 1 for each minute that the collector did not cover. */
  uncovered: Uint8Array;
  maintenance: readonly MaintenanceWindow[];
}

/** The minutes of SLIs in [fromMs, toMs), by SLI. */
export async function loadHistory(session: Session, slis: readonly string[], fromMs: number, toMs: number): Promise<Map<string, History>> {
  const length = Math.round((toMs - fromMs) / MINUTE_MS);
  const range = `minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${toMs / 1_000}, 'UTC')`;
  const names = slis.map((id) => `'${id}'`).join(', ');
  const index = `toUInt32(intDiv(toUnixTimestamp(minute) - ${fromMs / 1_000}, 60))`;
  const counts = await session.rows<{ sli: string; at: number[]; goods: number[]; totals: number[] }>(
    `SELECT sli, groupArray(${index}) AS at, groupArray(toFloat64(good)) AS goods, groupArray(toFloat64(total)) AS totals
     FROM minutes FINAL WHERE sli IN (${names}) AND dimension = '' AND total > 0 AND ${range} GROUP BY sli`,
  );
  const hit = await session.rows<{ sli: string; at: number[]; lists: number[][]; without_user: number[] }>(
    `SELECT sli, groupArray(${index}) AS at, groupArray(arrayMap(user -> toFloat64(bitShiftRight(user, 11)), users)) AS lists,
      groupArray(toFloat64(anonymous)) AS without_user
     FROM bad_users FINAL WHERE sli IN (${names}) AND span = 1 AND (notEmpty(users) OR anonymous > 0) AND ${range} GROUP BY sli`,
  );
  return new Map(
    slis.map((sli) => {
      const history: History = { fromMs, good: new Float64Array(length), total: new Float64Array(length), users: new Map() };
      const row = counts.find((each) => each.sli === sli);
      row?.at.forEach((minute, i) => {
        history.good[minute] = row.goods[i] ?? 0;
        history.total[minute] = row.totals[i] ?? 0;
      });
      const users = hit.find((each) => each.sli === sli);
      users?.at.forEach((minute, i) => {
        history.users.set(minute, { users: users.lists[i] ?? [], anonymous: users.without_user[i] ?? 0 });
      });
      return [sli, history];
    }),
  );
}

/** Coverage and maintenance in [fromMs, toMs). */
export async function loadCircumstances(session: Session, fromMs: number, toMs: number): Promise<Circumstances> {
  const uncovered = new Uint8Array(Math.round((toMs - fromMs) / MINUTE_MS));
  const rows = await session.rows<{ at: number }>(
    `SELECT toUInt32(intDiv(toUnixTimestamp(minute) - ${fromMs / 1_000}, 60)) AS at FROM coverage FINAL
     WHERE covered = 0 AND minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${toMs / 1_000}, 'UTC')`,
  );
  for (const { at } of rows) uncovered[at] = 1;
  return { fromMs, uncovered, maintenance: await maintenanceIn(session, fromMs, toMs) };
}

/** A history without the minutes that maintenance takes out for an SLO. */
export function withoutMaintenance(history: History, maintenance: readonly MaintenanceWindow[], slo: string): History {
  const holes = maintenance.filter((window) => window.slo === '*' || window.slo === slo);
  if (holes.length === 0) return history;
  const good = history.good.slice();
  const total = history.total.slice();
  const users = new Map(history.users);
  for (const { startMs, endMs } of holes) {
    const from = Math.max(0, Math.floor((startMs - history.fromMs) / MINUTE_MS));
    const to = Math.min(total.length, Math.ceil((endMs - history.fromMs) / MINUTE_MS));
    good.fill(0, from, Math.max(from, to));
    total.fill(0, from, Math.max(from, to));
    for (let minute = from; minute < to; minute++) users.delete(minute);
  }
  return { ...history, good, total, users };
}

/** Sums from any minute to any other. */
export class Sums {
  private readonly sums: Float64Array;
  constructor(values: ArrayLike<number>) {
    this.sums = new Float64Array(values.length + 1);
    for (let i = 0; i < values.length; i++) this.sums[i + 1] = (this.sums[i] as number) + (values[i] as number);
  }
  over(from: number, end: number): number {
    return (this.sums[end] as number) - (this.sums[Math.max(0, from)] as number);
  }
}

/** Different users of the bad ones in a window of which both ends only move forward. */
class MovingUsers {
  private readonly seen = new Map<number, number>();
  private readonly history: History;
  private anonymous = 0;
  private from = 0;
  private end = 0;
  constructor(history: History) {
    this.history = history;
  }
  moveTo(from: number, end: number): void {
    while (this.end < end) this.change(this.end++, 1);
    while (this.from < from) this.change(this.from++, -1);
  }
  count(): number {
    return Math.min(MAX_USERS_BAD, this.seen.size + this.anonymous);
  }
  private change(minute: number, by: 1 | -1): void {
    const entry = this.history.users.get(minute);
    if (!entry) return;
    this.anonymous += by * entry.anonymous;
    for (const user of entry.users) {
      const count = (this.seen.get(user) ?? 0) + by;
      if (count === 0) this.seen.delete(user);
      else this.seen.set(user, count);
    }
  }
}

/** The episode at the end of each minute; called with the end in milliseconds since 1970, and with the counts from a moment to then. */
export type OnEpisode = (atMs: number, episode: Episode, countsSince: (fromMs: number) => WindowCounts) => void;

/** So many minutes are walked without a look at the clock. */
const STEP_MINUTES = 1_000;

/**
 * Walks the pairs of one severity over a history as the evaluator would have, once a minute.
 * @param history begins at least the longest window before the first minute that matters
 * @returns the episode after the last minute
 */
export function walk(...of: Parameters<typeof steps>): Episode | undefined {
  const walking = steps(...of);
  let step = walking.next();
  while (!step.done) step = walking.next();
  return step.value;
}

/** The same, with others served in between: a year takes a second. */
export async function walkInTurns(...of: Parameters<typeof steps>): Promise<Episode | undefined> {
  const pause = breather();
  const walking = steps(...of);
  let step = walking.next();
  while (!step.done) {
    if (pause.isDue()) await pause.rest();
    step = walking.next();
  }
  return step.value;
}

function* steps(
  pairs: readonly Pair[],
  judged: Judged,
  history: History,
  circumstances: Circumstances & { slo: string },
  onEpisode: OnEpisode = () => {},
): Generator<undefined, Episode | undefined> {
  const goods = new Sums(history.good);
  const totals = new Sums(history.total);
  const missing = new Sums(circumstances.uncovered);
  const users = pairs.map((pair) => ({ pair, moving: new MovingUsers(history) }));
  const planned = circumstances.maintenance.filter(({ slo }) => slo === '*' || slo === circumstances.slo);
  const indexOf = (ms: number) => Math.round((ms - history.fromMs) / MINUTE_MS);
  const minutesOf = (window: string) => windowSeconds(window) / 60;
  const longest = Math.max(...pairs.flatMap(({ long, short }) => [minutesOf(long), minutesOf(short)]));
  const shortestLong = Math.min(...pairs.map(({ long }) => minutesOf(long)));
  /** Most minutes of most histories change nothing, and are told by three sums. */
  const isQuiet = (before: Episode, end: number): boolean => {
    const [from, total] = [end - longest, totals.over(end - longest, end)];
    if (total !== goods.over(from, end) || missing.over(from, end) > 0) return false;
    return total === 0 ? staysAsItWas(before, true) : totals.over(end - shortestLong, end) > 0 && staysAsItWas(before, false);
  };
  let episode: Episode | undefined;
  for (let end = 1; end <= history.total.length; end++) {
    const atMs = history.fromMs + end * MINUTE_MS;
    if (planned.length === 0 && episode !== undefined && isQuiet(episode, end)) {
      onEpisode(atMs, episode, (fromMs) => ({
        good: goods.over(indexOf(fromMs), end),
        total: totals.over(indexOf(fromMs), end),
        usersBad: 0,
      }));
      if (end % STEP_MINUTES === 0) yield undefined;
      continue;
    }
    const usersBad = new Map<number, number>();
    for (const { pair, moving } of users) {
      const fromMs = evidenceStart(pair, episode, atMs);
      moving.moveTo(indexOf(fromMs), end);
      usersBad.set(fromMs, moving.count());
    }
    const countsSince = (fromMs: number): WindowCounts => {
      const from = indexOf(fromMs);
      return { good: goods.over(from, end), total: totals.over(from, end), usersBad: usersBad.get(fromMs) ?? 0 };
    };
    const coverageOf = ({ long, short }: Pair): number => {
      const [longest, shortest] = [windowSeconds(long) / 60, windowSeconds(short) / 60];
      return 1 - Math.max(missing.over(end - longest, end) / longest, missing.over(end - shortest, end) / shortest);
    };
    const isMaintenance = planned.some(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    const next = nextEpisode(pairs, episode, { countsSince, coverageOf, isMaintenance }, judged, atMs);
    const opened = openedPair(pairs, next);
    episode = opened ? { ...next, onsetMs: onsetIn(history, evidenceStart(opened, episode, atMs), atMs, opened, judged) } : next;
    onEpisode(atMs, episode, countsSince);
    if (end % STEP_MINUTES === 0) yield undefined;
  }
  return episode;
}

/** When it began to burn, by the minutes of a history in [fromMs, atMs): {@link onsetOf}. */
export function onsetIn(
  { good, total, fromMs: startMs }: History,
  fromMs: number,
  atMs: number,
  pair: Pair,
  { objective }: Judged,
): number {
  const first = Math.max(0, Math.round((fromMs - startMs) / MINUTE_MS));
  const end = Math.round((atMs - startMs) / MINUTE_MS);
  const minutes = { good: good.subarray(first, end), total: total.subarray(first, end), fromMs: startMs + first * MINUTE_MS };
  return onsetOf(minutes, pair, objective);
}
