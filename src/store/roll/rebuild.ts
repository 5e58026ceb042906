/** Brings attempts and minutes of an older store up to what this version knows: new rules count for the past too. */
import { z } from 'zod';
import { removeLater } from '../engine/ddl.ts';
import { LAYOUT } from '../rows/attempt-row.ts';
import { rangesFrom } from '../rows/ranges.ts';
import { countedTypes, type StoredSli } from '../rows/sli-counter.ts';
import { recomputeMinutes } from './minutes.ts';
import { PendingRoll } from './pending-roll.ts';
import { type LoaderState, writeLoaderState } from './roll-state.ts';
import { type RollerDeps, roll } from './roller.ts';
import { recomputeSlices } from './slices.ts';
import { storedEvents } from './stored-events.ts';

const DAY_MINUTES = 1_440;

export interface RebuildDeps extends RollerDeps {
  now: () => number;
  /** Told once when there is much to compute. */
  onNotice?: (message: string) => void;
}

/** @returns the state that is now on disk */
export async function bringUpToDate(deps: RebuildDeps, state: LoaderState): Promise<LoaderState> {
  const isSettledAlike = state.layout === LAYOUT && state.windows === windowsOf(deps);
  const { changed } = redefined(deps, state);
  if (state.cursor > 0 && !isSettledAlike)
    deps.onNotice?.(
      'the store was written by another version or with other completion windows: its attempts and minutes are computed anew, which takes about a minute per million events',
    );
  else if (state.cursor > 0 && changed.length > 0)
    deps.onNotice?.(
      `${changed.map(({ id }) => id).join(', ')}: counted for the first time, or by other rules; the past is counted too, which takes up to a minute per million events`,
    );
  const rolled = isSettledAlike ? state : await rollAgain(deps, state);
  return recomputeIfRedefined(deps, rolled);
}

/** So many events, at least an hour of them, are rolled again at a time. */
const CHUNK_EVENTS = 100_000;

/** Rolls every stored event once more, in order. Rows join what they held, so nothing that only they know is lost. */
async function rollAgain(deps: RebuildDeps, old: LoaderState): Promise<LoaderState> {
  const session = deps.engine.session('roll');
  const hours = await session.rows<{ hour: number; n: number }>(
    'SELECT toUInt32(intDiv(toUnixTimestamp(time), 3600)) AS hour, toUInt32(count()) AS n FROM events GROUP BY hour ORDER BY hour',
  );
  let state = old;
  for (let from = 0; from < hours.length; ) {
    let events = 0;
    let to = from;
    while (to < hours.length && (to === from || events + (hours[to]?.n ?? 0) <= CHUNK_EVENTS)) events += hours[to++]?.n ?? 0;
    const [first, last] = [hours[from]?.hour ?? 0, hours[to - 1]?.hour ?? 0];
    const rows = await storedEvents(
      session,
      `toStartOfTenMinutes(time) >= toDateTime(${first * 3_600}, 'UTC') AND toStartOfTenMinutes(time) < toDateTime(${(last + 1) * 3_600}, 'UTC')`,
    );
    const pending = new PendingRoll(countedTypes(deps.slis));
    for (const row of rows) pending.add(row);
    state = await roll(deps, state, pending, deps.now());
    from = to;
  }
  const done = { ...state, layout: LAYOUT, windows: windowsOf(deps) };
  await writeLoaderState(deps.statePath, done);
  return done;
}

/** The windows that attempts are settled with; '' for what every store had before they could be chosen. */
function windowsOf({ windows }: RollerDeps): string {
  const text = JSON.stringify([windows.otherwise, Object.entries(windows.byFactor).sort()]);
  return text === '[600000,[]]' ? '' : text;
}

/** The SLI definitions that minutes are computed with. */
const definitionsOf = ({ slis }: RollerDeps): string => `[${slis.map(definitionOf).join(',')}]`;
const definitionOf = ({ id, counters, slices }: StoredSli): string => JSON.stringify([id, counters, slices]);

const definitionsSchema = z.array(z.tuple([z.string().regex(/^[\w@]{1,64}$/)]).rest(z.unknown()));

/** What was written down; nothing where it says nothing that can be read. */
function storedDefinitions({ definitions }: LoaderState): z.infer<typeof definitionsSchema> {
  try {
    return definitionsSchema.parse(JSON.parse(definitions));
  } catch {
    return [];
  }
}

/** SLIs that are not counted as they were, and the ids of those that nobody counts any more. */
function redefined({ slis }: RollerDeps, state: LoaderState): { changed: StoredSli[]; gone: string[] } {
  const known = new Map(storedDefinitions(state).map((each) => [each[0], JSON.stringify(each)]));
  return {
    changed: slis.filter((sli) => known.get(sli.id) !== definitionOf(sli)),
    gone: [...known.keys()].filter((id) => !slis.some((sli) => sli.id === id)),
  };
}

async function recomputeIfRedefined(deps: RollerDeps, state: LoaderState): Promise<LoaderState> {
  const definitions = definitionsOf(deps);
  if (state.definitions === definitions) return state;
  const session = deps.engine.session('roll');
  const { changed, gone } = redefined(deps, state);
  // What nobody counts any more would stand there as it was, as if nothing had happened since.
  for (const id of gone)
    for (const table of ['minutes', 'hours', 'bad_users'] as const)
      await removeLater(session, table, `sli = '${id}' OR startsWith(sli, '${id}:')`);
  const minutes = await session.rows<{ minute: number }>(
    `SELECT DISTINCT arrayJoin([toUInt32(intDiv(settled_at, 60000)), toUInt32(intDiv(started_at, 60000))]) AS minute FROM attempt_states
     UNION DISTINCT SELECT DISTINCT toUInt32(intDiv(settled_at, 60000)) FROM recovery_states
     UNION DISTINCT SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp(time), 60)) FROM events`,
  );
  const open = minutes.filter(({ minute }) => minute >= state.closedMinute);
  const byDay = [...Map.groupBy(open, ({ minute }) => Math.floor(minute / DAY_MINUTES))].sort(([a], [b]) => a - b);
  const next = { ...state, roll: state.roll + 1, definitions };
  const version = { roll: next.roll, nowMs: state.settledUntilMs };
  for (const [day, of] of byDay) {
    if (day > 0)
      await recomputeMinutes(
        { ...deps, slis: changed, role: 'roll' },
        of.map(({ minute }) => minute),
        version,
      );
  }
  const ranges = byDay.filter(([day]) => day > 0).map(([day]): [number, number] => [day * DAY_MINUTES, (day + 8) * DAY_MINUTES]);
  await recomputeSlices({ ...deps, slis: changed, role: 'roll' }, { minutes: [], ranges: rangesFrom(state.closedMinute, ranges) }, version);
  await writeLoaderState(deps.statePath, next);
  return next;
}
