/** What an alert beside the burn rates is. One file each, one line in the registry. */

import { z } from 'zod';
import type { Engine } from '../../../store/engine/engine.ts';
import { eventsIn } from '../../../store/rows/rows-of.ts';
import type { Severity } from '../../arithmetic/pairs.ts';
import type { Slo } from '../../definition/openslo.ts';
import type { Evaluation } from '../evaluator.ts';

/** Labels that say where an alert fires. */
export const PLACE_LABELS = ['provider', 'region', 'deployment', 'metric', 'dimension', 'value'] as const;
export type PlaceLabel = (typeof PLACE_LABELS)[number];

/** Where an alert fires; what does not apply is missing. */
export type Place = Partial<Record<PlaceLabel, string>>;

/** A condition that holds now. */
export interface Condition extends Place {
  severity: Severity;
  /** One sentence: what, where. */
  summary: string;
  /** What it stands on. */
  evidence: Record<string, number | string>;
  /** The incident whose alert it is: one alert each, under the place that it had first. */
  incident?: string;
  /** Whether a page tells of it already. */
  isInhibited?: boolean;
}

export interface AlertContext {
  engine: Engine;
  slos: readonly Slo[];
  /** End of the windows, a full minute. */
  atMs: number;
  evaluation: Evaluation;
  /** The thresholds of an alert, its own or another's, as the configuration has them. */
  thresholdsOf<Fields extends z.ZodObject>(alert: { detector: string; thresholds: Fields }): z.infer<Fields>;
}

export interface Alert {
  /** As rules and metrics spell it: `EnrollmentProviderOutage`. */
  readonly name: string;
  /** As findings spell it: `provider_outage`. */
  readonly detector: string;
  readonly kind: 'operational' | 'security';
  /** What it means, for those who read the rule. */
  readonly meaning: string;
  /** Labels that it may have, beside service and severity. */
  readonly labels: readonly PlaceLabel[];
  /** Its thresholds by name, each with a default: a part of the file that `MUSTER_ALERTS` names, under the detector's name. */
  readonly thresholds: z.ZodObject;
  /** Where to look, as a path of our page. */
  readonly page: '/overview' | '/incidents';
  /** How bad what it stands on is: while it fires, the worst stays. */
  weight(evidence: Condition['evidence']): number;
  /** Conditions that hold at the moment. */
  check(context: AlertContext): Promise<Condition[]>;
}

/**
 * SQL of the events of users in [fromMs, toMs), found by the table's key.
 * @param deliveries `once` counts each event once; `any` is cheaper, for what a repeated delivery does not change
 */
export const userEvents = (fromMs: number, toMs: number, deliveries: 'once' | 'any' = 'once'): string =>
  `events ${deliveries === 'once' ? 'FINAL' : ''} WHERE ${eventsIn([{ fromMs, toMs }])} AND traffic IN ('', 'user')`;

/** Thresholds by what they are, each with its default. */
export const threshold = {
  /** A whole number of anything, at least 1. */
  count: (otherwise: number) => z.number().int().min(1).default(otherwise),
  /** A share of a whole, 0 to 1. */
  share: (otherwise: number) => z.number().min(0).max(1).default(otherwise),
  /** A factor, or anything else above 0. */
  times: (otherwise: number) => z.number().gt(0).default(otherwise),
};
