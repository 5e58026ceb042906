/** What can be done about the core's key-encryption keys. */

export interface VaultStatus {
  /** Newest first: the first is in use. */
  keys: { id: string; createdAt: string }[];
}

export interface VaultRotation extends VaultStatus {
  /** Records that were sealed anew. */
  done: number;
  /** Those that changed meanwhile: they follow with the next change, or the next round. */
  left: number;
  /** Those that cannot be opened, by kind and id. */
  unreadable: string[];
}

export interface VaultControl {
  status(): VaultStatus;
  rotate(): Promise<VaultRotation>;
}
