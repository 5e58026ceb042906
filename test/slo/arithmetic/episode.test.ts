/** Episodes of alerts: the rule by cases, and over simulated outages, which are other ones than those that it was chosen on. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { hasEvidence, isBurning, type WindowCounts } from '../../../src/slo/arithmetic/burn.ts';
import {
  type Episode,
  type EpisodeInputs,
  endsAtMost,
  leaderOf,
  type Member,
  nextEpisode,
  onsetOf,
  type PairMemory,
} from '../../../src/slo/arithmetic/episode.ts';
import { type Pair, pairsFor } from '../../../src/slo/arithmetic/pairs.ts';
import { windowSeconds } from '../../../src/slo/arithmetic/windows.ts';
import { type History, walk } from '../../../src/slo/measure/history.ts';
import { have, pathOf } from '../../support/counterparts.ts';
import { type Fired, fired, MINUTE, naively, type Outage, withOutages } from '../../support/outages.ts';
import { scaled } from '../../support/scale.ts';
import { historyOf, workbookPairs } from '../../support/slo.ts';

const judged = { objective: 0.98, isSliced: false };
const PAGES = workbookPairs(0.98, ['page']);
const [first] = PAGES as [Pair];
const AT = Date.UTC(2026, 2, 1, 12);

const counts = (good: number, total: number, usersBad = 3): WindowCounts => ({ good, total, usersBad });
// 14.4 × 2 % = 28.8 %: 29 of 100 burn above it, 28 do not; 14 are calm, 15 are not.
const above = counts(71, 100);
const below = counts(72, 100);
const none = counts(0, 0, 0);

/** What a pair is given: its windows, and all since the calm run or the episode began. */
const inputs = (long: WindowCounts, short: WindowCounts, more: { coverage?: number; isMaintenance?: boolean; other?: WindowCounts } = {}) =>
  ({
    countsSince: (fromMs) => {
      if (fromMs === AT - windowSeconds(first.short) * 1_000) return short;
      if (fromMs === AT - windowSeconds(first.long) * 1_000) return long;
      return more.other ?? long;
    },
    coverageOf: () => more.coverage ?? 1,
    isMaintenance: more.isMaintenance ?? false,
  }) satisfies EpisodeInputs;

const member: Member = { openedAtMs: AT - 3_600_000, calm: null, quietSinceMs: null };
const running = (more: Partial<Member> = {}): Episode => ({
  evidenceFromMs: null,
  onsetMs: AT - 4_000_000,
  pairs: new Map<string, PairMemory>([
    ['1', { state: 'firing', sinceMs: AT - 3_600_000, evidence: { bad: 29, usersBad: 3 }, member: { ...member, ...more } }],
  ]),
});
const ofFirst = (given: EpisodeInputs, before?: Episode) => nextEpisode([first], before, given, judged, AT);
const stateOf = (episode: Episode) => episode.pairs.get('1')?.state;

describe('a pair in no episode', () => {
  test.each([
    ['fires when both windows burn and the evidence holds', inputs(above, above), 'firing'],
    ['does not fire on the long window alone', inputs(above, below), 'inactive'],
    ['does not fire on the short window alone', inputs(below, above), 'inactive'],
    ['does not fire while the short window has no traffic', inputs(above, none), 'inactive'],
    ['says too few, rather than nothing, when the evidence is missing', inputs(counts(71, 100, 2), above), 'too_few'],
    ['says too few for three failures at night', inputs(counts(0, 3), counts(0, 1)), 'too_few'],
    ['says no traffic when there is none', inputs(none, none), 'no_traffic'],
    ['does not open while the collector saw too little', inputs(above, above, { coverage: 0.89 }), 'frozen'],
    ['does not open in maintenance', inputs(above, above, { isMaintenance: true }), 'maintenance'],
  ] as const)('%s', (_name, given, expected) => {
    expect(stateOf(ofFirst(given))).toBe(expected);
  });

  test('does not fire again on the failures of an episode that has ended', () => {
    const ended: Episode = { evidenceFromMs: AT - 10 * MINUTE, onsetMs: null, pairs: new Map() };
    // 29 bad in the hour, of which 4 since it ended.
    expect(stateOf(ofFirst(inputs(above, above, { other: counts(6, 10) }), ended))).toBe('too_few');
    expect(stateOf(ofFirst(inputs(above, above, { other: counts(6, 40) }), ended))).toBe('firing');
  });
});

