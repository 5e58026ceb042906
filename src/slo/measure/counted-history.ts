/** The minutes of an SLI that nobody has counted yet, from the attempts and events themselves: what an SLO file would have done. */
import type { Session } from '../../store/engine/engine.ts';
import { MAX_USERS_BAD } from '../../store/roll/minutes.ts';
import { type CountsOf, slicesOf } from '../../store/roll/slices.ts';
import { rowsOf, type TimeSpan } from '../../store/rows/rows-of.ts';
import type { Counter, Slices } from '../../store/rows/sli-counter.ts';
import { MINUTE_MS } from '../../system/time.ts';
import type { Sli } from '../slis/sli.ts';
import type { History } from './history.ts';

const MAX_SECONDS = 60;

/** Good, total and users of an SLI by the minute of [fromMs, toMs), as the roll would have counted them; of slices, each at its last minute. */
export async function countHistory(session: Session, sli: Sli, fromMs: number, toMs: number, nowMs: number): Promise<History> {
  const length = Math.round((toMs - fromMs) / MINUTE_MS);
  const history: History = { fromMs, good: new Float64Array(length), total: new Float64Array(length), users: new Map() };
  if (sli.slices) await countSlices(session, { counters: sli.counters, slices: sli.slices }, history, nowMs);
  for (const counter of sli.counters.filter(({ id }) => id === sli.id)) {
    const rows = await session.rows<Row>(countSql(counter, { fromMs, toMs }, nowMs));
    for (const { at, goods, totals, users, without_user } of rows) {
      history.good[at] = (history.good[at] ?? 0) + goods;
      history.total[at] = (history.total[at] ?? 0) + totals;
      const known = history.users.get(at) ?? { users: [], anonymous: 0 };
      if (users.length > 0 || without_user > 0)
        history.users.set(at, { users: [...new Set([...known.users, ...users])], anonymous: known.anonymous + without_user });
    }
  }
  return history;
}

/** Fills in the slices that have ended by `nowMs`. */
async function countSlices(session: Session, { counters, slices }: Sliced, history: History, nowMs: number): Promise<void> {
  const { fromMs, good, total } = history;
  const first = fromMs / MINUTE_MS;
  const floor = (minute: number) => Math.floor(minute / slices.minutes) * slices.minutes;
  const last = floor(Math.min(first + total.length, nowMs / MINUTE_MS)) - slices.minutes;
  const countsOf: CountsOf = (id, from, to) => {
    const span = { fromMs: from * MINUTE_MS, toMs: to * MINUTE_MS };
    return counters
      .filter((counter) => counter.id === id)
      .map((counter) => totalsSql(counter, span, nowMs))
      .join(' UNION ALL ');
  };
  const rows = await session.rows<{ slice: number; good: number }>(
    `${slicesOf(slices, [floor(first), last], countsOf)} SETTINGS max_execution_time = ${MAX_SECONDS}`,
  );
  for (const { slice, good: isGood } of rows) {
    const at = slice + slices.minutes - 1 - first;
    good[at] = isGood;
    total[at] = 1;
  }
}

interface Sliced {
  counters: readonly Counter[];
  slices: Slices;
}

interface Row {
  at: number;
  goods: number;
  totals: number;
  users: number[];
  without_user: number;
}

/** The rows that a counter counts. */
function countedRows(counter: Counter, span: TimeSpan, nowMs: number): { rows: string; moment: string } {
  const { from, moment } = rowsOf(counter.unit, [span], { nowMs, types: counter.unit === 'event' ? counter.types : [] });
  const traffic = counter.traffic === 'any' ? '1' : `traffic IN ('', 'user')`;
  return { rows: `${from} AND ${traffic} AND (${counter.total})`, moment };
}

function totalsSql(counter: Counter, span: TimeSpan, nowMs: number): string {
  const { rows, moment } = countedRows(counter, span, nowMs);
  return `SELECT '' AS dimension, '' AS value, toDateTime(intDiv(${moment}, ${MINUTE_MS}) * 60, 'UTC') AS minute, count() AS total
    FROM (SELECT * FROM ${rows}) GROUP BY minute`;
}

function countSql(counter: Counter, span: TimeSpan, nowMs: number): string {
  const { rows, moment } = countedRows(counter, span, nowMs);
  const bad = `groupUniqArrayIf(${MAX_USERS_BAD})(sipHash64(user_ref), NOT is_good AND user_ref != '')`;
  return `SELECT toUInt32(intDiv(${moment} - ${span.fromMs}, ${MINUTE_MS})) AS at,
      toFloat64(countIf(is_good)) AS goods, toFloat64(count()) AS totals,
      arrayMap(user -> toFloat64(bitShiftRight(user, 11)), ${bad}) AS users,
      toFloat64(countIf(NOT is_good AND user_ref = '')) AS without_user
    FROM (SELECT *, ifNull(${counter.good}, 0) AS is_good FROM ${rows})
    GROUP BY at SETTINGS max_execution_time = ${MAX_SECONDS}`;
}
