/** Whoever holds the key-encryption keys: a file here; a key management service or a hardware module fill the same interface. */
export interface KeyEncryption {
  /** Of the key that new data keys are wrapped under: up to 255 bytes. */
  current(): string;
  /** Wraps a data key under the current key, bound to that key, and says which it was. */
  wrap(dataKey: Buffer): Promise<{ keyId: string; wrapped: Buffer }>;
  /** @throws when no such key is held, or the bytes were altered */
  unwrap(keyId: string, wrapped: Buffer): Promise<Buffer>;
}
