/** Lets the series detectors watch made-up months, and counts what they find and what they cry for nothing. */
import { thresholdFor } from '../../../src/detect/series/detector.ts';
import { DETECTORS } from '../../../src/detect/series/index.ts';
import { slotsOf } from '../../../src/detect/series/local-week.ts';
import { readModels, type SeriesModel, seriesKey } from '../../../src/detect/series/model.ts';
import { train } from '../../../src/detect/series/training.ts';
import { watchSeries } from '../../../src/detect/series/watched-series.ts';
import { insertSeries } from '../../support/series.ts';
import { testServices } from '../../support/store.ts';
import { type Counts, dice, FAULT_MINUTES, type Fault, type FaultKind, series } from './operations.ts';

const DAY = 1_440;
const TRAINING_DAYS = 28;
const TEST_DAYS = 30;
/** A Monday. */
const START_MS = Date.UTC(2026, 1, 2);
/** Flags of one series that are nearer to one another are of one incident. */
const APART_MINUTES = 60;
const INSERTED_TOGETHER = 20;

export interface Month {
  models: SeriesModel[];
  counts: Counts[];
  trainingMs: number;
  judgingMs: number;
  judgedMinutes: number;
  /** Minutes with flags, by series; a minute of the month's series. */
  flagged: Map<number, { minute: number; detector: string }[]>;
}

const nameOf = (i: number) => ({ dimension: 'slice', value: `s${i}` });

/** A month of so many series: four weeks to learn from, thirty days to watch. */
export async function month(seed: number, size: number, faults: (i: number) => readonly Fault[] = () => []): Promise<Month> {
  const endMs = START_MS + (TRAINING_DAYS + TEST_DAYS) * DAY * 60_000;
  const services = await testServices({ now: () => endMs });
  const { engine } = services.store;
  const counts: Counts[] = [];
  for (let from = 0; from < size; from += INSERTED_TOGETHER) {
    const some = Array.from({ length: Math.min(INSERTED_TOGETHER, size - from) }, (_, j) => from + j);
    for (const i of some) counts[i] = series(seed * 10_007 + i, TRAINING_DAYS + TEST_DAYS, undefined, faults(i));
    const named = some.map((i) => ({ ...nameOf(i), counts: counts[i] as Counts }));
    await insertSeries(engine, named, START_MS, [0, TRAINING_DAYS * DAY], ['starts', 'failures', 'latency']);
  }
  let startMs = performance.now();
  await train({ engine, atMs: START_MS + TRAINING_DAYS * DAY * 60_000, timeZone: 'UTC', excluded: [] });
  const trainingMs = performance.now() - startMs;
  const models = await readModels(engine.session('detect'), endMs);
  await services.dispose();

  startMs = performance.now();
  const slots = slotsOf('UTC');
  const first = START_MS / 60_000;
  const byKey = new Map(models.map((model) => [seriesKey(model), model]));
  const flagged: Month['flagged'] = new Map();
  let judgedMinutes = 0;
  for (const detector of DETECTORS)
    for (const metric of detector.metrics) {
      const threshold = thresholdFor(detector, size);
      for (const [i, each] of counts.entries()) {
        const model = byKey.get(seriesKey({ metric, ...nameOf(i) }));
        const of = { starts: [each.attempts, undefined], failures: [each.attempts, each.failures], latency: [each.successes, each.slow] }[
          metric
        ];
        if (!model || !of) continue;
        const [trials, hits] = of;
        const fromMinute = first + TRAINING_DAYS * DAY;
        const circumstances = (minute: number) => ({ slot: slots(minute), isMuted: false, isFeedSilent: false });
        const watched = watchSeries(detector, model, { threshold, fromMinute, circumstances });
        for (let m = TRAINING_DAYS * DAY; m < (TRAINING_DAYS + TEST_DAYS) * DAY; m += DAY) {
          for (let k = m; k < m + DAY; k++) watched.note(first + k, trials?.[k] ?? 0, hits?.[k] ?? 0);
          for (const flag of watched.advance(first + m + DAY).flags)
            flagged.set(i, [...(flagged.get(i) ?? []), { minute: flag.minute - first, detector: detector.name }]);
        }
        judgedMinutes += TEST_DAYS * DAY;
      }
    }
  return { models, counts, trainingMs, judgingMs: performance.now() - startMs, judgedMinutes, flagged };
}

/** How many incidents the flags of healthy series would be, by detector. */
export function falseIncidents({ flagged }: Month): Record<string, number> {
  const found: Record<string, number> = {};
  for (const flags of flagged.values()) {
    let last = Number.NEGATIVE_INFINITY;
    for (const { minute, detector } of [...flags].sort((a, b) => a.minute - b.minute)) {
      if (minute - last > APART_MINUTES) found[detector] = (found[detector] ?? 0) + 1;
      last = minute;
    }
  }
  return found;
}

const KINDS = Object.keys(FAULT_MINUTES) as FaultKind[];
/** Two days lie between two faults of a series, at uniform times. */
export function scheduledFaults(seed: number, i: number): Fault[] {
  const random = dice(seed * 7_919 + i);
  return Array.from({ length: TEST_DAYS / 2 }, (_, n) => ({
    kind: KINDS[(n + i) % KINDS.length] as FaultKind,
    at: (TRAINING_DAYS + 2 * n) * DAY + Math.floor(random.between(0, 2 * DAY - 120)),
  }));
}

export interface Found {
  kind: FaultKind;
  /** Attempts a minute that were usual at this time. */
  rate: number;
  /** Minutes until the first flagged minute was over; undefined when it was not found while it lasted. */
  minutes: number | undefined;
}

/** What became of each scheduled fault. */
export function foundFaults({ counts, flagged }: Month, faults: (i: number) => readonly Fault[]): Found[] {
  return counts.flatMap((each, i) =>
    faults(i).map(({ kind, at }) => {
      const length = FAULT_MINUTES[kind];
      let usual = 0;
      for (let week = 1; week <= 4; week++)
        for (let k = 0; k < length; k++)
          usual += each.attempts[at + k - Math.ceil((at - TRAINING_DAYS * DAY + length) / (7 * DAY)) * 7 * DAY - (week - 1) * 7 * DAY] ?? 0;
      const hits = (flagged.get(i) ?? []).map(({ minute }) => minute).filter((minute) => minute >= at && minute < at + length);
      return { kind, rate: usual / (4 * length), minutes: hits.length === 0 ? undefined : Math.min(...hits) - at + 1 };
    }),
  );
}
