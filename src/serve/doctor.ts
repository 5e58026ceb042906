/** `muster doctor`: what is wrong with an installation, and with --production whether it is ready for one, each point with its evidence. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SECRET_EXPOSURE } from '../collect/intake/exposures.ts';
import type { People } from '../collect/people/people.ts';
import type { Config } from '../config.ts';
import { FILES } from '../names.ts';
import { readDeliveries } from '../publish/notify/deliveries.ts';
import { alertSenders, deliveriesOf, heartbeats } from '../publish/notify/senders.ts';
import type { Store } from '../store/store.ts';
import { diskUse, secondsUntilFull, tableUse } from '../store/upkeep/disk.ts';
import { DAY_MS } from '../system/time.ts';
import type { KeyRegistry } from './access/keys.ts';
import { isLoopback } from './listen.ts';

export type Grade = 'ok' | 'warning' | 'wrong';

export interface Diagnosis {
  check: string;
  grade: Grade;
  /** What was seen. */
  evidence: string;
  /** What to do, unless all is well. */
  advice?: string;
}

export interface DoctorDeps {
  config: Config;
  store: Store;
  people: People;
  keys: KeyRegistry;
  now: () => number;
}

type Graded = Omit<Diagnosis, 'check'>;

interface Check {
  name: string;
  /** Only of an installation that others depend on. */
  isForProduction?: boolean;
  look: (seen: DoctorDeps) => Promise<Graded> | Graded;
}

const MIN_FREE_SHARE = 0.1;
const DAY_S = DAY_MS / 1_000;
const FULL_SOON_S = 30 * DAY_S;
const MAX_LAG_S = 10;
const ROTATE_AFTER_MS = 400 * DAY_MS;
const SECRET_FILES = [
  FILES.keyRing,
  FILES.identityKey,
  FILES.auditKey,
  FILES.vaultKeys,
  FILES.vaultKey,
  FILES.clickhouseKey,
  FILES.keys,
  FILES.references,
  FILES.core,
  FILES.address,
];

