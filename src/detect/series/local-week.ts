/** The local week in slots of five minutes: people live by the clock on the wall, also on days on which it is put forward or back. */
import { IANAZone } from 'luxon';
import { MINUTE_MS } from '../../system/time.ts';

export const SLOT_MINUTES = 5;
export const SLOTS_PER_DAY = 1_440 / SLOT_MINUTES;
export const SLOTS_PER_WEEK = 7 * SLOTS_PER_DAY;
/** 1970-01-01 was a Thursday: the first Monday at 00:00, in minutes. */
const FIRST_MONDAY = 4 * 1_440;

export interface Slot {
  /** Of the week, 0 on Monday at 00:00. */
  index: number;
  /** Of the day, 0 to 23. */
  hour: number;
}

/** Clocks are put forward and back at quarters of an hour. */
const QUARTER = 15;
/** So many offsets are remembered: a year of them. */
const MAX_REMEMBERED = 40_000;

/** Tells the slot of a minute (since 1970) in a zone. */
export function slotsOf(zoneName: string): (minute: number) => Slot {
  const zone = IANAZone.create(zoneName);
  const offsets = new Map<number, number>();
  const offsetOf = (minute: number): number => {
    const quarter = Math.floor(minute / QUARTER);
    const known = offsets.get(quarter);
    if (known !== undefined) return known;
    if (offsets.size >= MAX_REMEMBERED) offsets.clear();
    const offset = zone.offset(quarter * QUARTER * MINUTE_MS);
    offsets.set(quarter, offset);
    return offset;
  };
  return (minute) => {
    const local = minute + offsetOf(minute);
    const ofWeek = (((local - FIRST_MONDAY) % 10_080) + 10_080) % 10_080;
    return { index: Math.floor(ofWeek / SLOT_MINUTES), hour: Math.floor((ofWeek % 1_440) / 60) };
  };
}

/** Minutes of local time since the first Monday of 1970, of a column of minutes, as SQL. @param zone a checked name */
export const localMinuteSql = (column: string, zone: string): string =>
  `(intDiv(toUnixTimestamp(${column}) + timezoneOffset(toTimeZone(${column}, '${zone}')), 60) - ${FIRST_MONDAY})`;
