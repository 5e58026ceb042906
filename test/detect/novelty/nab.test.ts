/** The detector of novelty on the development half of the Numenta Anomaly Benchmark: other people's data, so only where it is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scoredNab } from '../../bench/detection/nab.ts';
import { nabScore } from '../../bench/detection/nab-score.ts';
import { have, pathOf } from '../../support/counterparts.ts';

describe.runIf(have('shared'))('the development half of NAB', () => {
  test('is scored 75 or better, with one setting for all files', async () => {
    const files = await scoredNab(join(pathOf('shared'), 'nab'));
    const labels: Record<string, unknown[]> = JSON.parse(readFileSync(join(pathOf('shared'), 'nab/labels/combined_windows.json'), 'utf8'));
    expect(files.length).toBe(28);
    expect(files.reduce((sum, { windows }) => sum + windows.length, 0)).toBe(Object.values(labels).flat().length);
    expect(nabScore(files)).toBeGreaterThan(75);
    expect(nabScore(files.map((file) => ({ ...file, scores: file.scores.map(() => 0) })))).toBeLessThan(1);
  });
});
