/** What the evaluator used and decided, as tables: one truth for every back end, and its memory over a restart. */
import type { Engine } from '../../store/engine/engine.ts';
import type { AlertState } from '../arithmetic/alert-state.ts';
import type { Slo } from '../definition/openslo.ts';
import { type Cause, causeText } from '../inquiry/explain.ts';
import type { Figures } from '../measure/figures.ts';
import { type Memories, pairKey } from '../measure/status.ts';

/** States older than this say nothing about now. */
const REMEMBERED_MS = 7 * 86_400_000;
const INPUTS =
  'at UInt32, slo String, window String, good UInt64, bad UInt64, users_bad UInt32, coverage Float64, objective Nullable(Float64), maintenance UInt8, evaluated_at UInt64';
const STATES =
  'at UInt32, slo String, pair String, severity String, state String, since UInt32, quiet_since Nullable(UInt32), evaluated_at UInt64, cause String';

/** Writes the counts of an evaluation down, by window. */
export async function writeAlertInputs(engine: Engine, slos: readonly Slo[], figures: Figures, nowMs: number): Promise<void> {
  const lines = slos.flatMap((slo) => {
    const figure = figures.bySlo.get(slo.name);
    return [...(figure?.windows ?? [])].map(([window, { good, total, usersBad }]) =>
      JSON.stringify([
        figures.atMs / 1_000,
        slo.name,
        window,
        good,
        total - good,
        usersBad,
        figures.coverage.get(window) ?? 1,
        slo.objective,
        Number(figure?.isMaintenance),
        nowMs,
      ]),
    );
  });
  await insert(
    engine,
    'alert_inputs_log',
    INPUTS,
    `toDateTime(at, 'UTC'), slo, window, good, bad, users_bad, coverage, objective, maintenance, fromUnixTimestamp64Milli(toInt64(evaluated_at), 'UTC')`,
    lines,
  );
}

/** Writes down which state each pair is in, and since when. */
export async function writeAlertStates(
  engine: Engine,
  slos: readonly Slo[],
  memories: Memories,
  atMs: number,
  nowMs: number,
  causes: ReadonlyMap<string, Cause> = new Map(),
): Promise<void> {
  const seconds = (ms: number) => Math.floor(ms / 1_000);
  const lines = slos.flatMap((slo) =>
    slo.pairs.flatMap((pair) => {
      const memory = memories.get(pairKey(slo.name, pair.name));
      if (!memory) return [];
      const { state, sinceMs, quietSinceMs } = memory;
      const quiet = quietSinceMs === null ? null : seconds(quietSinceMs);
      const cause = state === 'firing' ? causes.get(slo.name) : undefined;
      const text = cause ? causeText(cause) : '';
      return [JSON.stringify([seconds(atMs), slo.name, pair.name, pair.severity, state, seconds(sinceMs), quiet, nowMs, text])];
    }),
  );
  await insert(
    engine,
    'alert_states_log',
    STATES,
    `toDateTime(at, 'UTC'), slo, pair, severity, state, toDateTime(since, 'UTC'), toDateTime(quiet_since, 'UTC'), fromUnixTimestamp64Milli(toInt64(evaluated_at), 'UTC'), cause`,
    lines,
  );
}

/** The last state of each pair up to `atMs`. */
export async function readAlertStates(engine: Engine, atMs: number): Promise<Memories> {
  const rows = await engine.session('evaluate').rows<{ slo: string; pair: string; last: [AlertState, number, number | null] }>(
    `SELECT slo, pair, argMax(tuple(state, toUnixTimestamp(since), toUnixTimestamp(quiet_since)), tuple(at, evaluated_at)) AS last
      FROM alert_states_log
     WHERE at <= toDateTime(${atMs / 1_000}, 'UTC') AND at > toDateTime(${(atMs - REMEMBERED_MS) / 1_000}, 'UTC') GROUP BY slo, pair`,
  );
  return new Map(
    rows.map(({ slo, pair, last: [state, since, quiet] }) => [
      pairKey(slo, pair),
      { state, sinceMs: since * 1_000, quietSinceMs: quiet === null ? null : quiet * 1_000 },
    ]),
  );
}

async function insert(engine: Engine, table: string, structure: string, columns: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await engine.insert(
    'evaluate',
    { data: lines.join('\n'), format: 'JSONCompactEachRow', structure },
    (rows) => `INSERT INTO ${table} SELECT ${columns} FROM ${rows}`,
  );
}