describe('an episode', () => {
  test.each([
    ['goes on while the short window burns, though the long one no longer does', inputs(below, above), 'firing'],
    ['goes on though the evidence has left the window', inputs(counts(0, 2), counts(0, 1)), 'firing'],
    ['goes on between half of the factor and the factor', inputs(above, counts(85, 100)), 'firing'],
    ['holds without traffic', inputs(none, none), 'firing'],
    ['holds while frozen, even if what was seen looks well', inputs(below, counts(100, 100), { coverage: 0.5 }), 'firing'],
    ['ends with maintenance', inputs(above, above, { isMaintenance: true }), 'maintenance'],
  ] as const)('%s', (_name, given, expected) => {
    const next = ofFirst(given, running());
    expect(stateOf(next)).toBe(expected);
    expect(next.onsetMs).toBe(expected === 'firing' ? AT - 4_000_000 : null);
    // What it stood on is no evidence once it has ended.
    expect(next.evidenceFromMs).toBe(expected === 'firing' ? null : AT);
  });

  test('ends after a quarter of an hour of calm in which eight would have failed, at the ratio at which it began', () => {
    const calm = ofFirst(inputs(above, counts(90, 100), { other: counts(60, 100) }), running());
    // 40 of 100 failed: eight of twenty would have.
    expect(calm.pairs.get('1')?.member?.calm).toEqual({ sinceMs: AT, needed: 20, seen: 0 });
    const well = (seen: number) => inputs(above, counts(90, 100), { other: counts(seen, seen, 0) });
    const since = (minutes: number) => running({ calm: { sinceMs: AT - minutes * MINUTE, needed: 20, seen: 0 } });
    expect(stateOf(ofFirst(well(20), since(14)))).toBe('firing');
    expect(stateOf(ofFirst(well(19), since(15)))).toBe('firing');
    expect(stateOf(ofFirst(well(20), since(15)))).toBe('inactive');
    // Whatever comes: not longer than twelve hours.
    expect(stateOf(ofFirst(well(3), since(719)))).toBe('firing');
    expect(stateOf(ofFirst(well(3), since(720)))).toBe('inactive');
    const waiting = ofFirst(well(3), since(60)).pairs.get('1') as PairMemory;
    expect(waiting.member?.calm?.seen).toBe(3);
    expect(endsAtMost(first, waiting)).toBe(AT + 660 * MINUTE);
  });

  test.each([
    ['a failure', inputs(above, above)],
    ['minutes that nobody saw', inputs(above, counts(100, 100), { coverage: 0.5 })],
  ])('%s breaks the calm', (_name, given) => {
    const next = ofFirst(given, running({ calm: { sinceMs: AT - 14 * MINUTE, needed: 20, seen: 50 } }));
    expect(next.pairs.get('1')?.member?.calm).toBeNull();
    expect(stateOf(next)).toBe('firing');
  });

  test('silence neither breaks the calm nor counts as such, and ends it after six hours', () => {
    const calm = { sinceMs: AT - 60 * MINUTE, needed: 20, seen: 0 };
    const next = ofFirst(inputs(above, none), running({ calm }));
    expect(next.pairs.get('1')?.member).toMatchObject({ calm, quietSinceMs: AT - MINUTE });
    expect(stateOf(ofFirst(inputs(above, none), running({ quietSinceMs: AT - 359 * MINUTE })))).toBe('firing');
    const silent = ofFirst(inputs(above, none), running({ quietSinceMs: AT - 360 * MINUTE }));
    expect(stateOf(silent)).toBe('no_traffic');
    // It stays so until there is traffic.
    expect(stateOf(ofFirst(inputs(above, none), silent))).toBe('no_traffic');
    expect(stateOf(ofFirst(inputs(above, below), silent))).toBe('inactive');
  });

  test('has one that tells; the other pair joins, and it ends when both are done', () => {
    const history = historyOf(900, 0, (minute) => ({
      good: minute >= 400 && minute < 460 ? 0 : 10,
      bad: minute >= 400 && minute < 460 ? 10 : 0,
    }));
    const states: string[] = [];
    walk(PAGES, judged, history, { fromMs: 0, uncovered: new Uint8Array(900), maintenance: [], slo: 'any' }, (_at, { pairs }) => {
      states.push([...pairs.values()].map(({ state }) => state).join());
    });
    const runs = states.filter((state, i) => state !== states[i - 1]);
    expect(runs).toEqual(['inactive,inactive', 'firing,inactive', 'firing,joined', 'inactive,inactive']);
  });

  test('goes on exactly as without it when the process is another one in between', () => {
    const history = withOutages({ seed: 7, minutes: 2_000, rate: 3, usual: 0.01, outages: [{ from: 1_000, to: 1_060, share: 1 }] });
    const inputsAt = (minute: number): EpisodeInputs => ({
      countsSince: naively(history, minute * MINUTE),
      coverageOf: () => 1,
      isMaintenance: false,
    });
    const whole = fired(PAGES, 0.98, 400, 1_300, inputsAt);
    let episode: Episode | undefined;
    // Asked four times a minute, as it is, and with a minute left out now and then.
    for (let minute = 400; minute < 1_300; minute++)
      for (let again = 0; again < (minute % 7 === 0 ? 0 : 4); again++)
        episode = nextEpisode(PAGES, episode, inputsAt(minute), judged, minute * MINUTE);
    expect(episode).toEqual(whole.last);
  });
});

