/**
 * Three back ends, one truth: over ten simulated days with faults, Muster, the Prometheus rules and the Grafana rules fire in the same
 * minutes. Prometheus and Grafana decide for themselves, on the counts that the evaluator used.
 */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAULTS, type Fault } from '../../src/lab/faults.ts';
import type { SimulatedEvent } from '../../src/lab/scenario.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { METRICS } from '../../src/names.ts';
import { burnAlertSql, SILENT } from '../../src/publish/grafana/alert-sql.ts';
import { expandMacros } from '../../src/publish/grafana/macros.ts';
import { createMetrics } from '../../src/serve/metrics/metrics.ts';
import type { Counts } from '../../src/slo/arithmetic/burn.ts';
import type { Episode, PairMemory } from '../../src/slo/arithmetic/episode.ts';
import type { Pair } from '../../src/slo/arithmetic/pairs.ts';
import { windowSeconds } from '../../src/slo/arithmetic/windows.ts';
import { judgedOf, type Slo } from '../../src/slo/definition/openslo.ts';
import { writeAlertStates } from '../../src/slo/evaluate/alert-log.ts';
import { createEvaluator, type Evaluation } from '../../src/slo/evaluate/evaluator.ts';
import { addMaintenance } from '../../src/slo/evaluate/maintenance.ts';
import { type Circumstances, loadCircumstances, loadHistory, walk, withoutMaintenance } from '../../src/slo/measure/history.ts';
import { bySeverity, episodeKey, type Memories } from '../../src/slo/measure/status.ts';
import { mergedRanges, type Range } from '../../src/store/rows/ranges.ts';
import { have, pathOf } from '../support/counterparts.ts';
import { alertExpressions, secondsWithValue } from '../support/promql.ts';
import { type RunningServer, startPrometheus } from '../support/servers.ts';
import { type TestServices, takeIn, testServices } from '../support/store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DAYS = 10;
const MINUTES = DAYS * 1_440;
const START = Date.UTC(2026, 2, 2);
const END = START + DAYS * DAY;
const [outage, migration] = FAULTS as [Fault, Fault];
const at = (day: number, hour: number) => START + (day - 1) * DAY + hour * HOUR;

/** What the objectives allow, eight times over. */
const slowBurn: Fault = {
  name: 'slow_burn',
  description: 'some of the requests fail',
  isDeploy: false,
  affect: (_person, conditions) => ({ ...conditions, storageFails: 0.008 }),
};
const nobodyGetsThrough: Fault = {
  name: 'nobody_gets_through',
  description: 'nearly all requests fail',
  isDeploy: false,
  affect: (_person, conditions) => ({ ...conditions, storageFails: 0.95 }),
};
const FLAPPING = { startMs: at(4, 9), endMs: at(4, 13) };

const FAULTY = [
  // An hour, and another one two hours later.
  { fault: nobodyGetsThrough, startMs: at(2, 9), endMs: at(2, 10) },
  { fault: nobodyGetsThrough, startMs: at(2, 12), endMs: at(2, 13) },
  // Five minutes out of fifteen.
  ...Array.from({ length: 16 }, (_, i) => ({
    fault: nobodyGetsThrough,
    startMs: FLAPPING.startMs + i * 15 * MINUTE,
    endMs: FLAPPING.startMs + (i * 15 + 5) * MINUTE,
  })),
  { fault: slowBurn, startMs: at(7, 4), endMs: at(7, 22) },
  { fault: outage, startMs: at(3, 12), endMs: at(3, 15) },
  { fault: migration, startMs: at(5, 14), endMs: at(5, 16) },
  { fault: outage, startMs: at(6, 9), endMs: at(6, 12) },
  { fault: outage, startMs: at(8, 10), endMs: at(8, 13) },
  { fault: migration, startMs: at(9, 11), endMs: at(9, 12) },
];
/** Announced work in the middle of the third fault, a blind collector in the fourth, and silence after the fifth. */
const MAINTENANCE = { startMs: at(6, 10), endMs: at(6, 11) };
const BLIND = { startMs: at(8, 10.75), endMs: at(8, 11.25) };
const SILENCE = { startMs: at(9, 11.75), endMs: at(9, 19) };
const JUDGED = ['M1', 'A1'];

/** What Muster decided at the end of each minute, by the minute's number since the start, and the counts it decided on. */
interface Line {
  slo: Slo;
  pair: Pair;
  memories: PairMemory[];
  /** What it decides together with the other pairs of its severity. */
  episodes: Episode[];
}
type Series = Map<string, Float64Array>;

