/** Puts store, collector and SLOs of one data directory together. The one place that builds clock and connections. */

import { join } from 'node:path';
import { identityHash } from '../collect/intake/batch.ts';
import { type Exposures, openExposures } from '../collect/intake/exposures.ts';
import { createIntake, type Intake } from '../collect/intake/intake.ts';
import { KnownIdentities } from '../collect/intake/known-identities.ts';
import { type LogWriter, openLogWriter } from '../collect/intake/log-writer.ts';
import type { Find } from '../collect/intake/scrub.ts';
import { openKeyRing } from '../collect/people/key-ring.ts';
import { createPeople, type People } from '../collect/people/people.ts';
import { createPseudonyms, type Pseudonyms } from '../collect/people/pseudonyms.ts';
import type { Config } from '../config.ts';
import { FILES } from '../names.ts';
import { createVault } from '../privacy/vault.ts';
import { type KeyRegistry, openKeyRegistry } from '../serve/access/keys.ts';
import { loadSlos, type Slo, storedSlis } from '../slo/definition/openslo.ts';
import { loadThresholds, type Thresholds } from '../slo/evaluate/alerts/thresholds.ts';
import { openAudit } from '../store/records/audit.ts';
import { headElsewhere, headFile, headInReferences } from '../store/records/audit-head.ts';
import { lookUpIdentities, recentIdentities } from '../store/records/known-content.ts';
import { readLoaderState } from '../store/roll/roll-state.ts';
import type { EventRow } from '../store/rows/event-row.ts';
import { openStore, type Store } from '../store/store.ts';
import { readOrCreateKey } from '../system/durable-files.ts';
import { DAY_MS } from '../system/time.ts';
import { eraseFromCore } from './core-storage.ts';

/** Memory of identities is taken up again from at most this many stored events. */
const MAX_RECALLED = 2_000_000;

export interface Services {
  store: Store;
  log: LogWriter;
  intake: Intake;
  pseudonyms: Pseudonyms;
  people: People;
  keys: KeyRegistry;
  exposures: Exposures;
  /** Takes note of what was found in something of a source and left out. */
  onFound: (source: string, finds: readonly Find[]) => void;
  slos: Slo[];
  thresholds: Thresholds;
  now: () => number;
  /** Loads and rolls up everything acknowledged so far. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface ServicesOptions {
  config: Config;
  now?: () => number;
  onProblem: (message: string) => void;
  onLoaded?: (newest: readonly EventRow[], count: number) => void;
  onCounted?: (source: string, result: 'accepted' | 'duplicate' | 'rejected', count: number) => void;
  /** Those that the process knows already. */
  keys?: KeyRegistry;
  onRedacted?: (finds: readonly Find[]) => void;
  /** Told of the shape of a statement from outside that does not end. */
  onStuck?: (shape: string) => void;
}

/** The keys of a configuration. @throws MUSTER_BAD_ARGUMENT when their file holds something else */
export const keysOf = ({ keys, dataDir }: Config, now: () => number, onProblem: (message: string) => void): KeyRegistry =>
  openKeyRegistry({ path: keys ?? join(dataDir, FILES.keys), isNamed: keys !== undefined, now, onProblem });

const serverOf = ({ clickhouseUrl, clickhouseTimeout }: Config) =>
  clickhouseUrl === undefined ? undefined : { url: clickhouseUrl, timeoutMs: clickhouseTimeout * 1_000 };

/**
 * Opens a data directory and brings in what its log still holds.
 * @throws MUSTER_DATA_IN_USE when another process holds it
 */
export async function openServices(options: ServicesOptions): Promise<Services> {
  const now = options.now ?? Date.now;
  const { dataDir } = options.config;
  const keys = options.keys ?? keysOf(options.config, now, options.onProblem);
  // What people wrote is checked before anything is opened.
  const slos = await loadSlos(options.config.slo);
  const thresholds = await loadThresholds(options.config.alerts);
  const store = await openStore({
    dataDir,
    server: serverOf(options.config),
    slis: storedSlis(slos),
    windows: options.config.completionWindow,
    retention: options.config.retention,
    archiveDir: options.config.archiveDir,
    now,
    onProblem: options.onProblem,
    guard: {
      seconds: options.config.queryTimeout,
      stuck: options.config.stuckStatements,
      ...(options.onStuck && { onStuck: options.onStuck }),
    },
    ...(options.onLoaded && { onLoaded: options.onLoaded }),
  });
  try {
    const { cursor } = await readLoaderState(join(dataDir, FILES.loaderState));
    const log = await openLogWriter(join(dataDir, FILES.log), { after: cursor });
    await store.loader.drain(log);
    const vault = createVault(await readOrCreateKey(join(dataDir, FILES.identityKey)));
    const pseudonyms = createPseudonyms({
      ring: await openKeyRing(dataDir, now()),
      table: store.references,
      ...(options.config.identities === 'sealed' && { vault }),
    });
    const known = new KnownIdentities();
    for (const stored of await recentIdentities(store.engine, now() - DAY_MS, MAX_RECALLED)) {
      const { high, low } = identityHash({ ...stored, timeMs: Number(stored.timeMs) });
      known.note(high, low, stored.contentHash, Number(stored.receivedAtMs));
    }
    const exposures = await openExposures({ engine: store.engine, now, onProblem: options.onProblem });
    const onFound = (source: string, finds: readonly Find[]) => {
      exposures.note(source, finds);
      options.onRedacted?.(finds);
    };
    const intake = createIntake({
      log,
      pseudonyms,
      now,
      known,
      folding: store.loader.folding,
      onFound,
      lookUp: (identities) => lookUpIdentities(store.engine, identities),
      ...(options.onCounted && { onCounted: options.onCounted }),
    });
    const { auditHead } = options.config;
    const audit = await openAudit({
      engine: store.engine,
      key: await readOrCreateKey(join(dataDir, FILES.auditKey)),
      heads: [
        headFile(join(dataDir, FILES.auditHead)),
        headInReferences(store.references, join(dataDir, FILES.references)),
        ...(auditHead === undefined ? [] : [headElsewhere(auditHead, options.onProblem, now)]),
      ],
      now,
    });
    const people = createPeople({ dataDir, store, log, intake, pseudonyms, vault, audit, now }, (user) =>
      eraseFromCore(options.config, user, now()),
    );
    await people.resume();
    return {
      store,
      log,
      intake,
      pseudonyms,
      people,
      keys,
      exposures,
      onFound,
      slos,
      thresholds,
      now,
      drain: () => store.loader.drain(log),
      async close() {
        await exposures.stop();
        try {
          await store.loader.stop();
          await log.close();
        } finally {
          await store.close();
        }
      },
    };
  } catch (error) {
    await store.close().catch(() => {});
    throw error;
  }
}
