/** API keys: 256 random bits each, kept as SHA-256, with what each may do. The file is read again when it changes. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { bindingSchema } from '../../collect/intake/key-binding.ts';
import { MusterError, systemCode } from '../../errors.ts';
import type { EventType } from '../../events/catalogue.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';

export const SCOPES = ['ingest', 'read', 'core', 'reveal', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

const SECRET_BYTES = 32;
const ID_BYTES = 4;
/** How a key looks: its id, by which it is looked up, and its secret. */
const KEY = /^muster_([0-9a-f]{8})_[A-Za-z0-9_-]{43}$/;
/** The file is looked at this often at most: so soon a revoked key is refused. */
const LOOK_EVERY_MS = 400;

const moment = z.iso.datetime({ offset: true });
const keySchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string().max(100),
  scopes: z.array(z.enum(SCOPES)).min(1),
  /** For `ingest`. */
  ...bindingSchema.shape,
  validFrom: moment.nullable(),
  validUntil: moment.nullable(),
  /** Requests per second, twice as many at once; null for no limit of its own. */
  ratePerSecond: z.number().positive().nullable(),
  createdAt: moment,
  revokedAt: moment.nullable(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const fileSchema = z.strictObject({ keys: z.array(keySchema) });

export type ApiKey = z.infer<typeof keySchema>;
/** A key as it is shown: never its digest. */
export interface ShownKey {
  id: string;
  name: string;
  scopes: Scope[];
  /** Only events of these sources and types; empty for any. */
  sources: string[];
  types: EventType[];
  anyTraffic: boolean;
  validFrom: string | null;
  validUntil: string | null;
  /** Requests per second, twice as many at once; null for no limit of its own. */
  ratePerSecond: number | null;
  createdAt: string;
  revokedAt: string | null;
}
export type KeyRequest = Pick<
  ApiKey,
  'name' | 'scopes' | 'sources' | 'types' | 'anyTraffic' | 'validFrom' | 'validUntil' | 'ratePerSecond'
>;

/** Told of a key before it is there; when it throws, nothing changes. */
export type Before = (key: ShownKey) => Promise<void>;

/** A new key: its text is told once. */
export interface CreatedKey {
  key: string;
  shown: ShownKey;
}

export interface KeyRegistry {
  /** Whether keys are wanted: their file was named, or any was ever seen. From then on every request needs one, whatever becomes of the file. */
  isConfigured(): boolean;
  /** The key that this text is, if it is one that may be used now. */
  find(text: string): ApiKey | undefined;
  /** The same by its id, for sessions. */
  byId(id: string): ApiKey | undefined;
  list(): ShownKey[];
  /** Makes a key. Its text is told here, once. */
  create(request: KeyRequest, before: Before): Promise<CreatedKey>;
  /** @throws MUSTER_NOT_FOUND */
  revoke(id: string): Promise<ShownKey>;
  /** Makes another key that may do the same; the old one ends after `graceMs`. @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT */
  rotate(id: string, graceMs: number, before: Before): Promise<CreatedKey>;
}

const digest = (text: string) => createHash('sha256').update(text).digest();
const shown = ({ sha256: _, ...key }: ApiKey): ShownKey => key;

/**
 * The keys of a file, which need not be there.
 * @throws MUSTER_BAD_ARGUMENT when the file holds something else: who sets up access must not go without by mistake
 */
export function openKeyRegistry(deps: {
  path: string;
  /** Whether somebody has named the file: then nobody is let in without a key, even if there is none yet. */
  isNamed: boolean;
  now: () => number;
  onProblem: (message: string) => void;
}): KeyRegistry {
  let keys = new Map<string, ApiKey>();
  let stamp = '';
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let isWanted = deps.isNamed;

  const load = () => {
    const next = stampOf(deps.path);
    if (next === stamp) return;
    if (next === '') throw new MusterError('MUSTER_INTERNAL', `${deps.path}: the file of keys is gone; those that were known go on`);
    keys = new Map(readKeys(deps.path).map((key) => [key.id, key]));
    isWanted ||= keys.size > 0;
    stamp = next;
  };
  const look = () => {
    const nowMs = deps.now();
    if (Math.abs(nowMs - lookedAtMs) < LOOK_EVERY_MS) return;
    lookedAtMs = nowMs;
    try {
      load();
    } catch (error) {
      // What was known goes on: a file that is being written must neither open nor close the house.
      deps.onProblem(error instanceof Error ? error.message : String(error));
    }
  };
  /** Each change is made on what the one before has left. */
  const alone = oneAtATime();
  const save = async (key: ApiKey) => {
    load();
    const all = [...new Map(keys).set(key.id, key).values()];
    await writeDurably(deps.path, `${JSON.stringify({ keys: all }, null, 2)}\n`);
    load();
    return shown(key);
  };
  const usable = (key: ApiKey | undefined): ApiKey | undefined => {
    const nowMs = deps.now();
    if (!key || key.revokedAt !== null) return undefined;
    if (key.validFrom !== null && nowMs < Date.parse(key.validFrom)) return undefined;
    if (key.validUntil !== null && nowMs >= Date.parse(key.validUntil)) return undefined;
    return key;
  };
  const make = async (request: KeyRequest, before: Before) => {
    const id = randomBytes(ID_BYTES).toString('hex');
    const key = `muster_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const createdAt = new Date(deps.now()).toISOString();
    const made = { ...request, id, createdAt, revokedAt: null, sha256: digest(key).toString('hex') };
    await before(shown(made));
    return { key, shown: await save(made) };
  };
  const existing = (id: string): ApiKey => {
    load();
    const key = keys.get(id);
    if (key) return key;
    throw new MusterError('MUSTER_NOT_FOUND', 'there is no such key; muster keys list shows them');
  };

  load();
  return {
    isConfigured() {
      look();
      return isWanted;
    },
    find(text) {
      look();
      const key = keys.get(KEY.exec(text)?.[1] ?? '');
      return key && timingSafeEqual(digest(text), Buffer.from(key.sha256, 'hex')) ? usable(key) : undefined;
    },
    byId(id) {
      look();
      return usable(keys.get(id));
    },
    list() {
      load();
      return [...keys.values()].map(shown);
    },
    create: (request, before) => alone(() => make(request, before)),
    revoke: (id) => alone(async () => save({ ...existing(id), revokedAt: new Date(deps.now()).toISOString() })),
    rotate: (id, graceMs, before) =>
      alone(async () => {
        const old = existing(id);
        if (!usable(old)) throw new MusterError('MUSTER_CONFLICT', `key ${id} has ended; make another one with muster keys create`);
        const { sha256: _, id: __, createdAt: ___, revokedAt: ____, ...request } = old;
        const made = await make(request, before);
        // A key never outlives the end that it was given.
        const endMs = Math.min(deps.now() + graceMs, old.validUntil === null ? Number.POSITIVE_INFINITY : Date.parse(old.validUntil));
        await save({ ...old, validUntil: new Date(endMs).toISOString() });
        return made;
      }),
  };
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

function readKeys(path: string): ApiKey[] {
  if (stampOf(path) === '') return [];
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: cannot be read as JSON; muster keys writes this file`, { cause });
  }
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data.keys;
  const [issue] = parsed.error.issues;
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: ${issue?.path.join('.')}: ${issue?.message}; muster keys writes this file`);
}
