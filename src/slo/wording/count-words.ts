/** What a count comes to: per day and against the week before, or per what it is counted per. */
import type { Counts } from '../arithmetic/burn.ts';
import type { SloStatus } from '../measure/status.ts';
import { SLIS } from '../slis/index.ts';

const WEEK = 7;
/** Two counts differ when they are further apart than 95 % of those of the same rate are. */
const Z_95 = 1.96;

/** Words for an SLI that is only counted; empty for another. */
export function countWords({
  sli,
  kind,
  beside,
  total,
  daily,
}: Pick<SloStatus, 'sli' | 'kind' | 'beside' | 'total'> & { daily: readonly Counts[] }): string[] {
  if (kind !== 'count') return [];
  const per = SLIS.find(({ id }) => id === sli)?.countedPer;
  if (per) {
    const units = beside[per.companion]?.total ?? 0;
    return units > 0 ? [`${(total / units).toFixed(3)} per ${per.one} of ${units.toLocaleString('en-US')}`] : [];
  }
  const week = (days: readonly Counts[]) => days.reduce((sum, day) => sum + day.total, 0);
  const [last, before] = [week(daily.slice(-WEEK)), week(daily.slice(-2 * WEEK, -WEEK))];
  return [`${(last / WEEK).toFixed(1)} a day in the last week, ${(before / WEEK).toFixed(1)} in the week before: ${trend(last, before)}`];
}

function trend(last: number, before: number): string {
  if (Math.abs(last - before) <= Z_95 * Math.sqrt(last + before)) return 'steady';
  return last > before ? 'rising' : 'falling';
}
