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

/** The tests of `npm test`; those that take long, and those of peers in other languages, have a command each. */
export const SUITES = {
  default: { include: ['test/**/*.test.ts'], exclude: ['test/long/**', 'test/peers/**'] },
  long: { include: ['test/long/**/*.test.ts'], exclude: [] },
  peers: { include: ['test/peers/**/*.test.ts'], exclude: [] },
};

export default defineConfig(({ mode }) => ({
  test: {
    ...(mode === 'long' ? SUITES.long : mode === 'peers' ? SUITES.peers : SUITES.default),
    // A process per file: the engine allows one data directory per process, and none in a worker thread.
    pool: 'forks',
    // Two that work, and one that waits.
    maxWorkers: 3,
    sequence: { sequencer: WaitingFirst },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/announce.ts'],
  },
}));
