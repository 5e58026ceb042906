/** The life of an incident. Pure: who keeps incidents writes down what comes out. */
import { MusterError } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import type { Told } from '../../slo/evaluate/notifications.ts';
import { HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { APART_MS, isCompatible, isNear, isSameSign, type Signal } from './signal.ts';

export type IncidentStatus = 'open' | 'acknowledged' | 'resolved' | 'dismissed' | 'merged';

export interface Incident {
  /** `INC-` and a number. */
  id: string;
  title: string;
  severity: 'page' | 'ticket';
  status: IncidentStatus;
  /** When its first sign began. */
  startMs: number;
  /** When its last sign was seen. */
  lastSignMs: number;
  /** When Muster knew of it. */
  detectedMs: number;
  /** When somebody was told first. */
  notifiedMs: number | null;
  acknowledgedMs: number | null;
  /** When its signs ended. */
  mitigatedMs: number | null;
  endMs: number | null;
  cause: { dimension: string; value: string } | null;
  /** Largest share first. */
  slos: readonly { slo: string; budgetSpent: number }[];
  /** Whose attempts failed, and how many of them. */
  users: number;
  attempts: number;
  /** What was changed last before it began. */
  change: { type: string; deployment: string; timeMs: number } | null;
  assignee: string;
  /** The incident that it is the same as; empty while it is one of its own. */
  mergedInto: string;
  /** What somebody has split: the places that are no longer in it, or the only one that is. */
  bounds: { without?: readonly Place[]; only?: Place };
  signals: readonly Signal[];
}

/** A value of a dimension. */
export type Place = Pick<Signal, 'dimension' | 'value'>;

/** Whether somebody was told, now that this is what was told. */
export function told(incident: Incident, all: readonly Told[]): Incident {
  if (incident.notifiedMs !== null) return incident;
  const isOfIt = ({ slo, finding, incident: id }: Told) =>
    id === incident.id ||
    incident.signals.some((each) => (each.source === 'alert' ? each.name === slo : finding !== '' && each.finding === finding));
  const times = all.filter(isOfIt).map(({ atMs }) => atMs);
  return times.length === 0 ? incident : { ...incident, notifiedMs: Math.min(...times) };
}

/** Whether it still takes part: what is over, or the same as another, does not. */
export const isLive = ({ status }: Pick<Incident, 'status'>): boolean => status === 'open' || status === 'acknowledged';

/** Ids of its findings. */
export const findingsOf = ({ signals }: Pick<Incident, 'signals'>): string[] => [
  ...new Set(signals.flatMap(({ finding }) => (finding === undefined ? [] : [finding]))),
];

/** An incident of one sign. */
export const begun = (number: number, signal: Signal, nowMs: number): Incident => ({
  id: `INC-${number}`,
  title: titleOf(null, [signal]),
  severity: signal.isPage ? 'page' : 'ticket',
  status: 'open',
  startMs: signal.fromMs,
  lastSignMs: signal.toMs,
  detectedMs: Math.min(nowMs, signal.knownMs),
  notifiedMs: null,
  acknowledgedMs: null,
  mitigatedMs: null,
  endMs: null,
  cause: null,
  slos: [],
  users: 0,
  attempts: 0,
  change: null,
  assignee: '',
  mergedInto: '',
  bounds: {},
  signals: [signal],
});

const isAt = (place: Place, { dimension, value }: Place): boolean => place.dimension === dimension && place.value === value;

/** Whether a place is within what somebody has left of an incident. */
const isWithin = ({ bounds: { without = [], only } }: Incident, signal: Signal): boolean =>
  only ? isAt(only, signal) : !without.some((place) => isAt(place, signal));

/** With one more sign. What has become a page stays one; what somebody took for none, or for another one, takes its signs in silence. */
export function joined(incident: Incident, signal: Signal): Incident {
  const known = incident.signals.find((each) => isSameSign(each, signal));
  const seen = known
    ? {
        ...known,
        ...signal,
        fromMs: Math.min(known.fromMs, signal.fromMs),
        knownMs: Math.min(known.knownMs, signal.knownMs),
        toMs: Math.max(known.toMs, signal.toMs),
        isPage: known.isPage || signal.isPage,
      }
    : signal;
  const signals = [...incident.signals.filter((each) => each !== known), seen];
  return {
    ...incident,
    severity: incident.severity === 'page' || signal.isPage ? 'page' : 'ticket',
    startMs: startOf(signals),
    lastSignMs: Math.max(incident.lastSignMs, signal.toMs),
    detectedMs: Math.min(incident.detectedMs, signal.knownMs),
    signals,
    title: titleOf(incident.cause, signals),
  };
}

/** Signs that come so soon after the first say when it began. */
const EARLY_MS = 10 * MINUTE_MS;
/** A quiet series may say much more, since it saw something once before. */
const FURTHEST_MS = 15 * MINUTE_MS;

/** When the first of its early signs began, without those that say so much more than most. */
function startOf(signals: readonly Signal[]): number {
  const detectedMs = Math.min(...signals.map(({ knownMs }) => knownMs));
  const early = signals
    .filter(({ knownMs }) => knownMs <= detectedMs + EARLY_MS)
    .map(({ fromMs }) => fromMs)
    .sort((a, b) => a - b);
  const median = early[early.length >> 1] as number;
  return early.find((fromMs) => fromMs >= median - FURTHEST_MS) ?? median;
}

/** Whether a sign belongs to an incident, by when and where it is. After somebody has ended it, only what began before does. */
export function belongs(incident: Incident, signal: Signal): boolean {
  if (incident.status === 'merged') return false;
  if (signal.incident !== undefined) return signal.incident === incident.id;
  if (!isWithin(incident, signal)) return false;
  // What begins after somebody, or an hour of calm, has ended it is another one.
  if (incident.status === 'resolved' && incident.endMs !== null && signal.fromMs > incident.endMs) return false;
  // What somebody took for none was what he saw: what pages, or comes from elsewhere, is another one.
  if (incident.status === 'dismissed' && incident.endMs !== null && signal.fromMs > incident.endMs) {
    const isSeen = incident.signals.some((each) => isSameSign(each, signal) && each.isPage === signal.isPage);
    if (!isSeen) return false;
  }
  if (isRest(incident, signal)) return incident.signals.some((each) => isCompatible(each, signal));
  const { endMs, lastSignMs } = incident;
  const span = {
    knownMs: incident.detectedMs,
    toMs: incident.status === 'resolved' && endMs !== null ? Math.min(endMs, lastSignMs) : lastSignMs,
  };
  return isNear(span, signal) && incident.signals.some((each) => isNear(each, signal) && isCompatible(each, signal));
}

/** A quiet series may say so late what it saw. */
const REST_WITHIN_MS = 12 * HOUR_MS;
/** What goes on for longer is no rest. */
const REST_LASTS_MS = 15 * MINUTE_MS;

/** Whether a sign of a quiet series, which comes when an incident is over, stands on what came in meanwhile: one more failure makes it known. */
function isRest({ status, startMs, endMs, signals }: Incident, signal: Signal): boolean {
  if (isLive({ status }) || endMs === null || signal.source !== 'flag' || signal.isPage) return false;
  const isOfThen = signal.fromMs >= startMs - APART_MS && signal.fromMs <= endMs && signal.knownMs - endMs < REST_WITHIN_MS;
  const known = signals.find((each) => isSameSign(each, signal));
  return isOfThen && signal.knownMs > endMs && signal.toMs - (known?.knownMs ?? signal.knownMs) < REST_LASTS_MS;
}

/** Over, once nothing was seen of it for an hour; undefined while that is not so. @param nowMs up to when everything was looked at */
export function calmed(incident: Incident, nowMs: number): Incident | undefined {
  if (!isLive(incident) || nowMs - incident.lastSignMs < APART_MS) return undefined;
  return { ...incident, status: 'resolved', mitigatedMs: incident.lastSignMs, endMs: incident.lastSignMs };
}

/** @throws MUSTER_CONFLICT when it is not open any more */
export const acknowledged = (incident: Incident, nowMs: number): Incident => {
  if (incident.status !== 'open') throw conflict(incident, 'acknowledged');
  return { ...incident, status: 'acknowledged', acknowledgedMs: nowMs };
};

/** @throws MUSTER_CONFLICT when it is over */
export const assigned = (incident: Incident, assignee: string, nowMs: number): Incident => {
  if (!isLive(incident)) throw conflict(incident, 'assigned');
  return { ...incident, assignee, status: 'acknowledged', acknowledgedMs: incident.acknowledgedMs ?? nowMs };
};

/** @throws MUSTER_CONFLICT when it is over */
export const resolved = (incident: Incident, nowMs: number): Incident => {
  if (!isLive(incident)) throw conflict(incident, 'resolved');
  return { ...incident, status: 'resolved', mitigatedMs: incident.mitigatedMs ?? Math.min(nowMs, incident.lastSignMs), endMs: nowMs };
};

/** Taken for none: its signs stay with it, and nobody is told of them. @throws MUSTER_CONFLICT when somebody has decided already */
export const dismissed = (incident: Incident, nowMs: number): Incident => {
  if (incident.status === 'dismissed' || incident.status === 'merged') throw conflict(incident, 'dismissed');
  return { ...incident, status: 'dismissed', endMs: incident.endMs ?? nowMs };
};

/** The two of a merge: the one that stays, with the signs of both, and the one that is the same. @throws MUSTER_CONFLICT */
export function merged(incident: Incident, into: Incident): { stays: Incident; gone: Incident } {
  if (incident.id === into.id) throw new MusterError('MUSTER_CONFLICT', 'an incident is no duplicate of itself');
  for (const each of [incident, into]) if (each.status === 'merged') throw conflict(each, 'merged');
  const stays = { ...incident.signals.reduce(joined, into), bounds: {} };
  return { stays, gone: { ...incident, status: 'merged', mergedInto: into.id, endMs: incident.endMs ?? incident.lastSignMs } };
}

/** The two of a split: what stays, and an incident of its own of one place. @throws MUSTER_CONFLICT when nothing is there, or nothing else is */
export function split(incident: Incident, place: Place, number: number): { stays: Incident; apart: Incident } {
  if (!isLive(incident)) throw conflict(incident, 'split');
  const [theirs, ours] = [true, false].map((is) => incident.signals.filter((signal) => isAt(place, signal) === is));
  const [first, ...rest] = theirs ?? [];
  const [kept, ...others] = ours ?? [];
  const name = `${place.dimension}=${place.value}`;
  if (!first)
    throw new MusterError(
      'MUSTER_CONFLICT',
      `${incident.id} has no sign of ${printable(name)}: muster incidents ${incident.id} lists them`,
    );
  if (!kept) throw new MusterError('MUSTER_CONFLICT', `${incident.id} has signs of ${printable(name)} alone: nothing would stay`);
  const anew = (begins: Signal, more: readonly Signal[]) => more.reduce(joined, begun(number, begins, incident.detectedMs));
  const { signals, severity, startMs, lastSignMs } = anew(kept, others);
  const without = [...(incident.bounds.without ?? []), place];
  return {
    stays: { ...incident, signals, severity, startMs, lastSignMs, cause: null, bounds: { ...incident.bounds, without } },
    apart: { ...anew(first, rest), bounds: { only: place } },
  };
}

const conflict = ({ id, status, mergedInto, assignee }: Incident, what: string): MusterError =>
  new MusterError(
    'MUSTER_CONFLICT',
    `${id} cannot be ${what}: it is ${status}${mergedInto === '' ? '' : ` into ${mergedInto}`}${assignee === '' ? '' : `, with ${assignee}`}`,
  );

/** What its flags mean, in words; the first that there is names the incident. */
const WORDS: readonly (readonly [name: string, of: string, words: string])[] = [
  ['feed_silence', '', 'Nothing comes in'],
  ['failures', 'failures', 'Attempts fail'],
  ['in_flight', '', 'Attempts do not end'],
  ['failures', 'api_errors', 'Requests fail'],
  ['absence', '', 'Nobody starts'],
  ['volume', '', 'Hardly anybody starts'],
  ['latency', 'latency', 'Completions are slow'],
  ['latency', 'api_latency', 'Requests are slow'],
  ['failures', 'fallbacks', 'Providers are stood in for'],
  ['level_shift', 'failures', 'Since a deploy more attempts fail'],
  ['level_shift', '', 'Worse since a deploy'],
  ['new_value', '', 'Never seen before'],
  ['drift', 'failures', 'More attempts fail, day by day'],
  ['drift', '', 'Worse, day by day'],
];

const isNamedBy = ({ source, name, of }: Signal, [words, metric]: (typeof WORDS)[number]): boolean =>
  source === 'flag' && name === words && (metric === '' || of === metric);

/** The flags that an incident is called after. */
export function namingFlags(signals: readonly Signal[]): Signal[] {
  const words = WORDS.find((each) => signals.some((signal) => isNamedBy(signal, each)));
  return signals.filter((signal) => words && isNamedBy(signal, words));
}

/** What it is called: what is wrong, and where. */
export function titleOf(cause: Incident['cause'], signals: readonly Signal[]): string {
  const words = WORDS.find((each) => signals.some((signal) => isNamedBy(signal, each)));
  const [alert] = signals.filter(({ source }) => source === 'alert');
  const [first] = signals;
  const what = words?.[2] ?? (alert ? `The error budget of ${alert.name} burns` : (first?.summary ?? first?.name ?? 'Something is wrong'));
  const flagged = signals.filter((each) => each.source === 'flag' && each.dimension !== '');
  const where = cause ?? (flagged.length === 1 ? flagged[0] : undefined);
  return where ? `${what}: ${where.dimension.replaceAll('_', ' ')} ${where.value || 'without a value'}` : what;
}
