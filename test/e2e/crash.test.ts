/** kill -9 in the middle of a load: what was acknowledged is there, and the figures are those of an undisturbed store. */
import { expect, test } from 'vitest';
import { crashRounds } from '../support/crash-rounds.ts';
import { scaled } from '../support/scale.ts';

const KILLS = scaled(5, 2);

test('after some kills every acknowledged event counts once, to the last count', async () => {
  const { expected, found, killed, problems, repeated } = await crashRounds({ kills: KILLS, seed: 3, perDay: scaled(1_500, 400) });
  expect(killed).toBe(KILLS);
  expect(problems).toBe('');
  expect(expected).toHaveLength(7);
  expect(found).toEqual(expected);
  expect(repeated).toBeGreaterThan(scaled(2, 0));
});