let services: TestServices;
let slos: Slo[];
let lines: Line[];
/** The evaluator's gauges: a value for each minute by the series' name, as `/metrics` writes it. */
let gauges: Series;

beforeAll(async () => {
  services = await testServices({ now: () => END });
  slos = services.slos.filter(({ sli }) => JUDGED.includes(sli.id));
  const { days } = simulate({ seed: 11, days: DAYS, perDay: 1_600, endMs: END, faults: FAULTY });
  for (const { events } of days) await takeIn(services, events.filter(isHeard(events)));
  const { engine } = services.store;
  await addMaintenance(engine, services.slos, { slo: '*', ...MAINTENANCE, reason: 'database move', actorRef: '' }, END);
  await engine
    .session('load')
    .run(
      `INSERT INTO coverage (minute, covered, lag_seconds) SELECT toDateTime(${BLIND.startMs / 1_000} + 60 * number, 'UTC'), 0, 90 FROM numbers(${(BLIND.endMs - BLIND.startMs) / MINUTE})`,
    );
  ({ lines, gauges } = await muster());
  for (const line of lines) others.set(line, []);
});
afterAll(async () => {
  await services.dispose();
});

/** Nobody hears what happens in the silence, and of the quarter of an hour before it only what failed: the outage is total when it begins. */
function isHeard(day: readonly SimulatedEvent[]): (event: SimulatedEvent) => boolean {
  const completed = new Set(day.flatMap(({ type, attempt_id: id }) => (type === 'enrollment.completed' ? [id] : [])));
  return ({ time, attempt_id: id }) => {
    const ms = Date.parse(time);
    if (ms < SILENCE.startMs - 15 * MINUTE || ms >= SILENCE.endMs) return true;
    return ms < SILENCE.startMs && id !== undefined && !completed.has(id);
  };
}

/** The other lines, for the print at the end. */
const others = new Map<Line, [backEnd: string, fires: (minute: number) => boolean][]>();
afterAll(() => {
  for (const line of lines ?? []) {
    const all = [['Muster', (minute: number) => isFiring(line, minute)] as const, ...(others.get(line) ?? [])];
    const rows = all.map(([name, fires]) => `  ${name.padEnd(10)}  ${spans(fires, allMinutes).join(', ')}`);
    console.log([nameOf(line), ...rows].join('\n'));
  }
});

/** Walks all pairs over the ten days. */
async function muster(): Promise<{ lines: Line[]; gauges: Series }> {
  const session = services.store.engine.session('read');
  const circumstances = await loadCircumstances(session, START, END);
  const histories = await loadHistory(session, JUDGED, START, END);
  const found: Line[] = [];
  const series: Series = new Map();
  const put = (name: string, labels: Record<string, string>, minute: number, value: number) => {
    const key = `${name}{${Object.entries(labels)
      .map(([label, text]) => `${label}="${text}"`)
      .join(',')}}`;
    if (!series.has(key)) series.set(key, new Float64Array(MINUTES + 1));
    (series.get(key) as Float64Array)[minute] = value;
  };
  const putCounts = (slo: string, window: string, minute: number, { good, total }: Counts) => {
    put(METRICS.sloWindowEvents, { slo, window, outcome: 'good' }, minute, good);
    put(METRICS.sloWindowEvents, { slo, window, outcome: 'bad' }, minute, total - good);
    put(METRICS.sloCoverageRatio, { slo, window }, minute, covered(circumstances, window, minute));
  };
  for (const slo of slos) {
    const stored = histories.get(slo.sli.id);
    if (!stored) throw new Error(`no minutes of ${slo.sli.id}`);
    const history = withoutMaintenance(stored, circumstances.maintenance, slo.name);
    for (const pairs of bySeverity(slo).values()) {
      const episodes: Episode[] = [];
      walk(pairs, judgedOf(slo), history, { ...circumstances, slo: slo.name }, (atMs, episode, countsSince) => {
        const minute = (atMs - START) / MINUTE;
        episodes[minute] = episode;
        for (const { name, severity, long, short } of pairs) {
          for (const window of [long, short]) putCounts(slo.name, window, minute, countsSince(atMs - windowSeconds(window) * 1_000));
          const { state, evidence } = episode.pairs.get(name) as PairMemory;
          for (const [outcome, count] of [['bad', evidence.bad] as const, ['users_bad', evidence.usersBad] as const])
            put(METRICS.sloEvidence, { slo: slo.name, pair: name, outcome }, minute, count);
          put(METRICS.sloAlertState, { slo: slo.name, pair: name, severity, state: 'firing' }, minute, Number(state === 'firing'));
        }
        put(METRICS.sloMaintenance, { slo: slo.name }, minute, Number(atMs >= MAINTENANCE.startMs && atMs < MAINTENANCE.endMs));
      });
      for (const pair of pairs)
        found.push({ slo, pair, episodes, memories: episodes.map(({ pairs: all }) => all.get(pair.name) as PairMemory) });
    }
  }
  return { lines: found, gauges: series };
}

