/** What the evaluator used and decided, as tables: one truth for every back end, and its memory over a restart. */
import type { Engine } from '../../store/engine/engine.ts';
import type { AlertState, Episode, PairMemory } from '../arithmetic/episode.ts';
import type { Severity } from '../arithmetic/pairs.ts';
import type { Slo } from '../definition/openslo.ts';
import { type Cause, causeText } from '../inquiry/explain.ts';
import type { Figures } from '../measure/figures.ts';
import { episodeKey, type Memories } from '../measure/status.ts';

/** States older than this say nothing about now. */
const REMEMBERED_MS = 7 * 86_400_000;
const INPUTS =
  'at UInt32, slo String, window String, good UInt64, bad UInt64, users_bad UInt32, coverage Float64, objective Nullable(Float64), maintenance UInt8, evaluated_at UInt64';
const STATES =
  'at UInt32, slo String, pair String, severity String, state String, since UInt32, opened_at Nullable(UInt32), quiet_since Nullable(UInt32), evidence_from Nullable(UInt32), evidence_bad UInt64, evidence_users UInt32, calm_since Nullable(UInt32), calm_needed Nullable(UInt64), cause String, evaluated_at UInt64';
const STATE_TIMES = ['at', 'since', 'opened_at', 'quiet_since', 'evidence_from', 'calm_since'];

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

/** Writes down which state each pair is in, and what its episode is known by. */
export async function writeAlertStates(
  engine: Engine,
  slos: readonly Slo[],
  memories: Memories,
  atMs: number,
  nowMs: number,
  causes: ReadonlyMap<string, Cause> = new Map(),
): Promise<void> {
  const lines = slos.flatMap((slo) =>
    slo.pairs.flatMap((pair) => {
      const episode = memories.get(episodeKey(slo.name, pair.severity));
      const memory = episode?.pairs.get(pair.name);
      if (!episode || !memory) return [];
      const cause = memory.state === 'firing' ? causes.get(slo.name) : undefined;
      const text = cause ? causeText(cause) : '';
      return [JSON.stringify([seconds(atMs), slo.name, pair.name, pair.severity, ...stored(episode, memory), text, nowMs])];
    }),
  );
  const columns = STATES.split(', ').map((column) => {
    const [name = ''] = column.split(' ');
    if (name === 'evaluated_at') return "fromUnixTimestamp64Milli(toInt64(evaluated_at), 'UTC')";
    return STATE_TIMES.includes(name) ? `toDateTime(${name}, 'UTC')` : name;
  });
  const names = STATES.split(', ').map((column) => column.split(' ')[0]);
  await insert(engine, `alert_states_log (${names.join(', ')})`, STATES, columns.join(', '), lines);
}

const seconds = (ms: number) => Math.floor(ms / 1_000);
const secondsOf = (ms: number | null | undefined) => (ms == null ? null : seconds(ms));

/** State to `calm_needed` of a row. What burns says since when it has; another state, since when it is so. */
function stored({ evidenceFromMs, onsetMs }: Episode, { state, sinceMs, evidence, member }: PairMemory) {
  return [
    state,
    seconds(member ? (onsetMs ?? sinceMs) : sinceMs),
    secondsOf(member?.openedAtMs),
    secondsOf(member?.quietSinceMs),
    secondsOf(evidenceFromMs),
    evidence.bad,
    evidence.usersBad,
    secondsOf(member?.calm?.sinceMs),
    member?.calm?.needed ?? null,
  ];
}

interface StoredState {
  slo: string;
  pair: string;
  severity: Severity;
  last: [
    state: AlertState,
    since: number,
    openedAt: number | null,
    quietSince: number | null,
    evidenceFrom: number | null,
    bad: string,
    usersBad: number,
    calmSince: number | null,
    needed: string | null,
  ];
}

/** The episodes as they were decided last up to `atMs`. */
export async function readAlertStates(engine: Engine, atMs: number): Promise<Memories> {
  const times = ['since', 'opened_at', 'quiet_since', 'evidence_from'].map((name) => `toUnixTimestamp(${name})`);
  const rows = await engine.session('evaluate').rows<StoredState>(
    `SELECT slo, pair, severity,
        argMax(
          tuple(state, ${times.join(', ')}, evidence_bad, evidence_users, toUnixTimestamp(calm_since), calm_needed),
          tuple(at, evaluated_at)) AS last
      FROM alert_states_log
     WHERE at <= toDateTime(${atMs / 1_000}, 'UTC') AND at > toDateTime(${(atMs - REMEMBERED_MS) / 1_000}, 'UTC')
     GROUP BY slo, pair, severity ORDER BY slo, pair`,
  );
  return new Map([...Map.groupBy(rows, ({ slo, severity }) => episodeKey(slo, severity))].map(([key, of]) => [key, rememberedEpisode(of)]));
}

function rememberedEpisode(rows: readonly StoredState[]): Episode {
  const ms = (at: number | null) => (at === null ? null : at * 1_000);
  const members = rows.filter(({ last: [state] }) => state === 'firing' || state === 'joined');
  const [ended] = rows.flatMap(({ last: [, , , , evidenceFrom] }) => (evidenceFrom === null ? [] : [evidenceFrom]));
  return {
    evidenceFromMs: ms(ended ?? null),
    onsetMs: ms(members[0]?.last[1] ?? null),
    pairs: new Map(
      rows.map((row) => {
        const [state, since, openedAt, quietSince, , bad, usersBad, calmSince, needed] = row.last;
        const openedAtMs = (openedAt ?? since) * 1_000;
        const calm = calmSince === null || needed === null ? null : { sinceMs: calmSince * 1_000, needed: Number(needed), seen: 0 };
        const member = members.includes(row) ? { openedAtMs, calm, quietSinceMs: ms(quietSince) } : null;
        const evidence = { bad: Number(bad), usersBad };
        return [row.pair, { state, sinceMs: member ? openedAtMs : since * 1_000, evidence, member }];
      }),
    ),
  };
}

async function insert(engine: Engine, table: string, structure: string, columns: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await engine.insert(
    'evaluate',
    { data: lines.join('\n'), format: 'JSONCompactEachRow', structure },
    (rows) => `INSERT INTO ${table} SELECT ${columns} FROM ${rows}`,
  );
}
