/**
 * The life of a finding: it opens once, is kept while it is seen, and closes when it has gone, or when somebody decides that it is none, or another one
 * once more. Pure; whoever raises one writes it down.
 */

/** What somebody decided: that there is nothing, that it may be so, or that another finding says the same. */
export const VERDICTS = ['false', 'benign', 'duplicate'] as const;
export type FindingVerdict = (typeof VERDICTS)[number];

export interface Finding {
  id: string;
  kind: 'operational' | 'security';
  detector: string;
  severity: string;
  startMs: number;
  /** Null while it is open. */
  endMs: number | null;
  dimensions: Record<string, string>;
  evidence: Record<string, unknown>;
  /** ATT&CK techniques. */
  attack: readonly string[];
  status: 'open' | 'acknowledged' | 'resolved' | 'dismissed';
  /** Empty while nobody has decided. */
  verdict: FindingVerdict | '';
  decidedMs: number | null;
  /** The incident that it is part of; empty while it is in none. */
  incident?: string;
  /** Who has that incident. */
  assignee?: string;
}

/** What a detector says of a place where something is found for the first time. */
export type Found = Pick<Finding, 'kind' | 'detector' | 'severity' | 'dimensions' | 'evidence'> & {
  /** Tells this place from others of the detector, beside the moment. */
  place: readonly string[];
  /** ATT&CK techniques. @default none */
  attack?: readonly string[];
};

/** A finding that begins. @param atMs when it was seen first */
export const opened = ({ place, attack = [], ...found }: Found, atMs: number): Finding => ({
  ...found,
  id: [found.detector, ...place.filter((each) => each !== ''), new Date(atMs).toISOString()].join(':'),
  startMs: atMs,
  endMs: null,
  attack,
  status: 'open',
  verdict: '',
  decidedMs: null,
});

/** Seen again: with what is known now. What has become a page stays one. */
export const kept = (finding: Finding, now: Pick<Finding, 'severity' | 'evidence'>): Finding => ({
  ...finding,
  // Whether somebody looks at it is said by its incident.
  status: finding.status === 'acknowledged' ? 'open' : finding.status,
  evidence: now.evidence,
  severity: finding.severity === 'page' ? 'page' : now.severity,
});

/** @param endMs when it was seen last */
export const closed = (finding: Finding, endMs: number): Finding => ({ ...finding, endMs, status: 'resolved' });

/** Somebody has looked and says that it is none: it stays so, whatever its detector still sees. @param atMs when that was said */
export const dismissed = (finding: Finding, verdict: FindingVerdict, atMs: number): Finding => ({
  ...finding,
  endMs: finding.endMs ?? atMs,
  status: 'dismissed',
  verdict,
  decidedMs: atMs,
});

/** Says the same as another one, which stays. */
export const merged = (finding: Finding, into: Pick<Finding, 'id'>, atMs: number): Finding =>
  dismissed({ ...finding, evidence: { ...finding.evidence, duplicate_of: into.id } }, 'duplicate', atMs);
