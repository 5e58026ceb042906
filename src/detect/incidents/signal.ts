/** Signs that something is wrong: runs of flags, alerts of error budgets, findings. What they have in common is when and where. */

export interface Signal {
  source: 'flag' | 'alert' | 'finding';
  /** The detector, or the SLO whose budget burns. */
  name: string;
  /** What is measured: a metric of the series, the id of an SLI, or nothing. */
  of: string;
  dimension: string;
  value: string;
  /** When it began, as far as can be told; of quiet series long before they say anything. */
  fromMs: number;
  /** When Muster knew of it. */
  knownMs: number;
  /** Until when it was seen. */
  toMs: number;
  isPage: boolean;
  /** Of what is asked once a day: it lasts until it is asked again, and is of one cause only with such. */
  isDaily?: boolean;
  /** In words, where there are some. */
  summary?: string;
  /** Of a finding. */
  finding?: string;
  /** Whether somebody took such a sign for none: it joins what there is, and begins nothing. */
  isHeldBack?: boolean;
  /** The incident that it was made of, and is in. */
  incident?: string;
}

/** Whether two signs are the same one, seen again. */
export const isSameSign = (a: Signal, b: Signal): boolean =>
  a.source === b.source &&
  a.name === b.name &&
  a.of === b.of &&
  a.dimension === b.dimension &&
  a.value === b.value &&
  a.finding === b.finding;

/** Signs of one thing may be so far apart. */
export const APART_MS = 60 * 60_000;

/**
 * Whether two signs may be of one cause, by where they are: the whole goes with everything, and one fault shows in many dimensions. Two values of
 * one dimension are two places, as long as nothing else joins them.
 */
export const isCompatible = (a: Signal, b: Signal): boolean =>
  (a.isDaily ?? false) === (b.isDaily ?? false) && (a.dimension !== b.dimension || a.value === b.value);

/** Whether they may be of one cause, by when they were seen. */
export const isNear = (a: Pick<Signal, 'knownMs' | 'toMs'>, b: Pick<Signal, 'knownMs' | 'toMs'>): boolean =>
  a.knownMs <= b.toMs + APART_MS && b.knownMs <= a.toMs + APART_MS;