test('it began to burn in the minute in which the outage did, not in that in which the alert fired', () => {
  const history = historyOf(60, AT - 60 * MINUTE, (minute) =>
    minute < 41 ? { good: 9, bad: minute % 10 === 0 ? 1 : 0 } : { good: 2, bad: 8 },
  );
  expect(onsetOf(history, first, 0.98)).toBe(AT - 19 * MINUTE);
});

describe('over simulated time', () => {
  const DAY = 1_440;
  const FROM = 5 * DAY;
  const LENGTH = 12 * DAY;
  const SEEDS = Array.from({ length: scaled(12, 4) }, (_, i) => i + 1);
  const usual = { 0.98: 0.012, 0.995: 0.003, 0.95: 0.02 } as const;
  type Objective = keyof typeof usual;
  const OBJECTIVES = [0.98, 0.995, 0.95] as const;

  const start = (seed: number) => FROM + ((seed * 397) % DAY);
  const episodes = (severity: 'page' | 'ticket', objective: Objective, history: History) => {
    const pairs = workbookPairs(objective, [severity]);
    const times: Fired[] = [];
    const around = { fromMs: 0, uncovered: new Uint8Array(history.total.length), maintenance: [], slo: 'any' };
    walk(pairs, { objective, isSliced: false }, history, around, (atMs, episode) => {
      const minute = atMs / MINUTE;
      if (minute < 3 * DAY || !leaderOf(pairs, episode)) return;
      const last = times.at(-1);
      if (last?.to === minute) last.to = minute + 1;
      else times.push({ from: minute, to: minute + 1 });
    });
    return times;
  };
  const tried = (objective: Objective, rate: number, outageOf: (from: number) => Outage) =>
    SEEDS.map((seed) => {
      const outage = outageOf(start(seed));
      return { outage, history: withOutages({ seed, minutes: LENGTH, rate, usual: usual[objective], outages: [outage] }) };
    });
  /** Pages per outage that was seen, until twelve hours after its end. */
  const perOutage = (severity: 'page' | 'ticket', objective: Objective, rate: number, outageOf: (from: number) => Outage) => {
    const found = tried(objective, rate, outageOf).map(({ outage, history }) =>
      episodes(severity, objective, history).filter(({ from, to }) => to > outage.from && from < outage.to + 12 * 60),
    );
    const seen = found.filter((times) => times.length > 0);
    return {
      seen: seen.length,
      each: seen.flat().length / seen.length,
      shortest: Math.min(...seen.flat().map(({ from, to }) => to - from)),
    };
  };

  test.each([
    ['all fail for an hour', (from: number): Outage => ({ from, to: from + 60, share: 1 })],
    ['30 % fail for three hours', (from: number): Outage => ({ from, to: from + 180, share: 0.3 })],
    ['five minutes out of fifteen, for four hours', (from: number): Outage => ({ from, to: from + 240, share: 1, on: 5, off: 10 })],
  ])('%s: one page', (name, outageOf) => {
    for (const objective of OBJECTIVES) {
      for (const rate of scaled([0.5, 3, 20], [20])) {
        const { seen, each } = perOutage('page', objective, rate, outageOf);
        // At night too few try to tell an outage by, and at 95 % a third that fails is at the edge of what pages at all.
        if (objective !== 0.95 && rate > 3) expect([name, objective, rate, seen]).toEqual([name, objective, rate, SEEDS.length]);
        if (seen > 0) expect([name, objective, rate, each <= 1 + 1 / SEEDS.length]).toEqual([name, objective, rate, true]);
      }
    }
  });

  test.each([1.5, 3, 8])('a burn of %i times the allowed for five days is one ticket, of hours', (times) => {
    for (const objective of [0.98, 0.995] as const) {
      const { each, shortest } = perOutage('ticket', objective, 20, (from) => ({
        from,
        to: from + 5 * DAY,
        share: times * (1 - objective),
      }));
      expect([objective, each <= 1 + 2 / SEEDS.length, shortest >= 360]).toEqual([objective, true, true]);
    }
  });

  test('it opens in the minute in which both windows burn on enough evidence: none later than without episodes', () => {
    const pairs = workbookPairs(0.98, ['page']);
    for (const { outage, history } of tried(0.98, 3, (from) => ({ from, to: from + 60, share: 1 })).slice(0, 4)) {
      const opens = (minute: number) => {
        const since = naively(history, minute * MINUTE);
        const window = (name: string) => since((minute - windowSeconds(name) / 60) * MINUTE);
        return pairs.some((pair) => isBurning(pair, window(pair.long), window(pair.short), 0.98) && hasEvidence(window(pair.long), 0.98));
      };
      const minutes = Array.from({ length: 90 }, (_, i) => outage.from + i);
      expect(episodes('page', 0.98, history).find(({ to }) => to > outage.from)?.from).toBe(minutes.find(opens));
    }
  });

  test('a second outage two hours after the first is a second page', () => {
    for (const seed of SEEDS.slice(0, 4)) {
      const from = start(seed);
      const outages = [0, 180].map((later) => ({ from: from + later, to: from + later + 60, share: 1 }));
      const pages = episodes('page', 0.98, withOutages({ seed, minutes: LENGTH, rate: 20, usual: 0.012, outages }));
      expect(pages.filter(({ from: at }) => at > from && at < from + 240)).toHaveLength(2);
    }
  });

  describe('with what happens beside', () => {
    const outage = (seed: number): Outage => ({ from: start(seed), to: start(seed) + 90, share: 1 });
    const around = (seed: number, inputsAt: (minute: number, history: History) => Partial<EpisodeInputs>) => {
      const history = withOutages({ seed, minutes: LENGTH, rate: 3, usual: 0.012, outages: [outage(seed)] });
      return fired(PAGES, 0.98, start(seed) - 400, start(seed) + 1_440, (minute) => ({
        countsSince: naively(history, minute * MINUTE),
        coverageOf: () => 1,
        isMaintenance: false,
        ...inputsAt(minute, history),
      })).times;
    };

    test('events that come a quarter of an hour late, and the half of them first, restate the counts: one page, and at night perhaps none', () => {
      for (const seed of SEEDS) {
        const isNight = Math.abs((start(seed) % DAY) - 840) > 540;
        const late = (minute: number, history: History) => {
          // What is known at a minute: of the last quarter of an hour every other one, and of those that fail none.
          const good = history.good.slice();
          const total = history.total.slice();
          for (let i = Math.max(0, minute - 15); i < minute; i++) {
            good[i] = Math.floor((good[i] ?? 0) / 2);
            total[i] = good[i] ?? 0;
          }
          return { countsSince: naively({ good, total }, minute * MINUTE) };
        };
        expect(around(seed, late).length, `seed ${seed}`).toBeLessThanOrEqual(1);
        if (!isNight) expect(around(seed, late), `seed ${seed}`).toHaveLength(1);
      }
    });

    test('failures that turn good an hour later, as late completions do, neither end a page by themselves nor open another', () => {
      for (const seed of SEEDS) {
        const turned = (minute: number, history: History) => {
          const good = history.good.slice();
          for (let i = 0; i < minute - 60; i++) good[i] = (good[i] ?? 0) + Math.floor(((history.total[i] ?? 0) - (good[i] ?? 0)) / 2);
          return { countsSince: naively({ good, total: history.total }, minute * MINUTE) };
        };
        expect([seed, around(seed, turned).length]).toEqual([seed, 1]);
      }
    });

    test('minutes that the collector missed in the middle of an outage neither end it nor make two of it', () => {
      for (const seed of SEEDS) {
        const isMissed = (minute: number) => minute >= start(seed) + 40 && minute < start(seed) + 60;
        const coverageOf = (minute: number) => (pair: Pair) => {
          const missed = (window: string) => {
            const length = windowSeconds(window) / 60;
            return Array.from({ length }, (_, i) => minute - 1 - i).filter(isMissed).length / length;
          };
          return 1 - Math.max(missed(pair.long), missed(pair.short));
        };
        expect([seed, around(seed, (minute) => ({ coverageOf: coverageOf(minute) })).length]).toEqual([seed, 1]);
      }
    });

    test('maintenance in the middle of an outage ends it; what still fails afterwards is told on its own evidence', () => {
      for (const seed of SEEDS) {
        const [from, to] = [start(seed) + 30, start(seed) + 45];
        const times = around(seed, (minute, history) => {
          const total = history.total.slice();
          const good = history.good.slice();
          total.fill(0, from, Math.min(to, minute));
          good.fill(0, from, Math.min(to, minute));
          return { isMaintenance: minute >= from && minute < to, countsSince: naively({ good, total }, minute * MINUTE) };
        });
        expect(times.filter(({ from: at, to: end }) => at < to && end > from)).toEqual([]);
        expect([seed, times.filter(({ from: at }) => at >= to).length]).toEqual([seed, 1]);
      }
    });
  });
});

