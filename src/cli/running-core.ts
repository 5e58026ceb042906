/** The reference core with its storage and outbox, delivering into intake. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Intake } from '../collect/intake/intake.ts';
import type { Config } from '../config.ts';
import { type Ask, type CanaryResult, canaryRound, createInbox, type Inbox } from '../core/canary.ts';
import { type Core, createCore } from '../core/core.ts';
import { openTokens } from '../core/enrollment/token.ts';
import { flushOutbox } from '../core/ledger/outbox.ts';
import { createFlags } from '../core/policy/flags.ts';
import { openDelivery } from '../core/providers/delivery.ts';
import { loadSettings, type Settings } from '../core/settings.ts';
import { takeOldFactors } from '../core/storage/before.ts';
import { openCoreStorage } from '../core/storage/open.ts';
import type { CoreStorage } from '../core/storage/storage.ts';
import { type FileKeys, openFileKeys } from '../core/vault/file-keys.ts';
import { openVault, type Vault } from '../core/vault/vault.ts';
import { MusterError } from '../errors.ts';
import { FILES } from '../names.ts';
import type { VaultControl } from '../serve/routes/vault-control.ts';
import { oneAtATime } from '../system/one-at-a-time.ts';
import { repeat } from '../system/repeat.ts';
import { uuidV7 } from '../system/uuid.ts';
import { coreStorageOf } from './core-storage.ts';

const OUTBOX_EVERY_MS = 500;
const EXPIRE_EVERY_MS = 5_000;
const TIDY_EVERY_MS = 600_000;
/** For one request of the canary. */
const CANARY_MS = 15_000;
/** An older key may still open kept answers, which last a day. */
const KEY_KEPT_MS = 26 * 3_600_000;

export interface RunningCore {
  core: Core;
  settings: Settings;
  health: Core['health'];
  /** What the canary found in its last round. */
  canary: () => readonly CanaryResult[];
  vault: VaultControl;
  /** Delivers what waits in the outbox, soon. */
  flush(): void;
  /** Delivers what still waits, and closes. */
  close(): Promise<void>;
}

export interface RunningCoreDeps {
  config: Pick<Config, 'dataDir' | 'coreDatabaseUrl' | 'core' | 'coreKeys'>;
  /** What stands where the file says nothing. */
  defaults?: Partial<Settings>;
  intake: Intake;
  now: () => number;
  random: (bytes: number) => Buffer;
  deployment: string;
  qrSvg: (text: string) => Promise<string>;
  /** The core's own API, and the secret of this process, for the canary. */
  api: { url: string; token: string };
  /** A line for whoever looks at the terminal. */
  print: (line: string) => void;
  onProblem: (message: string) => void;
}

/** Opens the core of a data directory and lets it run: events are delivered, and what has waited too long is expired. */
export async function openCore(deps: RunningCoreDeps): Promise<RunningCore> {
  const { config, now, random } = deps;
  const settings = { ...(await loadSettings(config.core)), ...(config.core === undefined && deps.defaults) };
  const report = (message: string) => deps.onProblem(`core: ${message}`);
  const keysPath = config.coreKeys ?? join(config.dataDir, FILES.vaultKeys);
  const keys = await openFileKeys(keysPath, now);
  const vault = await openVault(keys, keys.secrets, now);
  const options = coreStorageOf(config);
  const storage = await openCoreStorage(options);
  try {
    await assertKeys(storage, vault, keysPath);
    if (options.kind === 'sqlite') await takeOver(storage, vault, join(config.dataDir, FILES.vaultKey));
    let core: Core | undefined;
    const delivery = await openDelivery(settings.providers, {
      now,
      secret: readSecret,
      print: deps.print,
      onCircuit: (state, provider, region) => {
        report(`the circuit of the provider ${provider} ${state}`);
        core?.reportCircuit(state, provider, region).catch((error: unknown) => report(messageOf(error)));
      },
    });
    const inbox = createInbox();
    core = createCore({
      inbox,
      storage,
      vault,
      settings,
      delivery,
      tokens: openTokens(settings.tokens, { now, onProblem: report }),
      isRolledOut: await createFlags(settings.rollout, `muster-core-${randomUUID()}`),
      now,
      random,
      newId: () => uuidV7(now(), random),
      qrSvg: deps.qrSvg,
      deployment: deps.deployment,
    });
    return run({ core, storage, vault, settings, keys, report, deliverTo: deps.intake, now, inbox, api: deps.api });
  } catch (error) {
    await storage.close();
    throw error;
  }
}

interface Parts {
  core: Core;
  storage: CoreStorage;
  vault: Vault;
  settings: Settings;
  keys: FileKeys;
  report: (message: string) => void;
  deliverTo: Intake;
  now: () => number;
  inbox: Inbox;
  api: RunningCoreDeps['api'];
}

