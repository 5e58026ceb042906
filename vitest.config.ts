import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Spends minutes waiting for real time to pass, and hardly any work: begun last, everything else would wait for it. */
const WAITS = /e2e\/alerting\.test\.ts$/;

class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => WAITS.test(moduleId)), ...sorted.filter(({ moduleId }) => !WAITS.test(moduleId))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process per file: the engine allows one data directory per process, and none in a worker thread.
    pool: 'forks',
    // Two that work, and one that waits.
    maxWorkers: 3,
    sequence: { sequencer: WaitingFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/announce.ts'],
  },
});
