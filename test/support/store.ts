/** A store and intake of their own in a temporary directory, for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openServices, type Services } from '../../src/cli/services.ts';
import { parseConfig } from '../../src/config.ts';

export interface TestServices extends Services {
  dataDir: string;
  /** Problems that were reported. */
  problems: string[];
  dispose(): Promise<void>;
}

/** Services on a fresh data directory, or on one that is there. */
export async function testServices(
  options: { now?: () => number; dataDir?: string; environment?: NodeJS.ProcessEnv } = {},
): Promise<TestServices> {
  const { environment = {}, ...rest } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'muster-test-')));
  const problems: string[] = [];
  const config = parseConfig(environment, { dataDir });
  const services = await openServices({ config, onProblem: (message) => problems.push(message), ...rest });
  return {
    ...services,
    dataDir,
    problems,
    async dispose() {
      await services.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Takes in events as `muster import` would, and rolls them up. */
export async function takeIn(services: Services, events: readonly unknown[]) {
  const result = await services.intake.accept(
    events.map((value) => ({ value })),
    'import',
  );
  await services.drain();
  return result;
}
