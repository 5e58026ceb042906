import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Spends minutes waiting for real time to pass, and hardly any work: begun last, everything else would wait for it. */
const WAITS = /long\/alerting\.test\.ts$/;

class WaitingFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => WAITS.test(moduleId)), ...sorted.filter(({ moduleId }) => !WAITS.test(moduleId))];
  }
}

/** Files of which `npm test` runs a part, and `npm run test:long` another: they ask `support/scale.ts`. */
const SCALED = globSync('test/**/*.test.ts').filter((path) => readFileSync(path, 'utf8').includes("support/scale.ts'"));
/** The tests of `npm test`; those that take long, and those of peers in other languages, have a command each. */
const SUITES = {
  test: { include: ['test/**/*.test.ts'], exclude: ['test/long/**', 'test/peers/**'] },
  long: { include: ['test/long/**/*.test.ts', ...SCALED] },
  peers: { include: ['test/peers/**/*.test.ts'] },
};

export default defineConfig(({ mode }) => ({
  test: {
    ...(SUITES[mode as keyof typeof SUITES] ?? SUITES.test),
    env: { MUSTER_SUITE: mode },
    // A process per file: the engine allows one data directory per process, and none in a worker thread.
    pool: 'forks',
    // Two that work, and one that waits; of peers one, since all build into one cache.
    maxWorkers: mode === 'peers' ? 1 : 3,
    sequence: { sequencer: WaitingFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: ['test/support/announce.ts'],
    setupFiles: ['test/support/answers-checked.ts'],
  },
}));
