/** Keeps incidents: takes new signs in, measures those that go on, closes those that are calm, and does what people decide. */
import type { Slo } from '../../slo/definition/openslo.ts';
import type { Told } from '../../slo/evaluate/notifications.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { nextVersion } from '../../store/engine/versions.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { repeat } from '../../system/repeat.ts';
import { HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { ACTS, type ActName } from './acts.ts';
import { correlate } from './correlate.ts';
import { alertSignals, FLAGS_KEPT_MS, findingSignals, flagSignals, nameIncident } from './gather.ts';
import { type Incident, isLive, told } from './incident.ts';
import { incidentNamed, incidentsReaching, nextNumber, writeIncidents } from './incident-table.ts';
import { measured } from './measure.ts';
import { APART_MS, isSameSign, type Signal } from './signal.ts';
import { heldBack, suppressionsSince } from './suppressions.ts';

const EVERY_MS = 15_000;
/** What goes on is measured anew so often. */
const MEASURED_EVERY_MS = MINUTE_MS;
const LOOKED_BACK_MS = 24 * HOUR_MS;

export interface IncidentDeps {
  engine: Engine;
  slos: readonly Slo[];
  now: () => number;
  /** What somebody was told of. @default nothing */
  told?: () => readonly Told[];
  /** Up to when series are judged; 0 before the first pass. @default now */
  judgedToMs?: () => number;
  onProblem: (message: string) => void;
}

export interface IncidentWatch {
  /** One look now, after the one that may be going on. */
  look(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** Two changes at once would each take the other's back: of one process, all go through here. */
const changing = oneAtATime();

/** The watch over the incidents of a store. */
export function createIncidentWatch(deps: IncidentDeps): IncidentWatch {
  const ticking = repeat(EVERY_MS, deps.onProblem);
  const measuredAt = new Map<string, number>();

  const look = () =>
    changing(async () => {
      const { engine, now } = deps;
      const nowMs = now();
      const signals = [
        ...(await flagSignals(engine, nowMs)),
        ...(await alertSignals(engine, nowMs)),
        ...(await findingSignals(engine, nowMs)),
      ];
      const reach = signals.reduce((first, { fromMs }) => Math.min(first, fromMs), nowMs - LOOKED_BACK_MS) - APART_MS;
      const known = await incidentsReaching(engine, reach);
      const fresh = heldBack(
        signals.filter((signal) => !isKnown(known, signal)),
        await suppressionsSince(engine, nowMs - FLAGS_KEPT_MS),
      );
      const changed = correlate(known, fresh, await nextNumber(engine), nowMs, deps.judgedToMs?.() ?? nowMs);
      const all = deps.told?.() ?? [];
      const isToldNow = (incident: Incident) => told(incident, all) !== incident;
      const going = known.filter(
        (incident) => isLive(incident) && (isDue(incident, nowMs) || isToldNow(incident)) && !changed.some(({ id }) => id === incident.id),
      );
      const written: Incident[] = [];
      for (const incident of [...changed, ...going]) {
        written.push(incident.status === 'merged' ? incident : await measuredOrNot(told(incident, all), nowMs));
        measuredAt.set(incident.id, nowMs);
      }
      for (const id of measuredAt.keys())
        if (!known.some((each) => each.id === id) && !written.some((each) => each.id === id)) measuredAt.delete(id);
      await writeIncidents(engine, written, nowMs);
      // After the incidents are there: flags that a crash leaves without are taken in by the next look, into the same ones.
      for (const { id, signals: of } of written.filter(({ status }) => status !== 'merged'))
        await nameIncident(engine, id, of, await nextVersion(engine, 'anomaly_flags_log', nowMs));
    });
  /** One that cannot be measured now is there all the same. */
  const measuredOrNot = (incident: Incident, nowMs: number): Promise<Incident> =>
    measured(deps.engine, deps.slos, incident, nowMs).catch((error: unknown) => {
      deps.onProblem(`${incident.id} cannot be measured: ${error instanceof Error ? error.message : String(error)}`);
      return incident;
    });
  const isDue = ({ id }: Incident, nowMs: number) => nowMs - (measuredAt.get(id) ?? 0) >= MEASURED_EVERY_MS;

  return {
    look: () => ticking.once(look),
    start: () => ticking.start(look),
    stop: () => ticking.stop(),
  };
}

/** Whether an incident has this sign already, to its end or nearly so. Flags always are fresh: those that are in an incident are not asked for. */
const isKnown = (incidents: readonly Incident[], signal: Signal): boolean =>
  signal.source !== 'flag' &&
  incidents.some(({ signals }) =>
    signals.some((each) => isSameSign(each, signal) && each.toMs >= signal.toMs - MEASURED_EVERY_MS && each.isPage === signal.isPage),
  );

/** What somebody does with an incident. */
export interface Act {
  act: ActName;
  reason: string;
  /** The field of the act; empty where it has none. */
  given: string;
}

/**
 * Does what somebody has decided. Of two who act at the same moment, the second is told what the first has done.
 * @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT
 */
export const act = (engine: Engine, id: string, { act: name, reason, given }: Act, nowMs: number): Promise<Incident> =>
  changing(async () => {
    const deciding = { engine, nowMs, reason, given };
    const { decide, after } = ACTS[name];
    const before = await incidentNamed(engine, id);
    const changed = await decide(before, deciding);
    await writeIncidents(
      engine,
      changed.filter((incident) => incident !== before),
      nowMs,
    );
    await after?.(changed[0] as Incident, deciding);
    return changed[0] as Incident;
  });
