/** Secrets that arrived in telemetry (F8): each place where one keeps arriving is a finding, without what arrived. */
import { SENSITIVE_KIND_NAMES, SENSITIVE_KINDS, type SensitiveKind } from '../../privacy/detector.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { openFindingKeeper } from '../../store/records/finding-keeper.ts';
import type { Finding, Found } from '../../store/records/finding-life.ts';
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

/** A place where secrets arrive. */
interface Exposure {
  source: string;
  field: string;
  kind: SensitiveKind;
  count: number;
  firstMs: number;
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
  const keeper = await openFindingKeeper(
    deps.engine,
    [SECRET_EXPOSURE],
    (finding) => {
      const exposure = leftOpen(finding);
      return exposure && placeOf(exposure);
    },
    deps.now(),
  );
  for (const [key, { finding }] of keeper.open) places.set(key, leftOpen(finding) as Exposure);

  const noteOne = (source: string, { field, kind }: Find) => {
    const nowMs = deps.now();
    const key = placeOf({ source, field, kind });
    const named = places.has(key) || places.size < MAX_PLACES ? source : 'other';
    const known = places.get(placeOf({ source: named, field, kind }));
    const exposure = known ?? { source: named, field, kind, count: 0, firstMs: nowMs, lastMs: nowMs };
    exposure.count += 1;
    exposure.lastMs = nowMs;
    places.set(placeOf(exposure), exposure);
    changed.add(exposure);
  };

  const flush = async () => {
    const nowMs = deps.now();
    for (const exposure of changed) keeper.see(placeOf(exposure), foundAt(exposure), exposure.lastMs, exposure.firstMs);
    changed.clear();
    for (const [key, { lastMs }] of places) {
      if (nowMs - lastMs < QUIET_MS) continue;
      places.delete(key);
      keeper.close(key, lastMs);
    }
    await keeper.write(nowMs);
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

function foundAt({ source, field, kind, count, lastMs }: Exposure): Found {
  const times = count === 1 ? 'once' : `${count} times`;
  return {
    kind: 'security',
    detector: SECRET_EXPOSURE,
    severity: SEVERITY,
    dimensions: { source, field, secret: kind },
    place: [source, field, kind],
    attack: ATTACK,
    evidence: {
      summary: `${source} sent ${SENSITIVE_KIND_NAMES[kind]} in ${field}, ${times}; it was left out of what is stored. Stop it there, and revoke what was sent.`,
      count,
      last: new Date(lastMs).toISOString(),
    },
  };
}

function leftOpen({ dimensions, evidence, startMs }: Finding): Exposure | undefined {
  const { source, field, secret } = dimensions;
  if (source === undefined || field === undefined || !(secret !== undefined && secret in SENSITIVE_KINDS)) return undefined;
  const { count, last } = evidence;
  return { source, field, kind: secret as SensitiveKind, count: Number(count), firstMs: startMs, lastMs: Date.parse(String(last)) };
}
