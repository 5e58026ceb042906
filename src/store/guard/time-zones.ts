/**
 * Time zones in statements: by the names of the IANA database alone, written out. The engine opens what another name leads to, takes any offset for a
 * zone of its own, and keeps a table of some megabytes for each name for as long as it lives.
 */

const NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+){0,2}$/;
const MAX_ZONES = 40;

/** Whether a zone may be asked for. */
export type AllowsZone = (name: string) => boolean;

/** Zones that may be asked for: those of the IANA database, until there are {@link MAX_ZONES}. @param asked those that were, and will have been */
export function createZones(asked = new Set<string>()): AllowsZone {
  return (name) => {
    if (asked.has(name)) return true;
    if (asked.size >= MAX_ZONES || name.length > 64 || !NAME.test(name)) return false;
    try {
      new Intl.DateTimeFormat('en', { timeZone: name });
    } catch {
      return false;
    }
    asked.add(name);
    return true;
  };
}

/** What is said of another. */
export const ZONES_TAKEN = `time zones are named like Europe/Berlin, and no more than ${MAX_ZONES} since Muster started`;

/** Where functions take a zone: the positions, by their names. Everything that may be one is here, whether anybody uses it or not. */
const POSITIONS: readonly (readonly [positions: readonly number[], functions: string])[] = [
  [[0], 'now nowInBlock current_timestamp localtimestamp localtime'],
  [
    [1],
    `now64 nowInBlock64 toTimeZone toTimezone toString toDateTime toDateTime32 toDate toDate32 toYear YEAR toQuarter QUARTER toMonth MONTH toDayOfYear
    DAYOFYEAR toDayOfMonth DAYOFMONTH DAY toHour HOUR toMinute MINUTE toSecond SECOND toMillisecond MILLISECOND toMicrosecond MICROSECOND toNanosecond
    NANOSECOND toStartOfDay toStartOfHour toStartOfMinute toStartOfSecond toStartOfMillisecond toStartOfMicrosecond toStartOfNanosecond toStartOfFiveMinute
    toStartOfFiveMinutes toStartOfTenMinutes toStartOfFifteenMinutes toStartOfMonth toStartOfQuarter toStartOfYear toStartOfISOYear toLastDayOfMonth
    LAST_DAY toMonday toISOYear toISOWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss toRelativeYearNum toRelativeQuarterNum toRelativeMonthNum
    toRelativeWeekNum toRelativeDayNum toRelativeHourNum toRelativeMinuteNum toRelativeSecondNum toTime toTimeWithFixedDate toYearNumSinceEpoch
    toMonthNumSinceEpoch fromUnixTimestamp64Second fromUnixTimestamp64Milli fromUnixTimestamp64Micro fromUnixTimestamp64Nano
    parseDateTimeBestEffort parseDateTimeBestEffortOrNull parseDateTimeBestEffortOrZero parseDateTimeBestEffortUS parseDateTimeBestEffortUSOrNull
    parseDateTimeBestEffortUSOrZero parseDateTime32BestEffort parseDateTime32BestEffortOrNull parseDateTime32BestEffortOrZero toDaysInMonth
    toDaysSinceYearZero TO_DAYS date
    fromUTCTimestamp from_utc_timestamp toUTCTimestamp to_utc_timestamp timeSlot monthName timeZoneOffset timezoneOffset YYYYMMDDhhmmssToDateTime
    UUIDv7ToDateTime toDateTimeOrNull toDateTimeOrZero toDateOrNull toDateOrZero toDate32OrNull toDate32OrZero`,
  ],
  [
    [1, 2],
    `toDateTimeOrDefault toDateOrDefault toDate32OrDefault UTCTimestamp UTC_timestamp snowflakeIDToDateTime snowflakeIDToDateTime64 toDayOfWeek DAYOFWEEK
    toWeek week toYearWeek yearweek toStartOfWeek toLastDayOfWeek toUnixTimestamp TO_UNIXTIME`,
  ],
  [
    [2],
    `toDateTime64 toDateTime64OrNull toDateTime64OrZero formatDateTime formatDateTimeInJodaSyntax DATE_FORMAT fromUnixTimestamp FROM_UNIXTIME
    fromUnixTimestampInJodaSyntax parseDateTime parseDateTimeOrNull parseDateTimeOrZero parseDateTimeInJodaSyntax parseDateTimeInJodaSyntaxOrNull
    parseDateTimeInJodaSyntaxOrZero str_to_date parseDateTime64BestEffort parseDateTime64BestEffortOrNull parseDateTime64BestEffortOrZero
    parseDateTime64BestEffortUS parseDateTime64BestEffortUSOrNull parseDateTime64BestEffortUSOrZero parseDateTime64 parseDateTime64OrNull
    parseDateTime64OrZero parseDateTime64InJodaSyntax parseDateTime64InJodaSyntaxOrNull parseDateTime64InJodaSyntaxOrZero dateName dateTrunc DATE_TRUNC
    YYYYMMDDhhmmssToDateTime64 tumble tumbleStart tumbleEnd`,
  ],
  [[2, 3], 'toDateTime64OrDefault hop hopStart hopEnd windowID'],
  [[3], 'dateDiff date_diff DATE_DIFF timestampDiff timestamp_diff TIMESTAMP_DIFF age toStartOfInterval time_bucket date_bin'],
  [[6], 'makeDateTime'],
  [[8], 'makeDateTime64'],
];

/** In small letters, as names of functions are compared. */
export const ZONED: ReadonlyMap<string, readonly number[]> = new Map(
  POSITIONS.flatMap(([positions, functions]) =>
    functions
      .toLowerCase()
      .split(/\s+/)
      .map((name) => [name, positions] as const),
  ),
);