function covered({ uncovered }: Circumstances, window: string, minute: number): number {
  const length = windowSeconds(window) / 60;
  return 1 - uncovered.subarray(Math.max(0, minute - length), minute).reduce((sum, each) => sum + each, 0) / length;
}

const isFiring = ({ memories }: Line, minute: number) => memories[minute]?.state === 'firing';
const nameOf = ({ slo, pair }: Line) => `${slo.name} ${pair.name} (${pair.long} and ${pair.short})`;
/** Minutes at which the state is another than before. */
const changesOf = ({ memories }: Line) =>
  memories.flatMap(({ state }, minute) => ((memories[minute - 1]?.state ?? 'inactive') === state ? [] : [minute]));

/** Times of firing, readable: what the three lines are printed as. */
function spans(fires: (minute: number) => boolean, minutes: Iterable<number>): string[] {
  const time = (minute: number) => new Date(START + minute * MINUTE).toISOString().slice(5, 16).replace('T', ' ');
  const found: string[] = [];
  let since: string | undefined;
  for (const minute of minutes) {
    if (fires(minute) && since === undefined) since = time(minute);
    if (!fires(minute) && since !== undefined) {
      found.push(`${since} – ${time(minute)}`);
      since = undefined;
    }
  }
  return since === undefined ? found : [...found, `${since} –`];
}
/** Minutes in which another back end decides otherwise. */
const differing = (line: Line, fires: (minute: number) => boolean, minutes: readonly number[]) =>
  minutes.filter((minute) => fires(minute) !== isFiring(line, minute)).map((minute) => new Date(START + minute * MINUTE).toISOString());
const allMinutes = Array.from({ length: MINUTES }, (_, i) => i + 1);

/** How often one of these fires in a time. */
const timesFired = (of: readonly Line[], fromMs: number, toMs: number) => {
  const fires = (minute: number) => of.some((line) => isFiring(line, minute));
  return spans(fires, allMinutes.slice((fromMs - START) / MINUTE, (toMs - START) / MINUTE)).length;
};

test('the faults fire, hold through silence, freeze while blind and are mute in maintenance', () => {
  const states = new Set(lines.flatMap(({ memories }) => memories.map(({ state }) => state)));
  expect([...states].sort()).toEqual(['firing', 'frozen', 'inactive', 'joined', 'maintenance', 'no_traffic', 'too_few']);
  for (const line of lines) expect(changesOf(line).length).toBeGreaterThan(3);
  // Two outages are two pages, a flapping one is one, and so is what burns on for hours, in minutes that the others share.
  const pages = (sli: string) => lines.filter(({ slo, pair }) => slo.sli.id === sli && pair.severity === 'page');
  expect(JUDGED.map((sli) => timesFired(pages(sli), at(2, 9), at(2, 20)))).toEqual([2, 2]);
  expect(JUDGED.map((sli) => timesFired(pages(sli), FLAPPING.startMs, at(4, 22)))).toEqual([1, 1]);
  expect(timesFired(pages('A1'), at(7, 4), at(8, 10))).toBe(1);
  // Silent for 7 h: a firing pair holds for six of them.
  const [paged] = lines as [Line];
  const silent = (SILENCE.startMs - START) / MINUTE;
  expect([60, 300, 420].map((later) => paged.memories[silent + later]?.state)).toEqual(['firing', 'firing', 'no_traffic']);
});

