/** The minutes of an SLI that nobody has counted yet, from the attempts and events themselves: what an SLO file would have done. */
import { MusterError } from '../../errors.ts';
import type { Session } from '../../store/engine/engine.ts';
import { MAX_USERS_BAD } from '../../store/roll/minutes.ts';
import { rowsOf } from '../../store/rows/rows-of.ts';
import type { Counter } from '../../store/rows/sli-counter.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { knownId, type Sli } from '../slis/sli.ts';
import type { History } from './history.ts';

const MAX_SECONDS = 60;

/**
 * Good, total and users of an SLI by the minute of [fromMs, toMs), as the roll would have counted them.
 * @throws MUSTER_BAD_ARGUMENT for slices, which follow from the minutes of others
 */
export async function countHistory(session: Session, sli: Sli, fromMs: number, toMs: number, nowMs: number): Promise<History> {
  if (sli.slices)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `${knownId(sli)} with where is judged by slices, which are counted once the SLO is live: start muster up with the file, then ask again`,
    );
  const length = Math.round((toMs - fromMs) / MINUTE_MS);
  const history: History = { fromMs, good: new Float64Array(length), total: new Float64Array(length), users: new Map() };
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

interface Row {
  at: number;
  goods: number;
  totals: number;
  users: number[];
  without_user: number;
}

function countSql(counter: Counter, span: { fromMs: number; toMs: number }, nowMs: number): string {
  const { from, moment } = rowsOf(counter.unit, [span], { nowMs, types: counter.unit === 'event' ? counter.types : [] });
  const traffic = counter.traffic === 'any' ? '1' : `traffic IN ('', 'user')`;
  const bad = `groupUniqArrayIf(${MAX_USERS_BAD})(sipHash64(user_ref), NOT is_good AND user_ref != '')`;
  return `SELECT toUInt32(intDiv(${moment} - ${span.fromMs}, ${MINUTE_MS})) AS at,
      toFloat64(countIf(is_good)) AS goods, toFloat64(count()) AS totals,
      arrayMap(user -> toFloat64(bitShiftRight(user, 11)), ${bad}) AS users,
      toFloat64(countIf(NOT is_good AND user_ref = '')) AS without_user
    FROM (SELECT *, ifNull(${counter.good}, 0) AS is_good FROM ${from} AND ${traffic} AND (${counter.total}))
    GROUP BY at SETTINGS max_execution_time = ${MAX_SECONDS}`;
}
