/** The reference core with its storage and outbox, delivering into intake. */
import { join } from 'node:path';
import type { Intake } from '../collect/intake.ts';
import { type Core, createCore } from '../core/enrollments.ts';
import { flushOutbox } from '../core/outbox.ts';
import { openCoreStorage } from '../core/storage.ts';
import { uuidV7 } from '../core/uuid.ts';
import { FILES } from '../names.ts';
import { createVault } from '../privacy/vault.ts';
import { readOrCreateKey } from '../store/durable-files.ts';
import { repeat } from '../store/repeat.ts';

const OUTBOX_EVERY_MS = 500;
const EXPIRE_EVERY_MS = 5_000;

export interface RunningCore {
  core: Core;
  /** Delivers what waits in the outbox, soon. */
  flush(): void;
  /** Delivers what still waits, and closes. */
  close(): Promise<void>;
}

/** Opens the core of a data directory and lets it run: events are delivered, and what has waited too long is expired. */
export async function openCore(deps: {
  dataDir: string;
  intake: Intake;
  now: () => number;
  random: (bytes: number) => Buffer;
  deployment: string;
  qrSvg: (text: string) => Promise<string>;
  onProblem: (message: string) => void;
}): Promise<RunningCore> {
  const vault = createVault(await readOrCreateKey(join(deps.dataDir, FILES.vaultKey)));
  const storage = openCoreStorage(join(deps.dataDir, FILES.core));
  const core = createCore({
    storage,
    vault,
    now: deps.now,
    random: deps.random,
    newId: () => uuidV7(deps.now(), deps.random),
    qrSvg: deps.qrSvg,
    deployment: deps.deployment,
  });
  const report = (message: string) => deps.onProblem(`core: ${message}`);
  const deliver = async () => {
    await flushOutbox(storage, async (events) => {
      const { rejected } = await deps.intake.accept(
        events.map((value) => ({ value })),
        'live',
      );
      const [first] = rejected;
      if (first) report(`${rejected.length} of its own events were refused and are lost; the first: ${first.message}`);
    });
  };
  const delivering = repeat(OUTBOX_EVERY_MS, report);
  const expiring = repeat(EXPIRE_EVERY_MS, report);
  delivering.start(deliver);
  expiring.start(async () => {
    core.expireDue();
  });
  return {
    core,
    flush: () => {
      delivering.once(deliver).catch((error: unknown) => report(error instanceof Error ? error.message : String(error)));
    },
    async close() {
      await expiring.stop();
      await delivering.stop();
      await deliver().catch((error: unknown) =>
        report(`its events wait in the outbox: ${error instanceof Error ? error.message : String(error)}`),
      );
      storage.close();
    },
  };
}
