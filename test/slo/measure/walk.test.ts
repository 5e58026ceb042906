/** Walking over a history says in every minute what an evaluation of that minute would, through silence, calm and outages. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Episode, evidenceStart, nextEpisode, openedPair } from '../../../src/slo/arithmetic/episode.ts';
import { onsetIn, walk } from '../../../src/slo/measure/history.ts';
import { historyOf, workbookPairs } from '../../support/slo.ts';

const MINUTE = 60_000;
const FROM = Date.UTC(2026, 2, 1);
const judged = { objective: 0.98, isSliced: false };

/** Stretches of a history: long ones of nothing, of nothing bad, of a few failures, and outages. */
const stretch = fc.record({
  minutes: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 300, max: 900 })),
  kind: fc.constantFrom('silence', 'silence', 'silence', 'calm', 'calm', 'calm', 'some', 'outage'),
  isUncovered: fc.constantFrom(false, false, false, false, false, false, true),
});

test('in every minute', () => {
  fc.assert(
    fc.property(
      fc.array(stretch, { minLength: 6, maxLength: 12 }),
      fc.constantFrom('page' as const, 'page' as const, 'ticket' as const),
      (stretches, severity) => {
        const kinds = stretches.flatMap(({ minutes, kind, isUncovered }) => Array.from({ length: minutes }, () => ({ kind, isUncovered })));
        const counts = { silence: { good: 0, bad: 0 }, calm: { good: 3, bad: 0 }, outage: { good: 1, bad: 9 } };
        const history = historyOf(kinds.length, FROM, (minute) => {
          const kind = kinds[minute]?.kind ?? 'silence';
          return kind === 'some' ? { good: 40, bad: minute % 30 === 0 ? 1 : 0 } : counts[kind];
        });
        const uncovered = Uint8Array.from(kinds, ({ isUncovered }) => (isUncovered ? 1 : 0));
        const pairs = workbookPairs(judged.objective, [severity]);
        const walked: Episode[] = [];
        walk(pairs, judged, history, { fromMs: FROM, uncovered, maintenance: [], slo: 'any' }, (_, episode) => walked.push(episode));

        const over = (values: ArrayLike<number>, fromMs: number, end: number) => {
          let sum = 0;
          for (let i = Math.max(0, Math.round((fromMs - FROM) / MINUTE)); i < end; i++) sum += values[i] as number;
          return sum;
        };
        let episode: Episode | undefined;
        for (let end = 1; end <= kinds.length; end++) {
          const atMs = FROM + end * MINUTE;
          const countsSince = (fromMs: number) => {
            const [good, total] = [over(history.good, fromMs, end), over(history.total, fromMs, end)];
            return { good, total, usersBad: Math.min(1_000, total - good) };
          };
          const coverageOf = ({ longSeconds, shortSeconds }: { longSeconds: number; shortSeconds: number }) =>
            1 - Math.max(...[longSeconds, shortSeconds].map((s) => over(uncovered, atMs - s * 1_000, end) / (s / 60)));
          const next = nextEpisode(
            pairs,
            episode,
            { countsSince, coverageOf: (pair) => coverageOf(secondsOf(pair)), isMaintenance: false },
            judged,
            atMs,
          );
          const opened = openedPair(pairs, next);
          episode = opened ? { ...next, onsetMs: onsetIn(history, evidenceStart(opened, episode, atMs), atMs, opened, judged) } : next;
          expect([end, walked[end - 1]]).toEqual([end, episode]);
        }
      },
    ),
    { numRuns: 20 },
  );
}, 120_000);

const SECONDS = { m: 60, h: 3_600, d: 86_400 } as const;
const secondsIn = (window: string) => Number(window.slice(0, -1)) * SECONDS[window.at(-1) as keyof typeof SECONDS];
const secondsOf = ({ long, short }: { long: string; short: string }) => ({ longSeconds: secondsIn(long), shortSeconds: secondsIn(short) });
