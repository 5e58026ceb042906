/** The thread that looks through query trees: see `judge.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Question } from './judge.ts';
import { parseQueryTree } from './query-tree.ts';
import { type Catalogue, type Names, type Refusal, refusedAsResolved, refusedAsWritten } from './rules.ts';
import { createZones } from './time-zones.ts';

const names = workerData as Names;

parentPort?.on('message', ({ tree, isWritten, hasLineFeeds, zones }: Question) => {
  const asked = new Set(zones);
  const refusal = refusalOf(Buffer.from(tree).toString(), isWritten, hasLineFeeds, { ...names, allowsZone: createZones(asked) });
  parentPort?.postMessage({ refusal, zones: [...asked] } satisfies Answer);
});

// Whoever started it waits for this before it asks.
parentPort?.postMessage('ready');

function refusalOf(text: string, isWritten: boolean, hasLineFeeds: boolean, catalogue: Catalogue): Refusal | undefined {
  const tree = parseQueryTree(text, isWritten);
  if (!tree || (tree.hasPatterns && hasLineFeeds))
    return { reason: 'this statement cannot be looked through: write it with simpler names and texts' };
  return isWritten ? refusedAsWritten(tree, catalogue) : refusedAsResolved(tree, catalogue);
}
