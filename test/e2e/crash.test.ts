/** kill -9 in the middle of a load: what was acknowledged is there, and the figures are those of an undisturbed store. */
import { expect, test } from 'vitest';
import { crashRounds } from '../support/crash-rounds.ts';

test('after five kills every acknowledged event counts once, to the last count', async () => {
  const { expected, found, killed, problems, repeated } = await crashRounds({ kills: 5, seed: 3, perDay: 1_500 });
  expect(killed).toBe(5);
  expect(problems).toBe('');
  expect(expected).toHaveLength(7);
  expect(found).toEqual(expected);
  expect(repeated).toBeGreaterThan(2);
});
