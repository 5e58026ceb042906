/** A reference core of its own in a temporary directory, under a clock that a test sets. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Core, createCore } from '../../src/core/enrollments.ts';
import { type CoreStorage, openCoreStorage } from '../../src/core/storage.ts';
import { createVault } from '../../src/privacy/vault.ts';

export interface TestCore {
  core: Core;
  storage: CoreStorage;
  /** Its database file. */
  path: string;
  nowMs: number;
  dispose(): Promise<void>;
}

export async function testCore(): Promise<TestCore> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-core-'));
  const path = join(directory, 'core.sqlite');
  const storage = openCoreStorage(path);
  let ids = 0;
  const made: TestCore = {
    core: createCore({
      storage,
      vault: createVault(Buffer.alloc(32, 7)),
      now: () => made.nowMs,
      random: randomBytes,
      newId: () => `id-${++ids}`,
      qrSvg: async () => '<svg/>',
      deployment: 'test',
    }),
    storage,
    path,
    nowMs: Date.UTC(2026, 5, 1),
    async dispose() {
      storage.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return made;
}
