/** All series under their detectors, as they stand now: takes what was counted, and says which flags came and which went. */
import type { Engine } from '../../store/engine/engine.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { circumstancesIn, minuteOf } from './circumstances.ts';
import { thresholdFor } from './detector.ts';
import { readDelays } from './durations.ts';
import { flagsIn } from './flags.ts';
import { DETECTORS } from './index.ts';
import type { Slot } from './local-week.ts';
import { readModels, readSilences, type SeriesName, seriesKey } from './model.ts';
import { type Circumstances, type Flag, REPLAY_MINUTES, type WatchedSeries, watchSeries } from './watched-series.ts';

/** A process that starts goes through the minutes of so many hours again, so that it knows what is under way. */
export const WARM_UP_MINUTES = 12 * 60;

export interface LiveSeries {
  /** How many series are watched. */
  series: number;
  /** When their models were learned; 0 where there are none. */
  trainedAtMs: number;
  judge(version: number | undefined, toMinute: number): Promise<{ before: Flag[]; after: Flag[] }>;
}

interface Counted extends SeriesName {
  m: number;
  trials: number;
  hits: number;
}

/** The series of the newest models, which judge from the moment on at which they were learned. */
export async function openLiveSeries(engine: Engine, slots: (minute: number) => Slot, toMinute: number): Promise<LiveSeries> {
  const session = engine.session('detect');
  const models = await readModels(session, toMinute * MINUTE_MS);
  const fromMinute = toMinute - WARM_UP_MINUTES;
  /** What was flagged before stays as it was flagged. */
  const settledMinute = minuteOf(models[0]?.trainedAtMs ?? 0);
  let circumstances: Circumstances = () => ({ slot: { index: 0, hour: 0 }, isMuted: false, isFeedSilent: false });
  const series = new Map<string, { watched: WatchedSeries; delay: number; flags: Map<number, Flag> }>();
  const delayOf = await readDelays(session);
  const silentFor = await readSilences(session, fromMinute);
  for (const detector of DETECTORS)
    for (const metric of detector.metrics) {
      const of = models.filter((model) => model.metric === metric);
      const threshold = thresholdFor(detector, of.length);
      for (const model of of)
        series.set(seriesKey(model), {
          watched: watchSeries(detector, model, {
            threshold,
            fromMinute,
            circumstances: (minute) => circumstances(minute),
            silentMinutes: silentFor(model),
          }),
          delay: delayOf(model),
          flags: new Map(),
        });
    }
  const names = new Set(DETECTORS.flatMap((detector) => detector.names));
  for (const flag of await flagsIn(engine, Math.max(fromMinute, settledMinute)))
    if (names.has(flag.detector)) series.get(seriesKey(flag))?.flags.set(flag.minute, flag);
  let isFirst = true;
  return {
    series: series.size,
    trainedAtMs: models[0]?.trainedAtMs ?? 0,
    async judge(version, to) {
      const rows =
        version === undefined && !isFirst
          ? []
          : await session.rows<Counted>(
              `SELECT metric, dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m, trials, hits FROM series_minutes FINAL
               WHERE minute >= toDateTime(${(isFirst ? fromMinute : to - 2 * REPLAY_MINUTES) * 60}, 'UTC')
                 ${isFirst ? '' : `AND version = ${version}`}`,
            );
      for (const { m, trials, hits, ...name } of rows) series.get(seriesKey(name))?.watched.note(m, trials, hits);
      circumstances = await circumstancesIn(engine, slots, isFirst ? fromMinute : to - 2 * REPLAY_MINUTES, to);
      isFirst = false;
      const [before, after]: [Flag[], Flag[]] = [[], []];
      for (const { watched, delay, flags } of series.values()) {
        const found = watched.advance(to - delay);
        for (const [minute, flag] of flags)
          if (minute >= found.from) {
            before.push(flag);
            flags.delete(minute);
          }
        for (const flag of found.flags) {
          if (flag.minute < settledMinute) continue;
          after.push(flag);
          flags.set(flag.minute, flag);
        }
        for (const minute of flags.keys()) if (minute < to - 2 * REPLAY_MINUTES) flags.delete(minute);
      }
      return { before, after };
    },
  };
}
