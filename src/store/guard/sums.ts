/** Sums that stay numbers, of things that are worked out once. */

/** More than anything that is taken. */
export const MAX_SIZE = 1e9;

/** The sum over nodes, at most {@link MAX_SIZE}. */
export const total = <T>(nodes: readonly T[], of: (node: T) => number): number =>
  nodes.reduce((sum, node) => Math.min(MAX_SIZE, sum + of(node)), 0);

/** Remembers by what a key is, for as long as that is there; what leads back to itself is `meanwhile`. */
export function kept<Key extends object, Value>(work: (key: Key) => Value, meanwhile?: Value): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    if (meanwhile !== undefined) known.set(key, meanwhile);
    const value = work(key);
    known.set(key, value);
    return value;
  };
}