describe.runIf(have('prometheus', 'promtool'))('a real Prometheus on blocks of the evaluator’s gauges', () => {
  let folder: string;
  let prometheus: RunningServer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-parity-'));
    const file = join(folder, 'gauges.txt');
    await pipeline(Readable.from(openMetrics()), createWriteStream(file));
    // Blocks of two hours, the default, would read the file 120 times.
    const parameters = ['create-blocks-from', `--max-block-duration=${DAYS * 24}h`, 'openmetrics', '--quiet'];
    await promisify(execFile)(pathOf('promtool'), ['tsdb', ...parameters, file, join(folder, 'prometheus')]);
    prometheus = await startPrometheus(folder, 'global: {}\n');
  });
  afterAll(async () => {
    await prometheus.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function* openMetrics() {
    const families = Map.groupBy(gauges, ([key]) => key.slice(0, key.indexOf('{')));
    for (const [family, series] of families) {
      yield `# TYPE ${family} gauge\n`;
      for (const [key, values] of series) {
        yield allMinutes.map((minute) => `${key} ${values[minute]} ${START / 1_000 + minute * 60}\n`).join('');
      }
    }
    yield '# EOF\n';
  }

  test('its rules fire in the same minutes', async () => {
    const rules = alertExpressions(slos);
    for (const line of lines) {
      const expression = rules(line.slo, line.pair);
      const fires = new Set<number>();
      for (let day = 0; day < DAYS; day++) {
        const from = START + day * DAY + MINUTE;
        for (const second of await secondsWithValue(prometheus.url, expression, from, from + DAY - MINUTE))
          fires.add((second * 1_000 - START) / MINUTE);
      }
      others.get(line)?.push(['Prometheus', (minute) => fires.has(minute)]);
      expect(differing(line, (minute) => fires.has(minute), allMinutes)).toEqual([]);
    }
  });
});

describe('the evaluator and the Grafana rules around each change', () => {
  /** Stretches around the changes: some minutes before and after. */
  const stretches = () =>
    mergedRanges(lines.flatMap((line) => changesOf(line).map((minute): Range => [Math.max(2, minute - 1), Math.min(MINUTES, minute + 1)])));

  test('decide as the ten days say, on the gauges that Prometheus saw', async () => {
    const { engine } = services.store;
    const asked = new Map(lines.map((line) => [line, new Map<number, boolean>()]));
    for (const [first, last] of stretches()) {
      const changing = lines.filter((line) => changesOf(line).some((minute) => minute >= first && minute <= last));
      await writeAlertStates(engine, slos, memoriesAt(first - 1), START + (first - 1) * MINUTE, END);
      let minute = first;
      const evaluator = createEvaluator({
        engine,
        slos,
        now: () => START + minute * MINUTE,
        onProblem: (message) => {
          throw new Error(message);
        },
      });
      for (; minute <= last; minute++) {
        const evaluation = await evaluator.evaluate();
        const atMs = START + minute * MINUTE;
        expect(statesOf(evaluation)).toEqual(new Map(lines.map((line) => [nameOf(line), line.memories[minute]?.state])));
        expect(await shown(evaluation)).toEqual(new Map(counted().map(([key, values]) => [key, values[minute]])));
        for (const line of changing) {
          const sql = expandMacros(burnAlertSql(line.slo, line.pair), { fromMs: atMs - MINUTE, toMs: atMs, intervalMs: 1_000 });
          const [row] = await engine.session('panels').rows<{ burn: number }>(sql);
          asked.get(line)?.set(minute, (row?.burn ?? SILENT) > SILENT);
        }
      }
    }
    for (const [line, answers] of asked) {
      const fires = (minute: number) => answers.get(minute) ?? false;
      // Asked in the minutes around each change, which the print marks with a star.
      others.get(line)?.push(['Grafana *', (minute) => answers.get(minute) ?? isFiring(line, minute)]);
      expect(answers.size).toBeGreaterThan(10);
      expect([nameOf(line), differing(line, fires, [...answers.keys()])]).toEqual([nameOf(line), []]);
    }
  });

  const memoriesAt = (minute: number): Memories =>
    new Map(
      lines.flatMap(({ slo, pair, episodes }) => {
        const episode = episodes[minute];
        return episode ? [[episodeKey(slo.name, pair.severity), episode] as const] : [];
      }),
    );
  const statesOf = ({ statuses }: Evaluation) =>
    new Map(
      statuses.flatMap(({ slo, alerts }) =>
        alerts.map(({ pair, longWindow, shortWindow, state }) => [`${slo} ${pair} (${longWindow} and ${shortWindow})`, state] as const),
      ),
    );

  const counted = () => [...gauges];

  /** What `/metrics` shows of an evaluation, of these series. */
  async function shown(evaluation: Evaluation): Promise<Map<string, number>> {
    const metrics = createMetrics({ lagSeconds: () => 0, openFindings: async () => [] });
    metrics.show(evaluation, slos);
    const values = new Map(
      (await metrics.registry.metrics()).split('\n').map((each) => {
        const end = each.lastIndexOf(' ');
        return [each.slice(0, end), Number(each.slice(end + 1))] as const;
      }),
    );
    return new Map(counted().map(([key]) => [key, values.get(key) ?? Number.NaN]));
  }
});