const ok = (evidence: string): Graded => ({ grade: 'ok', evidence });
const warning = (evidence: string, advice: string): Graded => ({ grade: 'warning', evidence, advice });
const wrong = (evidence: string, advice: string): Graded => ({ grade: 'wrong', evidence, advice });
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
/** How many there are. @param from a table with its condition; `{day:Int64}` is a day ago */
const count = async ({ store, now }: DoctorDeps, from: string): Promise<number> =>
  (await store.read.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM ${from}`, { day: now() - DAY_MS }))[0]?.n ?? 0;

/** A heart that has not beaten for so long beats no more. */
const BEATS_MS = 5 * 60_000;

/** What became of what was sent, not what is configured. @param withinMs how long ago at most it was taken */
async function delivered(
  routes: readonly { name: string }[],
  config: Config,
  now: () => number,
  ifNever: string,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<Graded> {
  const deliveries = await readDeliveries(deliveriesOf(config));
  const ago = (ms: number) => `${Math.max(0, Math.round((now() - ms) / 1_000))} s ago`;
  const said = routes.map(({ name }) => {
    const { takenMs = null, failedMs = null, why = '' } = deliveries[name] ?? {};
    if (failedMs !== null && failedMs > (takenMs ?? 0)) return { grade: 'wrong' as const, text: `${name} failed ${ago(failedMs)}: ${why}` };
    if (takenMs === null) return { grade: 'never' as const, text: `${name} was sent nothing yet` };
    return { grade: now() - takenMs > withinMs ? ('wrong' as const) : ('ok' as const), text: `${name} took what was sent ${ago(takenMs)}` };
  });
  const evidence = said.map(({ text }) => text).join('; ');
  if (said.some(({ grade }) => grade === 'wrong'))
    return wrong(evidence, 'look at the receiver and its address; muster alert test tries again');
  return said.some(({ grade }) => grade === 'never') ? warning(evidence, ifNever) : ok(evidence);
}

/** The registry of checks: one entry each. */
const CHECKS: readonly Check[] = [
  {
    name: 'files that hold secrets are for their owner alone',
    async look({ config }) {
      const open: string[] = [];
      for (const name of SECRET_FILES) {
        const entry = await stat(join(config.dataDir, name)).catch(() => undefined);
        if (entry && (entry.mode & 0o077) !== 0) open.push(name);
      }
      const { mode } = await stat(config.dataDir);
      if ((mode & 0o077) !== 0) open.push('the directory itself');
      return open.length === 0 ? ok('modes 0600 and 0700') : wrong(`others may read ${open.join(', ')}`, `chmod -R go= ${config.dataDir}`);
    },
  },
  {
    name: 'ClickHouse answers',
    async look({ config, store }) {
      const [row] = await store.read.rows<{ version: string }>('SELECT version() AS version');
      const where =
        config.clickhouseUrl === undefined ? 'embedded' : `at ${new URL(config.clickhouseUrl).host}, database ${store.engine.database}`;
      return ok(`${row?.version}, ${where}`);
    },
  },
  {
    name: 'events are loaded in time',
    look({ store }) {
      const lag = store.loader.lagSeconds();
      const { unreadableRows } = store.loader.stats();
      if (lag > MAX_LAG_S) return wrong(`${lag.toFixed(0)} s behind`, 'look at the load of the machine and at what the process says');
      return ok(`${lag.toFixed(1)} s behind; ${unreadableRows} rows unreadable since the start`);
    },
  },
  {
    name: 'nothing of the log had to be set aside',
    async look({ config }) {
      const files = await readdir(join(config.dataDir, FILES.quarantine)).catch(() => [] as string[]);
      return files.length === 0
        ? ok('no quarantine')
        : warning(
            `${files.length} files in ${FILES.quarantine}/`,
            'look at the disk, then move the files away: muster findings has one for each',
          );
    },
  },
  {
    name: 'the disk has room',
    async look({ config, store, now }) {
      const disk = await diskUse(config.dataDir);
      const { freeBytes, totalBytes } = disk;
      const grownBytesPerDay = store.engine.isEmbedded ? (await tableUse(store.read, now())).grownBytesPerDay : 0;
      const untilFull = secondsUntilFull(disk, grownBytesPerDay);
      const days =
        untilFull === Number.POSITIVE_INFINITY
          ? 'nothing grows'
          : `full in ${Math.floor(untilFull / DAY_S)} days at ${gigabytes(grownBytesPerDay)} a day`;
      const evidence = `${gigabytes(freeBytes)} of ${gigabytes(totalBytes)} free, ${days}`;
      if (freeBytes < totalBytes * MIN_FREE_SHARE || untilFull < FULL_SOON_S) return warning(evidence, 'add disk, or keep less');
      return ok(evidence);
    },
  },
  {
    name: 'the audit log is unbroken',
    async look({ people }) {
      const { entries, broken } = await people.verifyAudit();
      return broken ? wrong(`entry ${broken.seq}: ${broken.why}`, 'somebody changed it: find out who could') : ok(`${entries} entries`);
    },
  },
  {
    name: 'the collector has seen the last day',
    async look(seen) {
      const missed = await count(seen, 'coverage_minutes WHERE covered = 0 AND minute > fromUnixTimestamp64Milli({day:Int64})');
      return missed === 0
        ? ok('every minute')
        : warning(`${missed} minutes missed`, 'figures of these minutes are not judged; see telemetry freshness');
    },
  },
  {
    name: 'what is sent is accepted',
    async look(seen) {
      const refused = await count(seen, 'dead_letters WHERE at > fromUnixTimestamp64Milli({day:Int64})');
      return refused === 0
        ? ok('nothing refused in the last day')
        : warning(
            `${refused} records refused in the last day`,
            'muster query "SELECT source, reason, count() FROM dead_letters GROUP BY ALL"',
          );
    },
  },
  {
    name: 'no secret arrives in the telemetry',
    async look(seen) {
      const open = await count(seen, `findings WHERE detector = '${SECRET_EXPOSURE}' AND end IS NULL`);
      return open === 0 ? ok('none in the last day') : warning(`${open} places send secrets`, 'muster findings says which; stop it there');
    },
  },
  {
    name: 'requests need a key',
    isForProduction: true,
    look({ keys }) {
      const usable = keys.list().filter(({ revokedAt }) => revokedAt === null);
      return usable.length > 0
        ? ok(`${usable.length} keys, scopes ${[...new Set(usable.flatMap(({ scopes }) => scopes))].join(', ')}`)
        : wrong(
            'there are no keys: whoever reaches the port may do everything',
            'muster keys create --scope admin, and one for each application',
          );
    },
  },
  {
    name: 'keys do not live for ever',
    isForProduction: true,
    look({ keys, now }) {
      const old = keys
        .list()
        .filter((key) => key.revokedAt === null && key.validUntil === null && now() - Date.parse(key.createdAt) > ROTATE_AFTER_MS);
      return old.length === 0
        ? ok('none is older than 400 days')
        : warning(`${old.map(({ id }) => id).join(', ')} are older than 400 days`, 'muster keys rotate ID');
    },
  },
  {
    name: 'what travels is encrypted',
    isForProduction: true,
    look({ config }) {
      if (config.tlsCert !== undefined) return ok(config.tlsClientCa === undefined ? 'TLS' : 'TLS with certificates of clients');
      if (config.behindProxy) return ok('a proxy in front speaks TLS');
      return isLoopback(config.host) ? ok('only this machine is listened to') : wrong('no TLS', 'give --tls-cert and --tls-key');
    },
  },
  {
    name: 'somebody is told',
    isForProduction: true,
    look({ config, now }) {
      const routes = alertSenders(config, now);
      if (routes.length > 0) return delivered(routes, config, now, 'muster alert test sends one through every route');
      return warning(
        'Muster itself tells nobody',
        'set MUSTER_ALERTMANAGER_URL or MUSTER_WEBHOOK_URL, or let Prometheus or Grafana alert with the generated rules; then muster alert test',
      );
    },
  },
  {
    name: 'silence is noticed from outside',
    isForProduction: true,
    look: ({ config, now }) =>
      config.heartbeatUrl === undefined
        ? warning('no heartbeat', "set MUSTER_HEARTBEAT_URL to a dead-man's switch: a process that is gone tells nobody")
        : delivered(heartbeats(config, now), config, now, 'it is called with the first evaluation: look again in a minute', BEATS_MS),
  },
  {
    name: 'links lead here',
    isForProduction: true,
    look: ({ config }) =>
      isLoopback(new URL(config.baseUrl).hostname)
        ? warning(`alerts link to ${config.baseUrl}`, 'set MUSTER_BASE_URL to the address by which people reach Muster')
        : ok(config.baseUrl),
  },
];

/** Looks at everything, one after the other; a check that fails itself is wrong too. */
export async function examine(deps: DoctorDeps, isProduction: boolean): Promise<Diagnosis[]> {
  const findings: Diagnosis[] = [];
  for (const { name, isForProduction, look } of CHECKS) {
    if (isForProduction && !isProduction) continue;
    try {
      findings.push({ check: name, ...(await look(deps)) });
    } catch (error) {
      findings.push({
        check: name,
        ...wrong(`could not be looked at: ${error instanceof Error ? error.message : String(error)}`, 'see the log of the process'),
      });
    }
  }
  return findings;
}
