/** Rounds of kill -9 at random moments under load, with repetition and another order: what was acknowledged counts once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/lab/random.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from './process.ts';

const BATCH = 400;
const SENDERS = 3;
const MAX_DELAY_MS = 150;

export interface Rounds {
  kills: number;
  seed: number;
  /** Attempts of a day; there are two days of them. */
  perDay: number;
  onRound?: (round: number) => void;
}

export interface Outcome {
  /** How often the process was killed. */
  killed: number;
  sent: number;
  /** Batches that were sent again though they had been acknowledged. */
  repeated: number;
  /** Name, good and total of each SLI, as the simulator knows them and as the store has them. */
  expected: [string, number, number][];
  found: [string, number | undefined, number | undefined][];
  /** What commands said that they should not. */
  problems: string;
}

/** Whether the batch was acknowledged. */
async function send(muster: Running, events: readonly unknown[]): Promise<boolean> {
  const response = await fetch(`${muster.url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  }).catch(() => undefined);
  if (!response?.ok) return false;
  // A process that is killed while it answers has acknowledged nothing that can be relied on.
  const answer = (await response.json().catch(() => undefined)) as { accepted: number; duplicates: number } | undefined;
  return answer !== undefined && answer.accepted + answer.duplicates === events.length;
}

/** Sends two simulated days in random order, over as many processes as there are kills and one more. */
export async function crashRounds({ kills, seed, perDay, onRound }: Rounds): Promise<Outcome> {
  const endMs = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
  const random = seededRandom(seed).next;
  const { days, truth } = simulate({ seed, days: 2, perDay, endMs, faults: [] });
  const events = [...days].flatMap((day) => day.events);
  const batches = Array.from({ length: Math.ceil(events.length / BATCH) }, (_, i) => events.slice(i * BATCH, (i + 1) * BATCH));
  const waiting = shuffled(batches, random);
  const done: (typeof batches)[number][] = [];
  const perRound = Math.ceil(batches.length / (kills + 1));
  const dataDir = await temporaryData();
  let muster = await startMuster(dataDir);
  let repeated = 0;
  let killed = 0;
  try {
    // Rounds go on until as many kills as were asked for, with what is known when nothing else is left.
    for (let round = 0; waiting.length > 0 || round < kills; round++) {
      const isLast = round >= kills;
      const mine = waiting.splice(0, isLast ? waiting.length : perRound);
      const known = done.at(Math.floor(random() * done.length));
      if (known) mine.splice(Math.floor(random() * mine.length), 0, known);
      if (known) repeated += 1;
      let isKilled = false;
      const acknowledged = Promise.withResolvers<void>();
      const sender = async () => {
        for (let batch = mine.shift(); batch; batch = mine.shift()) {
          if (!isKilled && (await send(muster, batch))) {
            done.push(batch);
            acknowledged.resolve();
          } else waiting.push(batch);
        }
      };
      const sending = Promise.all(Array.from({ length: SENDERS }, sender));
      if (!isLast) {
        // With something acknowledged, and something on its way.
        await Promise.race([acknowledged.promise, sending]);
        await sleep(random() * MAX_DELAY_MS);
        await muster.kill();
        isKilled = true;
        killed += 1;
      }
      await sending;
      if (!isLast) muster = await startMuster(dataDir);
      onRound?.(round + 1);
    }
    await muster.stop();
    // Without a running process the command opens the store itself, and first takes in what the log still holds.
    const at = ['--at', new Date(endMs).toISOString(), '--data', dataDir];
    const { stdout, stderr, status } = await runMuster(['slo', 'status', '--json', ...at]);
    const statuses = status === 0 ? (JSON.parse(stdout) as { sli: string; good: number; total: number }[]) : [];
    const expected = Object.entries(truth().windows['30d'] ?? {}).map(([name, [good, total]]): [string, number, number] => [
      name,
      good,
      total,
    ]);
    return {
      killed,
      sent: events.length,
      repeated,
      expected,
      found: expected.map(([name]) => {
        const { good, total } = statuses.find(({ sli }) => sli === name) ?? {};
        return [name, good, total];
      }),
      problems: stderr,
    };
  } finally {
    await muster.kill();
    await removeData(dataDir);
  }
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
