/** Attempts by the minute with faults in them, and a walk over them that counts naively: what episodes of alerts are tried on. */
import { seededRandom } from '../../src/lab/random.ts';
import type { WindowCounts } from '../../src/slo/arithmetic/burn.ts';
import { type Episode, type EpisodeInputs, leaderOf, nextEpisode } from '../../src/slo/arithmetic/episode.ts';
import type { Pair } from '../../src/slo/arithmetic/pairs.ts';
import type { History } from '../../src/slo/measure/history.ts';
import { historyOf } from './slo.ts';

export const MINUTE = 60_000;

/** Minutes of an outage, and the share of attempts that fail beyond the usual; `on` and `off` make it flap. */
export interface Outage {
  from: number;
  to: number;
  share: number;
  on?: number;
  off?: number;
}

const isOut = ({ from, to, on, off }: Outage, minute: number) =>
  minute >= from && minute < to && (on === undefined || (minute - from) % (on + (off ?? 0)) < on);

/** Attempts as they come (Poisson), fewer at night, of which a usual share fails, and more in outages. */
export function withOutages(of: { seed: number; minutes: number; rate: number; usual: number; outages: readonly Outage[] }): History {
  const random = seededRandom(of.seed, Math.round(of.rate * 100));
  return historyOf(of.minutes, 0, (minute) => {
    const total = random.poisson(of.rate * (1 + 0.85 * Math.cos((2 * Math.PI * (minute - 840)) / 1_440)));
    const failing = of.outages.filter((outage) => isOut(outage, minute)).reduce((good, { share }) => good * (1 - share), 1 - of.usual);
    let bad = 0;
    for (let i = 0; i < total; i++) if (random.chance(1 - failing)) bad += 1;
    return { good: total - bad, bad };
  });
}

/** Counts of [fromMs, atMs), minute by minute; without users, each failure is another one. */
export const naively =
  ({ good, total }: Pick<History, 'good' | 'total'>, atMs: number) =>
  (fromMs: number): WindowCounts => {
    const counts = { good: 0, total: 0, usersBad: 0 };
    for (let minute = Math.max(0, fromMs / MINUTE); minute < atMs / MINUTE; minute++) {
      counts.good += good[minute] ?? 0;
      counts.total += total[minute] ?? 0;
    }
    return { ...counts, usersBad: counts.total - counts.good };
  };

/** Times in which an alert fires, in minutes. */
export interface Fired {
  from: number;
  to: number;
}

/** Walks pairs of one severity from `from` to `to`, asking for what is known at each minute. */
export function fired(
  pairs: readonly Pair[],
  objective: number,
  from: number,
  to: number,
  inputsAt: (minute: number) => EpisodeInputs,
): { times: Fired[]; last: Episode | undefined } {
  const times: Fired[] = [];
  let episode: Episode | undefined;
  for (let minute = from; minute < to; minute++) {
    episode = nextEpisode(pairs, episode, inputsAt(minute), { objective, isSliced: false }, minute * MINUTE);
    if (!leaderOf(pairs, episode)) continue;
    const last = times.at(-1);
    if (last?.to === minute) last.to = minute + 1;
    else times.push({ from: minute, to: minute + 1 });
  }
  return { times, last: episode };
}
