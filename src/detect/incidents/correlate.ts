/** Brings signs and incidents together: what belongs to one that there is joins it, the rest begins new ones. Pure. */
import { begun, belongs, calmed, type Incident, isLive, joined } from './incident.ts';
import type { Signal } from './signal.ts';

/**
 * Takes signs into incidents, oldest first. A sign that joins two open incidents makes them one: the one that began first stays.
 * @param known incidents that may still take signs, by their start
 * @param nextNumber of the next new one
 * @param judgedToMs up to when all signs are known: nothing is over by what was not looked at. @default nowMs
 * @returns those that changed, or are new
 */
export function correlate(
  known: readonly Incident[],
  signals: readonly Signal[],
  nextNumber: number,
  nowMs: number,
  judgedToMs = nowMs,
): Incident[] {
  const incidents = new Map(known.map((incident) => [incident.id, incident]));
  const changed = new Set<string>();
  const put = (incident: Incident) => {
    incidents.set(incident.id, incident);
    changed.add(incident.id);
  };
  let number = nextNumber;
  // What is held back comes last: it joins what the others begin.
  const isLater = ({ isHeldBack = false }: Signal) => Number(isHeldBack);
  for (const signal of [...signals].sort((a, b) => isLater(a) - isLater(b) || a.knownMs - b.knownMs)) {
    const [first, ...others] = [...incidents.values()]
      .filter((incident) => belongs(incident, signal))
      .sort((a, b) => Number(isLive(b)) - Number(isLive(a)) || a.detectedMs - b.detectedMs);
    if (!first) {
      // It was made of an incident that has ended, or somebody took such ones for none.
      if (signal.incident !== undefined || signal.isHeldBack) continue;
      put(begun(number, signal, nowMs));
      number += 1;
      continue;
    }
    let stays = joined(first, signal);
    for (const other of others.filter((each) => isLive(each) && isLive(first))) {
      stays = other.signals.reduce(joined, stays);
      put({ ...other, status: 'merged', mergedInto: first.id, endMs: other.lastSignMs });
    }
    put(stays);
  }
  for (const incident of incidents.values()) {
    const over = calmed(incident, Math.min(nowMs, judgedToMs));
    if (over) put(over);
  }
  return [...changed].flatMap((id) => incidents.get(id) ?? []);
}
