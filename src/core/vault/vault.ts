/**
 * The vault: what is secret is stored sealed alone. A data key, held in memory and wrapped beside what it seals, is taken for an hour or a
 * million records; each record is bound to its kind, its person, its id and the key-encryption key.
 */
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { MusterError } from '../../errors.ts';
import { decrypt, encrypt } from './gcm.ts';
import type { KeyEncryption } from './key-encryption.ts';

const KEY_BYTES = 32;
const FORMAT = 2;
/** Far below the 2^32 messages of SP 800-38D section 8.3 for nonces at random. */
const MAX_SEALED = 2 ** 20;
const MAX_AGE_MS = 3_600_000;
const MAX_OPENED_KEYS = 1_000;

/** Whose a sealed record is: it opens for no other. */
export interface Owner {
  kind: 'enrollment' | 'factor' | 'answer' | 'event' | 'hardware_token';
  /** Empty where it is nobody's yet. */
  user: string;
  id: string;
}

export interface Vault {
  /** A value of JSON, sealed. */
  seal(value: unknown, owner: Owner): Buffer;
  /** @throws MUSTER_VAULT_CLOSED when it cannot be opened, whatever the reason: never as if there were nothing */
  open<T>(sealed: Uint8Array, owner: Owner): Promise<T>;
  /** A keyed hash, by which the same number, address or key is known again; always the same. */
  mark(kind: string, text: string): string;
  /** A keyed hash under the newest pepper, or one of before. */
  pepper(text: string, version?: number): { version: number; digest: string };
  /** Whether this is sealed under the key-encryption key in use. */
  isCurrent(sealed: Uint8Array): boolean;
  /** Takes a new data key, under the key-encryption key in use. */
  renew(): Promise<void>;
}

export interface VaultSecrets {
  /** Of {@link Vault.mark}. */
  marks: Buffer;
  /** Newest first. */
  peppers: readonly { version: number; secret: Buffer }[];
}

interface DataKey {
  keyId: string;
  wrapped: Buffer;
  key: KeyObject;
  sealed: number;
  sinceMs: number;
}

const associated = ({ kind, user, id }: Owner, keyId: string) => Buffer.from(JSON.stringify(['muster', FORMAT, kind, user, id, keyId]));

/** Opens a vault: takes its first data key. */
export async function openVault(keys: KeyEncryption, secrets: VaultSecrets, now: () => number): Promise<Vault> {
  const make = async (): Promise<DataKey> => {
    const bytes = randomBytes(KEY_BYTES);
    return { ...(await keys.wrap(bytes)), key: createSecretKey(bytes), sealed: 0, sinceMs: now() };
  };
  let current = await make();
  let renewing: Promise<void> | undefined;
  const opened = new LRUCache<string, KeyObject>({ max: MAX_OPENED_KEYS });
  const renew = async () => {
    // One that was begun before a rotation is under the key of before.
    do {
      renewing ??= make()
        .then((made) => {
          current = made;
        })
        .finally(() => {
          renewing = undefined;
        });
      await renewing;
    } while (current.keyId !== keys.current());
  };
  const keyOf = async ({ keyId, wrapped }: Parts): Promise<KeyObject> => {
    const name = `${keyId}:${wrapped.toString('base64')}`;
    const key = opened.get(name) ?? createSecretKey(await keys.unwrap(keyId, wrapped));
    opened.set(name, key);
    return key;
  };

  return {
    seal(value, owner) {
      const { keyId, wrapped, key } = current;
      current.sealed += 1;
      // The old one may go on for the moment; a service of keys that is away must not stop what needs no new key.
      if (current.sealed > MAX_SEALED || now() - current.sinceMs > MAX_AGE_MS) void renew().catch(() => {});
      return joined({ keyId, wrapped, body: encrypt(key, Buffer.from(JSON.stringify(value)), associated(owner, keyId)) });
    },
    async open<T>(sealed: Uint8Array, owner: Owner): Promise<T> {
      try {
        const parts = taken(Buffer.from(sealed));
        return JSON.parse(decrypt(await keyOf(parts), parts.body, associated(owner, parts.keyId)).toString('utf8')) as T;
      } catch (cause) {
        throw new MusterError('MUSTER_VAULT_CLOSED', 'a secret that is needed for this cannot be opened', { cause });
      }
    },
    mark: (kind, text) =>
      createHmac('sha256', secrets.marks)
        .update(JSON.stringify([kind, text]))
        .digest('base64url'),
    pepper(text, version = secrets.peppers[0]?.version) {
      const pepper = secrets.peppers.find((each) => each.version === version);
      if (!pepper) throw new MusterError('MUSTER_VAULT_CLOSED', `the pepper ${version} is not held any more`);
      return { version: pepper.version, digest: createHmac('sha256', pepper.secret).update(text).digest('base64url') };
    },
    isCurrent(sealed) {
      try {
        return taken(Buffer.from(sealed)).keyId === keys.current();
      } catch {
        // Damaged: whoever opens it is told.
        return false;
      }
    },
    renew,
  };
}

interface Parts {
  keyId: string;
  wrapped: Buffer;
  body: Buffer;
}

/** format ‖ length of the key's id ‖ id ‖ length of the wrapped data key (two bytes) ‖ wrapped data key ‖ body */
function joined({ keyId, wrapped, body }: Parts): Buffer {
  const id = Buffer.from(keyId);
  const head = Buffer.from([FORMAT, id.length]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(wrapped.length);
  return Buffer.concat([head, id, length, wrapped, body]);
}

function taken(sealed: Buffer): Parts {
  if (sealed.readUInt8(0) !== FORMAT) throw new Error(`expected format ${FORMAT}, got ${sealed.readUInt8(0)}`);
  const idEnd = 2 + sealed.readUInt8(1);
  const keyEnd = idEnd + 2 + sealed.readUInt16BE(idEnd);
  return {
    keyId: sealed.subarray(2, idEnd).toString('utf8'),
    wrapped: sealed.subarray(idEnd + 2, keyEnd),
    body: sealed.subarray(keyEnd),
  };
}
