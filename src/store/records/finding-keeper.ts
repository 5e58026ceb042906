/** Keeps the findings of one watcher: each opens once, is kept while it is seen, and closes; what cannot be written down now is written later. */
import type { Engine } from '../engine/engine.ts';
import { closed, type Finding, type Found, kept, opened } from './finding-life.ts';
import { openFindings, writeFindings } from './findings.ts';

export interface KeptFinding {
  finding: Finding;
  /** When it was seen last; of those that an earlier process left open, when this one began. */
  lastSeenMs: number;
}

export interface FindingKeeper {
  /** What is open, by the key of its place. */
  readonly open: ReadonlyMap<string, KeptFinding>;
  /** Seen at a place. @param sinceMs when it was seen there first, for one that is new; default `atMs` */
  see(key: string, found: Found, atMs: number, sinceMs?: number): void;
  /** Gone. @param endMs default when it was seen last */
  close(key: string, endMs?: number): void;
  /** Writes down what has changed. What fails is tried again the next time. */
  write(nowMs: number): Promise<void>;
}

/**
 * A keeper that goes on with what an earlier process left open.
 * @param keyOf the key of a finding's place; undefined for one that nobody keeps any more
 */
export async function openFindingKeeper(
  engine: Engine,
  detectors: readonly string[],
  keyOf: (finding: Finding) => string | undefined,
  atMs: number,
): Promise<FindingKeeper> {
  const open = new Map<string, KeptFinding>();
  for (const finding of await openFindings(engine, detectors)) {
    const key = keyOf(finding);
    if (key !== undefined) open.set(key, { finding, lastSeenMs: atMs });
  }
  const unwritten = new Map<string, Finding>();
  return {
    open,
    see(key, found, seenMs, sinceMs = seenMs) {
      const before = open.get(key)?.finding;
      const finding = before ? kept(before, found) : opened(found, sinceMs);
      open.set(key, { finding, lastSeenMs: seenMs });
      if (!before || JSON.stringify(before) !== JSON.stringify(finding)) unwritten.set(finding.id, finding);
    },
    close(key, endMs) {
      const last = open.get(key);
      if (!last) return;
      open.delete(key);
      unwritten.set(last.finding.id, closed(last.finding, endMs ?? last.lastSeenMs));
    },
    async write(nowMs) {
      const due = [...unwritten.values()];
      await writeFindings(engine, due, nowMs);
      // What was seen meanwhile is newer than what was written.
      for (const finding of due) if (unwritten.get(finding.id) === finding) unwritten.delete(finding.id);
    },
  };
}
