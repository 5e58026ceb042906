/** A reference core of its own, under a clock that a test sets; its messages are caught where they would be printed. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, TOTP } from 'otpauth';
import { createInbox, type Inbox } from '../../src/core/canary.ts';
import { type Core, createCore } from '../../src/core/core.ts';
import { openTokens } from '../../src/core/enrollment/token.ts';
import { createFlags, type IsRolledOut } from '../../src/core/policy/flags.ts';
import { openDelivery } from '../../src/core/providers/delivery.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/core/settings.ts';
import { openCoreStorage, type StorageOptions } from '../../src/core/storage/open.ts';
import type { CoreStorage } from '../../src/core/storage/storage.ts';
import { type FileKeys, openFileKeys } from '../../src/core/vault/file-keys.ts';
import { openVault, type Vault } from '../../src/core/vault/vault.ts';

export interface TestCore {
  core: Core;
  storage: CoreStorage;
  vault: Vault;
  keys: FileKeys;
  directory: string;
  nowMs: number;
  /** What was printed: `sms to +31…: 123456 is your code …`. */
  messages: string[];
  inbox: Inbox;
  /** Types of the events that wait in the outbox. */
  events(): Promise<string[]>;
  /** Those of one type. */
  eventsOf(type: string): Promise<Record<string, unknown>[]>;
  dispose(): Promise<void>;
}

export const CONSOLE: Settings['providers'] = [
  { kind: 'console', name: 'console', channels: ['sms', 'voice', 'email'], region: '', cost: {}, timeout: 5 },
];

export async function testCore(
  settings: Partial<Settings> = {},
  options: { storage?: StorageOptions; now?: () => number; directory?: string; isRolledOut?: IsRolledOut } = {},
): Promise<TestCore> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'muster-core-')));
  const storage = await openCoreStorage(options.storage ?? { kind: 'sqlite', path: join(directory, 'core.sqlite') });
  const all = { ...DEFAULT_SETTINGS, providers: CONSOLE, ...settings };
  const now = options.now ?? (() => made.nowMs);
  const messages: string[] = [];
  let core: Core | undefined;
  const made = { nowMs: Date.UTC(2026, 5, 1) } as TestCore;
  const keys = await openFileKeys(join(directory, 'vault-keys.json'), now);
  const vault = await openVault(keys, keys.secrets, now);
  const delivery = await openDelivery(all.providers, {
    now,
    secret: async () => 'secret',
    print: (line) => messages.push(line),
    onCircuit: (...change) => void core?.reportCircuit(...change),
  });
  let ids = 0;
  const run = randomUUID().slice(0, 8);
  const inbox = createInbox();
  core = createCore({
    inbox,
    storage,
    vault,
    settings: all,
    delivery,
    tokens: openTokens(all.tokens, { now, onProblem: () => {} }),
    isRolledOut: options.isRolledOut ?? (await createFlags(all.rollout, `test-${randomUUID()}`)),
    now,
    random: randomBytes,
    newId: () => `${run}-${String(++ids).padStart(6, '0')}`,
    qrSvg: async () => '<svg/>',
    deployment: 'test',
  });
  const parsedEvents = async () =>
    (await storage.all<{ event: string }>('SELECT event FROM outbox ORDER BY n')).map(
      ({ event }) => JSON.parse(event) as Record<string, unknown>,
    );
  return Object.assign(made, {
    core,
    storage,
    vault,
    keys,
    directory,
    messages,
    inbox,
    events: async () => (await parsedEvents()).map(({ type }) => String(type)),
    eventsOf: async (type: string) => (await parsedEvents()).filter((event) => event.type === type),
    async dispose() {
      await storage.close();
      await rm(directory, { recursive: true, force: true });
    },
  });
}

/** The code of the last message that was caught. */
export function sentCode({ messages }: Pick<TestCore, 'messages'>): string {
  const code = / (\d{6}) /.exec(messages.at(-1)?.replace(/^.*?:/, '') ?? '')?.[1];
  if (code === undefined) throw new Error(`no code was sent: ${messages.at(-1)}`);
  return code;
}

/** Begins TOTP, with what gives its code of the moment. */
export async function beginTotp(made: TestCore, user = 'ada@example.org', now = () => made.nowMs) {
  const { enrollment, challenge } = await made.core.start({ user, factor_type: 'totp' }, undefined);
  const totp = new TOTP({ secret: Secret.fromBase32(String(challenge.secret)) });
  return { id: enrollment.id, secret: String(challenge.secret), code: (atMs = now()) => totp.generate({ timestamp: atMs }) };
}

/** Somebody with a TOTP factor, and what gives its codes. */
export async function enrollTotp(made: TestCore, user?: string) {
  const { id, code } = await beginTotp(made, user);
  const result = await made.core.verify(id, undefined, { code: code() });
  if (!result.isRight) throw new Error('a right code was refused');
  return { factor: String(result.enrollment.factor_id), code };
}