interface Reference {
  leader: string | null;
  members: Record<string, unknown>;
}

describe.runIf(have('shared'))('the rule as it was simulated', () => {
  test('decides the same in each minute', async () => {
    const load = (name: string) => import(pathToFileURL(join(pathOf('shared'), 'alert-sim', name)).href);
    const { stream, pairsOf } = await load('sim.mjs');
    const { step, counter } = await load('rule.mjs');
    const minutes = 10 * 1_440;
    const outages = [
      { from: 5_000, to: 5_060, p: 1, kind: 'timeout' },
      { from: 5_180, to: 5_240, p: 0.3, kind: 'fast' },
      { from: 7_000, to: 9_000, p: 0.1, kind: 'fast' },
      { from: 11_000, to: 11_240, p: 1, on: 5, off: 10, kind: 'fast' },
    ];
    const differing: unknown[] = [];
    for (const [objective, rate, base] of [
      [0.98, 0.05, 0.015],
      [0.98, 3, 0.015],
      [0.995, 20, 0.003],
      [0.95, 0.5, 0.02],
    ] as const) {
      const simulated = stream({ seed: `ours/${rate}`, minutes, rate, base, events: outages });
      const history = historyOf(minutes, 0, (minute) => ({ good: simulated.good[minute], bad: simulated.bad[minute] }));
      for (const minute of history.users.keys())
        history.users.set(minute, { users: [...simulated.users.subarray(simulated.B[minute], simulated.B[minute + 1])], anonymous: 0 });
      for (const severity of ['page', 'ticket'] as const) {
        const pairs = pairsFor(objective, 30 * 86_400, [severity]);
        const theirs = pairsOf('30d', objective).filter((pair: Pair) => pair.severity === severity);
        let memory: Reference | undefined;
        const around = { fromMs: 0, uncovered: new Uint8Array(minutes), maintenance: [], slo: 'any' };
        walk(pairs, { objective, isSliced: false }, history, around, (atMs, episode) => {
          memory = step(theirs, memory, atMs / MINUTE, counter(simulated), objective).memory as Reference;
          const members = [...episode.pairs].filter(([, { member: is }]) => is !== null).map(([name]) => name);
          const isSame =
            (leaderOf(pairs, episode)?.name ?? null) === memory.leader && members.join() === Object.keys(memory.members).sort().join();
          if (!isSame) differing.push([objective, rate, severity, atMs / MINUTE]);
        });
      }
    }
    expect(differing).toEqual([]);
  });
});
