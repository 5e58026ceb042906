/** The store: engine, schema, loader, and the queries that others ask of it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES } from '../names.ts';
import { type Engine, openEngine, type Session } from './engine.ts';
import type { EventRow } from './event-row.ts';
import { createGuard, type Guard } from './guard.ts';
import { type Loader, openLoader } from './loader.ts';
import { lockDirectory } from './lock.ts';
import { migrate } from './migrate.ts';
import type { StoredSli } from './sli-counter.ts';

/** Completion window of an attempt (contract, "Attempts"): 10 minutes. */
const COMPLETION_WINDOW_MS = 600_000;

export interface Store {
  readonly engine: Engine;
  readonly loader: Loader;
  /** For figures: one query at a time. */
  readonly read: Session;
  /** For panels of the web page: slow ones do not delay figures. */
  readonly panels: Session;
  /** For SQL that Muster did not write. */
  readonly guard: Guard;
  close(): Promise<void>;
}

export interface StoreOptions {
  dataDir: string;
  slis: readonly StoredSli[];
  now: () => number;
  onProblem: (message: string) => void;
  onLoaded?: (newest: readonly EventRow[], count: number) => void;
}

/**
 * Opens the store of a data directory, creating what is missing.
 * @throws MUSTER_DATA_IN_USE when another process holds it
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(options.dataDir);
  let engine: Engine | undefined;
  try {
    engine = await openEngine({ path: join(options.dataDir, FILES.engine), scratch: join(options.dataDir, 'scratch') });
    await migrate(engine.session('load'));
    const loader = await openLoader({
      engine,
      statePath: join(options.dataDir, FILES.loaderState),
      quarantineDir: join(options.dataDir, 'quarantine'),
      slis: options.slis,
      windowMs: COMPLETION_WINDOW_MS,
      now: options.now,
      onProblem: options.onProblem,
      ...(options.onLoaded && { onLoaded: options.onLoaded }),
    });
    const opened = engine;
    return {
      engine: opened,
      loader,
      read: opened.session('read'),
      panels: opened.session('panels'),
      guard: createGuard(opened),
      async close() {
        await loader.stop();
        await opened.close();
        unlock();
      },
    };
  } catch (error) {
    await engine?.close().catch(() => {});
    unlock();
    throw error;
  }
}
