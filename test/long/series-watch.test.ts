/** The live pass over a made-up history: what is flagged, when, and that it ends. More stories are told in the long suite. */
import { expect, test } from 'vitest';
import { euFails, tell } from '../support/anomaly-story.ts';

test('a region that fails is flagged within four minutes, by its share and in the whole, and no longer once it works', async () => {
  const { flags, earlier, told, firstOf, firstSeenAt } = await tell(euFails, 30);
  expect(earlier).toEqual([]);
  expect(firstOf('failures region=eu')?.minute).toBeLessThan(14);
  expect(firstSeenAt).toBe(Math.min(...told.map(({ minute }) => minute)));
  expect(firstOf('failures =')).toBeDefined();
  expect(firstOf('failures region=us')).toBeUndefined();
  for (const { minute } of told) {
    expect(minute).toBeGreaterThanOrEqual(10);
    expect(minute).toBeLessThan(26);
  }
  const [flag] = flags.filter(({ dimension }) => dimension === 'region');
  expect(flag).toMatchObject({ observed: 1, detector: 'failures' });
  expect(flag?.score).toBeGreaterThanOrEqual(0.5);
  expect(flag?.expected).toBeLessThan(0.1);
  expect(flag?.expectedHigh).toBeLessThan(1);
});