/** Starts what goes on behind a core. */
function run(parts: Parts): RunningCore {
  const { core, storage, settings, report } = parts;
  const outbox = startOutbox(parts);
  const canary = startCanary(parts);
  const keeping = keepVault(parts);
  const expiring = repeat(EXPIRE_EVERY_MS, report);
  expiring.start(core.expireDue);
  const tidying = repeat(TIDY_EVERY_MS, report);
  tidying.start(async () => {
    await core.tidy();
    await core.reconcile();
    await keeping.tidy();
  });
  return {
    core,
    settings,
    health: core.health,
    canary: canary.results,
    vault: keeping.control,
    flush: outbox.flush,
    async close() {
      for (const each of [canary, expiring, tidying, keeping, outbox]) await each.stop();
      await storage.close();
    },
  };
}

/** Hands events over as they come. */
function startOutbox({ storage, vault, deliverTo, report }: Parts) {
  const deliver = async () => {
    await flushOutbox({ storage, vault, onProblem: report }, async (events) => {
      const { rejected, rejectedCount } = await deliverTo.accept(
        events.map((value) => ({ value })),
        'live',
      );
      const [first] = rejected;
      if (first) report(`${rejectedCount} of its own events were refused and are lost; the first: ${first.message}`);
    });
  };
  const delivering = repeat(OUTBOX_EVERY_MS, report);
  delivering.start(deliver);
  return {
    flush: () => void delivering.once(deliver).catch((error: unknown) => report(messageOf(error))),
    /** After what still waits is handed over. */
    async stop() {
      await delivering.stop();
      await deliver().catch((error: unknown) => report(`its events wait in the outbox: ${messageOf(error)}`));
    },
  };
}

/** Lets the canary enroll, where the settings ask for it. */
function startCanary({ core, settings, report, inbox, api, now }: Parts) {
  let results: readonly CanaryResult[] = [];
  const singing = settings.canary && repeat(settings.canary.every_minutes * 60_000, report);
  singing?.start(async () => {
    const deps = { ask: asking(api), inbox, newToken: core.canaryToken, clean: core.cleanCanary, now };
    results = await canaryRound(settings.canary?.factors, deps);
    const failed = results.filter(({ isGood }) => !isGood).map(({ factor, problem }) => `${factor}: ${problem}`);
    if (failed.length > 0) throw new Error(`the canary failed: ${failed.join('; ')}`);
  });
  return { results: () => results, stop: async () => singing?.stop() };
}

/** Names the lock under which keys are made and forgotten, by one process at a time. */
const KEYS = 'keys of the core';

/** Makes key-encryption keys, and forgets those under which nothing is sealed any more. */
function keepVault({ core, storage, vault, keys, report, now }: Parts) {
  // Two rotations at once would each think that theirs is the key in use.
  const once = oneAtATime();
  const alone = <T>(work: () => Promise<T>): Promise<T> =>
    once(() =>
      storage.transaction(async (statements) => {
        await statements.alone(KEYS);
        return work();
      }),
    );
  const control: VaultControl = {
    status: () => ({ keys: keys.list() }),
    async rotate() {
      await alone(keys.rotate);
      return { ...(await once(core.rewrap)), keys: keys.list() };
    },
  };
  return {
    control,
    async tidy() {
      // A key that another process has made is taken up, before the one of before is forgotten.
      await vault.renew();
      const [current, ...older] = keys.list();
      if (!current || older.length === 0 || now() - Date.parse(current.createdAt) < KEY_KEPT_MS) return;
      const { left, unreadable } = await once(core.rewrap);
      if (unreadable.length > 0) report(`older keys are kept, since these cannot be opened: ${unreadable.slice(0, 5).join(', ')}`);
      else if (left === 0) await alone(() => keys.retire(older.map(({ id }) => id)));
    },
    /** After the rotation that may be going on. */
    stop: () => once(async () => {}),
  };
}

/** Asks the API as an application does. */
const asking =
  ({ url, token }: RunningCoreDeps['api']): Ask =>
  async (method, path, body) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CANARY_MS),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Under other keys nothing would open, and no number would be known again. @throws MUSTER_CONFLICT */
async function assertKeys(storage: CoreStorage, vault: Vault, keysPath: string): Promise<void> {
  const mine = vault.mark('store', '');
  const theirs = await storage.transaction(async (statements) => {
    await statements.alone(KEYS);
    await statements.run('INSERT INTO keys_of_store (mark) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM keys_of_store)', mine);
    return statements.one<{ mark: string }>('SELECT mark FROM keys_of_store');
  });
  if (theirs?.mark !== mine)
    throw new MusterError(
      'MUSTER_CONFLICT',
      `the core's database was made with other keys than those in ${keysPath}: every process on it needs the same file (MUSTER_CORE_KEYS)`,
    );
}

/** What a version before left, with its key, which is of no use afterwards. */
async function takeOver(storage: CoreStorage, vault: Vault, keyPath: string): Promise<void> {
  const text = await readFile(keyPath, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  await takeOldFactors(storage, vault, Buffer.from(text.trim(), 'base64'));
  await rm(keyPath);
}

/** @throws MUSTER_NO_SUCH_FILE */
async function readSecret(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new MusterError('MUSTER_NO_SUCH_FILE', `${path}: the file with a provider's secret cannot be read`, { cause });
  });
  return text.replace(/\r?\n$/, '');
}
