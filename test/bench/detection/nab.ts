/** Scores the files of a folder of the Numenta Anomaly Benchmark with the detector of novelty. */
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCommittee } from '../../../src/detect/novelty/committee.ts';
import { csvPoints } from '../../../src/detect/novelty/csv-series.ts';
import type { ScoredFile } from './nab-score.ts';

/** @param folder with `data` and `labels` of the benchmark */
export async function scoredNab(folder: string): Promise<(ScoredFile & { name: string })[]> {
  const labels: Record<string, [string, string][]> = JSON.parse(readFileSync(join(folder, 'labels/combined_windows.json'), 'utf8'));
  const files: (ScoredFile & { name: string })[] = [];
  for (const [name, windows] of Object.entries(labels)) {
    const committee = createCommittee();
    const times: string[] = [];
    const scores: number[] = [];
    for await (const { timestamp, timeMs, measured } of csvPoints(createReadStream(join(folder, 'data', name)))) {
      times.push(timestamp);
      scores.push(measured === undefined ? 0 : committee.push(timeMs, measured).anomalyScore);
    }
    files.push({ name, times, scores, windows: windows.map(([from, to]) => [plain(from), plain(to)] as const) });
  }
  return files;
}

/** Labels carry microseconds, data seconds. */
const plain = (time: string): string => time.replace(/\.0+$/, '');
