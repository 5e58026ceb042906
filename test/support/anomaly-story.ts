/** Stories of series, told minute by minute to a live watch after six days of made-up history. */
import { expect } from 'vitest';
import { type AnomalyWatch, createAnomalyWatch } from '../../src/detect/series/anomaly-watch.ts';
import { flagsIn } from '../../src/detect/series/flags.ts';
import { writeMaintenance } from '../../src/store/records/maintenance.ts';
import { type Counts, dice, series } from '../bench/detection/operations.ts';
import { insertSeries } from './series.ts';
import { takeIn, testServices } from './store.ts';

export const MINUTE = 60_000;
const DAYS = 6;
const START = Date.UTC(2026, 2, 2);
export const NOW = START + DAYS * 86_400_000;
/** Attempts a minute. */
export const RATE = 8;

/** One attempt of a minute. */
export interface Made {
  region: string;
  /** Seconds until it ends, and how; nothing comes of one without. */
  end?: readonly [seconds: number, type: 'completed' | 'failed'];
}
/** What comes in a minute of the story. */
export type Story = (minute: number) => readonly Made[];

/** So many of a region. */
export const attempts = (n: number, region: string, end: Made['end'] = [20, 'completed']): Made[] =>
  Array.from({ length: n }, () => ({ region, ...(end && { end }) }));
/** What is usual. */
export const healthy: Story = () => [...attempts(RATE / 2, 'eu'), ...attempts(RATE / 2, 'us')];

const sum = (a: Counts, b: Counts): Counts => {
  const each = (name: keyof Counts) => a[name].map((value, i) => value + (b[name][i] as number));
  return { attempts: each('attempts'), failures: each('failures'), successes: each('successes'), slow: each('slow') };
};

interface Told {
  minute: number;
  detector: string;
  of: string;
}

/**
 * Tells a story minute by minute.
 * @param lateBy how many minutes after its own each event comes
 * @param scattered each event comes twice, within so many minutes, in no order
 * @param restarts whether the watch is a new one, as after a crash, at every minute
 * @param fullAt a minute in which flags cannot be written
 * @param ahead a minute in which the clock is ahead, and by how many minutes
 */
export async function tell(
  story: Story,
  minutes: number,
  options: {
    lateBy?: number;
    scattered?: number;
    restarts?: boolean;
    maintenance?: readonly [number, number];
    fullAt?: number;
    ahead?: readonly [minute: number, by: number];
  } = {},
) {
  const clock = { ms: NOW + 31_000 };
  const services = await testServices({ now: () => clock.ms });
  const { engine } = services.store;
  const level = { peak: RATE / 2, night: RATE / 2 };
  const [eu, us] = [series(1, DAYS, level), series(2, DAYS, level)];
  const named = [
    { dimension: '', value: '', counts: sum(eu, us) },
    { dimension: 'source', value: 'app', counts: sum(eu, us) },
    { dimension: 'region', value: 'eu', counts: eu },
    { dimension: 'region', value: 'us', counts: us },
  ];
  await insertSeries(engine, named, START, [0, DAYS * 1_440]);
  const problems: string[] = [];
  let isFull = false;
  // The real engine, whose disk is full for a while.
  const filling = new Proxy(engine, {
    get: (target, name, receiver) =>
      name === 'insert' && isFull ? () => Promise.reject(new Error('no space left')) : Reflect.get(target, name, receiver),
  });
  const opened = (): AnomalyWatch =>
    createAnomalyWatch({
      engine: filling,
      dataDir: services.dataDir,
      timeZone: 'UTC',
      now: () => clock.ms,
      lagSeconds: () => 0,
      onProblem: (message) => problems.push(message),
    });
  if (options.maintenance) {
    const [from, to] = options.maintenance;
    const window = { id: 'm', slo: '*', startMs: NOW + from * MINUTE, endMs: NOW + to * MINUTE, reason: 'planned', actorRef: '' };
    await writeMaintenance(engine, window, clock.ms);
  }
  const random = dice(3);
  const { lateBy = 0, scattered } = options;
  const delays = () => (scattered === undefined ? [lateBy] : [random.between(0, scattered), random.between(0, scattered)]);
  let watch = opened();
  await watch.look();
  const flagged: { at: number; flags: number }[] = [];
  const waiting: { atMs: number; event: object }[] = [];
  for (let m = 0; m < minutes; m++) {
    for (const [i, { region, end }] of story(m).entries()) {
      const atMs = NOW + m * MINUTE + i * 1_000;
      const id = `${m}-${i}`;
      const event = (suffix: string, type: string, ms: number) => {
        const fields = { id: `${id}${suffix}`, type, time: new Date(ms).toISOString(), source: 'app', attempt_id: id, region };
        for (const late of delays()) waiting.push({ atMs: ms + late * MINUTE, event: fields });
      };
      event('s', 'enrollment.started', atMs);
      if (end) event('e', `enrollment.${end[1]}`, atMs + end[0] * 1_000);
    }
    clock.ms = NOW + (m + 1) * MINUTE + 31_000;
    const due = waiting.filter(({ atMs }) => atMs < NOW + (m + 1) * MINUTE);
    for (const each of due) waiting.splice(waiting.indexOf(each), 1);
    if (scattered !== undefined) for (const each of due) each.atMs = random.uniform();
    due.sort((a, b) => a.atMs - b.atMs);
    await takeIn(
      services,
      due.map(({ event }) => event),
    );
    if (options.restarts) watch = opened();
    if (options.ahead?.[0] === m) {
      clock.ms += options.ahead[1] * MINUTE;
      await watch.look();
      clock.ms -= options.ahead[1] * MINUTE;
    }
    isFull = options.fullAt === m;
    if (isFull) await expect(watch.look()).rejects.toThrow('no space left');
    else await watch.look();
    isFull = false;
    flagged.push({ at: m, flags: (await flagsIn(engine, NOW / MINUTE)).length });
  }
  const flags = await flagsIn(engine, NOW / MINUTE);
  expect(problems).toEqual([]);
  const told: Told[] = flags.map(({ minute, detector, metric, dimension, value }) => ({
    minute: minute - NOW / MINUTE,
    detector,
    of: `${metric} ${dimension}=${value}`,
  }));
  const firstOf = (of: string) => told.filter((each) => each.of === of).sort((a, b) => a.minute - b.minute)[0];
  const earlier = await flagsIn(engine, 0, NOW / MINUTE);
  await services.dispose();
  return {
    flags,
    /** Of the history. */
    earlier,
    told,
    firstOf,
    firstSeenAt: flagged.find((each) => each.flags > 0)?.at,
    kinds: [...new Set(told.map(({ detector }) => detector))],
  };
}

/** One region fails from minute 10 to 24. */
export const euFails: Story = (m) =>
  m < 10 || m >= 25 ? healthy(m) : [...attempts(RATE / 2, 'eu', [5, 'failed']), ...attempts(RATE / 2, 'us')];
