/** What is watched: each metric says of which rows it is made, and which of them are hit. */
import { DIMENSIONS } from '../../names.ts';

/** Splits of a series beside the whole: those of the SLIs, and what may fall silent alone. */
export const SERIES_DIMENSIONS = [...DIMENSIONS, 'source', 'tenant'] as const;

export interface Metric {
  /** In tables, flags and alerts. */
  readonly name: string;
  readonly title: string;
  /** `share`: hits of trials. `count`: how many trials there are. */
  readonly kind: 'share' | 'count';
  readonly rows: AttemptRows | SliRows;
  /** SLIs that burn when it goes on: a page of theirs says the same, later and more surely. */
  readonly earlySignOf: readonly string[];
  /** What a minute counts is known only when what it began has had its time. */
  readonly isKnownLater?: true;
}

/** Attempts of users, by the minute of their start or of their end. */
interface AttemptRows {
  readonly of: 'attempts';
  readonly unit: 'start' | 'attempt';
  /** Which attempts are trials, as SQL over the columns of `attempt_states`. */
  readonly fits: string;
  /** Which trials are hit: a condition, or what must take longer than the model's threshold, in milliseconds. */
  readonly hit: { readonly when: string } | { readonly longerThanUsual: string };
  /** Of hits of one device within ten minutes the first alone is a trial; of a person, where no device is known. */
  readonly isOncePerDevice?: true;
}

/** What an SLI counts: its total are trials, what is not good is hit. */
interface SliRows {
  readonly of: 'sli';
  readonly sli: string;
}

/** The registry; of several that are flagged, the first says by what SLI it is explained. */
export const METRICS: readonly Metric[] = [
  {
    name: 'starts',
    title: 'Attempts started',
    kind: 'count',
    earlySignOf: [],
    rows: { of: 'attempts', unit: 'start', fits: `observed = 'full'`, hit: { when: '0' } },
  },
  {
    name: 'failures',
    title: 'Failed attempts',
    kind: 'share',
    earlySignOf: ['M1', 'M1S'],
    rows: { of: 'attempts', unit: 'attempt', fits: `observed = 'full'`, hit: { when: `result != 'completed'` }, isOncePerDevice: true },
  },
  {
    name: 'in_flight',
    title: 'Attempts in flight for too long',
    kind: 'share',
    earlySignOf: ['M1', 'M1S', 'M2'],
    isKnownLater: true,
    rows: {
      of: 'attempts',
      unit: 'start',
      fits: `observed = 'full'`,
      hit: { longerThanUsual: 'toInt64(settled_at) - toInt64(started_at)' },
    },
  },
  { name: 'api_errors', title: 'Failed requests', kind: 'share', earlySignOf: ['A1'], rows: { of: 'sli', sli: 'A1' } },
  {
    name: 'latency',
    title: 'Slow completions',
    kind: 'share',
    earlySignOf: ['M2'],
    rows: {
      of: 'attempts',
      unit: 'attempt',
      fits: `result = 'completed' AND observed = 'full' AND duration_ms >= 0`,
      hit: { longerThanUsual: 'duration_ms' },
    },
  },
  { name: 'api_latency', title: 'Slow requests', kind: 'share', earlySignOf: ['M6'], rows: { of: 'sli', sli: 'M6' } },
  { name: 'fallbacks', title: 'Provider fallbacks', kind: 'share', earlySignOf: ['M7'], rows: { of: 'sli', sli: 'M7' } },
];

/** What a completion takes at most usually, as long as nothing is learned: SLI M2's limit. */
export const DEFAULT_LIMIT_MS = 60_000;
/** Metrics that are counted by how long something takes. */
export const DURATION_METRICS: readonly string[] = METRICS.filter(
  ({ rows }) => rows.of === 'attempts' && 'longerThanUsual' in rows.hit,
).map(({ name }) => name);
