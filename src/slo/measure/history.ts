/** The minutes behind an SLI as arrays, and a walk over them that decides as the evaluator does: for the past, and for what might have been. */

import type { Session } from '../../store/engine/engine.ts';
import { type MaintenanceWindow, maintenanceIn } from '../../store/records/maintenance.ts';
import { MAX_USERS_BAD } from '../../store/roll/minutes.ts';
import { breather } from '../../system/breather.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { type Judged, nextState, type PairMemory } from '../arithmetic/alert-state.ts';
import type { WindowCounts } from '../arithmetic/burn.ts';
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

/** The part of a history from a moment on. */
export function since(history: History, fromMs: number): History {
  const skipped = Math.round((fromMs - history.fromMs) / MINUTE_MS);
  if (skipped <= 0) return history;
  const users = new Map([...history.users].flatMap(([minute, hit]) => (minute < skipped ? [] : [[minute - skipped, hit] as const])));
  return { fromMs, good: history.good.subarray(skipped), total: history.total.subarray(skipped), users };
}

/** Sums over windows that end at any minute. */
class Sums {
  private readonly sums: Float64Array;
  constructor(values: ArrayLike<number>) {
    this.sums = new Float64Array(values.length + 1);
    for (let i = 0; i < values.length; i++) this.sums[i + 1] = (this.sums[i] as number) + (values[i] as number);
  }
  over(end: number, minutes: number): number {
    return (this.sums[end] as number) - (this.sums[Math.max(0, end - minutes)] as number);
  }
}

/** Different users of the bad ones in a window that moves forward a minute at a time. */
class MovingUsers {
  private readonly seen = new Map<number, number>();
  private anonymous = 0;
  private readonly history: History;
  private readonly minutes: number;
  constructor(history: History, minutes: number) {
    this.history = history;
    this.minutes = minutes;
  }
  /** The window now ends before minute `end`; called for each in turn. */
  moveTo(end: number): void {
    this.change(end - 1, 1);
    this.change(end - 1 - this.minutes, -1);
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

/** A pair's state at the end of each minute; called with the end in milliseconds since 1970. */
export type OnState = (atMs: number, memory: PairMemory, windows: { long: WindowCounts; short: WindowCounts }) => void;

/** So many minutes are walked without a look at the clock. */
const STEP_MINUTES = 1_000;

/**
 * Walks a pair over a history as the evaluator would have, once a minute.
 * @param history begins at least the long window before the first minute that matters
 * @returns the state after the last minute
 */
export function walk(...of: Parameters<typeof steps>): PairMemory | undefined {
  const walking = steps(...of);
  let step = walking.next();
  while (!step.done) step = walking.next();
  return step.value;
}

/** The same, with others served in between: a year takes a second. */
export async function walkInTurns(...of: Parameters<typeof steps>): Promise<PairMemory | undefined> {
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
  pair: Pair,
  judged: Judged,
  history: History,
  circumstances: Circumstances & { slo: string },
  onState: OnState = () => {},
): Generator<undefined, PairMemory | undefined> {
  const goods = new Sums(history.good);
  const totals = new Sums(history.total);
  const missing = new Sums(circumstances.uncovered);
  const [long, short] = [windowSeconds(pair.long) / 60, windowSeconds(pair.short) / 60];
  const users = new MovingUsers(history, long);
  const planned = circumstances.maintenance.filter(({ slo }) => slo === '*' || slo === circumstances.slo);
  let memory: PairMemory | undefined;
  for (let end = 1; end <= history.total.length; end++) {
    users.moveTo(end);
    const atMs = history.fromMs + end * MINUTE_MS;
    const counts = (minutes: number, usersBad: number): WindowCounts => ({
      good: goods.over(end, minutes),
      total: totals.over(end, minutes),
      usersBad,
    });
    const windows = { long: counts(long, users.count()), short: counts(short, 0) };
    const coverage = 1 - Math.max(missing.over(end, long) / long, missing.over(end, short) / short);
    const isMaintenance = planned.some(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    memory = nextState(pair, memory, { ...windows, coverage, isMaintenance }, judged, atMs);
    onState(atMs, memory, windows);
    if (end % STEP_MINUTES === 0) yield undefined;
  }
  return memory;
}
