/** The real programs and data that tests meet: where they are, or why a group of tests cannot run. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { postgresBin } from './postgres.ts';

const isCi = process.env.CI === 'true';

function onPath(name: string): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

const shared = fileURLToPath(new URL('../../../shared/', import.meta.url));

const FOUND = {
  promtool: onPath('promtool'),
  prometheus: onPath('prometheus'),
  amtool: onPath('amtool'),
  'prometheus-alertmanager': onPath('prometheus-alertmanager'),
  chromium: onPath('chromium'),
  python3: onPath('python3'),
  openssl: onPath('openssl'),
  strace: onPath('strace'),
  faketime: onPath('faketime'),
  postgres: postgresBin(),
  pgbouncer: onPath('pgbouncer') ?? ['/usr/sbin/pgbouncer'].find((path) => existsSync(path)),
  /** Real payloads and other people's test data, beside the repository; none of it is committed. */
  shared: existsSync(join(shared, 'samples')) ? shared : undefined,
};
export type Counterpart = keyof typeof FOUND;

/** Path of a counterpart that the group's condition has found. */
export function pathOf(name: Counterpart): string {
  const path = FOUND[name];
  if (path === undefined) throw new Error(`${name} is not here; install it, or see CONTRIBUTING.md`);
  return path;
}

/**
 * Whether a group that needs these runs. In CI it always does, and fails where one is missing; but nobody else has other people's data, so that is
 * demanded by a variable of its own.
 */
export function have(...names: Counterpart[]): boolean {
  const isDemanded = (name: Counterpart) => (name === 'shared' ? process.env.MUSTER_DEMAND_SHARED === '1' : isCi);
  return names.every((name) => FOUND[name] !== undefined || isDemanded(name));
}

/** Counterparts that are missing, for the announcement. */
export const missing = (): Counterpart[] => (Object.keys(FOUND) as Counterpart[]).filter((name) => FOUND[name] === undefined);
