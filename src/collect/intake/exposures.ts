/** Secrets that arrived in telemetry (F8): each place where one keeps arriving is a finding, without what arrived. */
import { SENSITIVE_KIND_NAMES, SENSITIVE_KINDS, type SensitiveKind } from '../../privacy/detector.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { closed, kept, opened } from '../../store/records/finding-life.ts';
import { type Finding, openFindings, writeFindings } from '../../store/records/findings.ts';
import { repeat } from '../../system/repeat.ts';
import type { Find } from './scrub.ts';

export const SECRET_EXPOSURE = 'secret_exposure';
const SEVERITY = 'ticket';
const FLUSH_EVERY_MS = 5_000;
/** A place from which nothing came for so long is quiet again. */
const QUIET_MS = 86_400_000;
/** Places told apart; those of further sources are told as one. */
const MAX_PLACES = 500;
/** ATT&CK: Unsecured Credentials. */
const ATTACK = ['T1552'];

interface Exposure {
  source: string;
  field: string;
  kind: SensitiveKind;
  finding: Finding;
  count: number;
  lastMs: number;
}

export interface Exposures {
  /** Takes note of what was found in something of a source. */
  note(source: string, finds: readonly Find[]): void;
  start(): void;
  stop(): Promise<void>;
}

/** Exposures of a data directory; goes on with those that the last process left open. */
export async function openExposures(deps: { engine: Engine; now: () => number; onProblem: (message: string) => void }): Promise<Exposures> {
  const places = new Map<string, Exposure>();
  const changed = new Set<Exposure>();
  for (const finding of await openFindings(deps.engine, [SECRET_EXPOSURE])) {
    const exposure = leftOpen(finding);
    if (exposure) places.set(placeOf(exposure), exposure);
  }

  const noteOne = (source: string, { field, kind }: Find) => {
    const nowMs = deps.now();
    const key = placeOf({ source, field, kind });
    const named = places.has(key) || places.size < MAX_PLACES ? source : 'other';
    const exposure = places.get(placeOf({ source: named, field, kind })) ?? newExposure(named, field, kind, nowMs);
    exposure.count += 1;
    exposure.lastMs = nowMs;
    places.set(placeOf(exposure), exposure);
    changed.add(exposure);
  };

  const flush = async () => {
    const nowMs = deps.now();
    for (const [key, exposure] of places) {
      if (nowMs - exposure.lastMs < QUIET_MS) continue;
      places.delete(key);
      changed.add(exposure);
    }
    const due = [...changed];
    changed.clear();
    try {
      await writeFindings(
        deps.engine,
        due.map((exposure) => findingOf(exposure, nowMs)),
        nowMs,
      );
    } catch (error) {
      for (const exposure of due) changed.add(exposure);
      throw error;
    }
  };

  const flushing = repeat(FLUSH_EVERY_MS, (message) => deps.onProblem(`findings of exposed secrets: ${message}`));
  return {
    note(source, finds) {
      for (const find of finds) if (SENSITIVE_KINDS[find.kind] === 'secret') noteOne(source, find);
    },
    start: () => flushing.start(flush),
    async stop() {
      await flushing.stop();
      // What cannot be written now is lost with the process; closing goes on.
      await flush().catch((error: unknown) => deps.onProblem(`findings of exposed secrets: ${String(error)}`));
    },
  };
}

const placeOf = ({ source, field, kind }: Pick<Exposure, 'source' | 'field' | 'kind'>): string => JSON.stringify([source, field, kind]);

function newExposure(source: string, field: string, kind: SensitiveKind, nowMs: number): Exposure {
  const dimensions = { source, field, secret: kind };
  const finding = opened(
    {
      kind: 'security',
      detector: SECRET_EXPOSURE,
      severity: SEVERITY,
      dimensions,
      evidence: {},
      attack: ATTACK,
      place: [source, field, kind],
    },
    nowMs,
  );
  return { source, field, kind, finding, count: 0, lastMs: nowMs };
}

function findingOf({ finding, source, field, kind, count, lastMs }: Exposure, nowMs: number): Finding {
  const times = count === 1 ? 'once' : `${count} times`;
  const evidence = {
    summary: `${source} sent ${SENSITIVE_KIND_NAMES[kind]} in ${field}, ${times}; it was left out of what is stored. Stop it there, and revoke what was sent.`,
    count,
    last: new Date(lastMs).toISOString(),
  };
  const now = kept(finding, { severity: SEVERITY, evidence });
  return nowMs - lastMs >= QUIET_MS ? closed(now, lastMs) : now;
}

function leftOpen(finding: Finding): Exposure | undefined {
  const { source, field, secret } = finding.dimensions;
  const lastMs = Date.parse(String(finding.evidence.last));
  if (source === undefined || field === undefined || !(secret !== undefined && secret in SENSITIVE_KINDS)) return undefined;
  return { source, field, kind: secret as SensitiveKind, finding, count: Number(finding.evidence.count), lastMs };
}
