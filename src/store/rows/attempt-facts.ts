/**
 * What an attempt or a recovery keeps of its events, one table for each way of keeping it. State, `join`, row, columns and their migration follow
 * from these: a new fact is a line here, at the end of its table.
 */
import { COLUMN, type EventRow } from './event-row.ts';

/** Which events make something that starts, ends and settles. */
export interface Lifecycle {
  readonly started: string;
  readonly completed: string;
  /** Types that end it badly, and their order at one instant. */
  readonly failures: Readonly<Record<string, number>>;
  readonly isStep: (type: string) => boolean;
  /** The one that an event concerns. */
  readonly nameOf: (row: EventRow) => AttemptName | undefined;
  /** Whether a start that the API refused or failed is one too. */
  readonly hasRefusals: boolean;
}

export interface AttemptName {
  source: string;
  attemptId: string;
}

/** What stands beside the moment of a mark; numbers come back from the row as numbers. */
export type Part = 'text' | 'number';

interface MarkFact {
  readonly parts: readonly Part[];
  /** The parts, if this event sets the mark. */
  readonly of: (row: EventRow, lifecycle: Lifecycle) => readonly (string | number)[] | undefined;
}

/** A denial at this risk counts as an unauthorised attempt (contract, SLI M9). */
const HIGH_RISK = 0.8;

const typeOf = (row: EventRow) => row[COLUMN.type] as string;
const errorOf = (row: EventRow): readonly string[] => [row[COLUMN.error_class] as string, row[COLUMN.error_code] as string];
const NO_PARTS: readonly string[] = [];

/** The earliest of each kind is kept: its moment, then its parts, compared in that order. */
export const MARKS = {
  started: { parts: [], of: (row, { started }) => (typeOf(row) === started ? NO_PARTS : undefined) },
  completed: { parts: ['text', 'text'], of: (row, { completed }) => (typeOf(row) === completed ? errorOf(row) : undefined) },
  failed: {
    parts: ['number', 'text', 'text'],
    of: (row, { failures }) => {
      const rank = failures[typeOf(row)];
      return rank === undefined ? undefined : [rank, ...errorOf(row)];
    },
  },
  refused: { parts: ['text', 'text'], of: (row, { hasRefusals }) => (hasRefusals && isRefusedStart(row) ? errorOf(row) : undefined) },
  own_error: { parts: [], of: (row) => (isOwnError(row) ? NO_PARTS : undefined) },
  ux_abandoned: { parts: [], of: (row) => (typeOf(row) === 'ux.abandoned' ? NO_PARTS : undefined) },
  expires: {
    parts: ['number'],
    of: (row) => {
      const expiresAt = row[COLUMN.expires_at] as number | null;
      return expiresAt === null ? undefined : [expiresAt];
    },
  },
} as const satisfies Record<string, MarkFact>;
export type MarkName = keyof typeof MARKS;

/** The value of the first event that carries one. */
export const LABELS = [
  'factor_type',
  'provider',
  'region',
  'deployment',
  'client_version',
  'channel',
  'user_tier',
  'segment',
  'tenant',
  'environment',
  'user_ref',
] as const;
export type Label = (typeof LABELS)[number];

/** Whether any event says so. */
export const FLAGS = {
  /** There is an event of its lifecycle (`enrollment.*`, or start and end of a recovery). */
  enrolled: (row, { isStep }) => isStep(typeOf(row)),
  provider_requested: (row) => typeOf(row) === 'provider.request',
  provider_fell_back: (row) => typeOf(row) === 'provider.fallback',
  /** Denied with a high risk. */
  denied_at_risk: (row) => row[COLUMN.outcome] === 'denied' && ((row[COLUMN.risk_score] as number | null) ?? 0) >= HIGH_RISK,
  /** A person of the support helped. */
  assisted: (row) => row[COLUMN.assisted] === true,
} as const satisfies Record<string, (row: EventRow, lifecycle: Lifecycle) => boolean>;
export type FlagName = keyof typeof FLAGS;

/** A start that the API refused or failed: 5xx or 429 (contract, "Attempts"). */
export function isRefusedStart(row: EventRow): boolean {
  const status = row[COLUMN.http_status] as number | null;
  return typeOf(row) === 'api.request' && row[COLUMN.operation] === 'start' && status !== null && (status >= 500 || status === 429);
}

function isOwnError(row: EventRow): boolean {
  const status = row[COLUMN.http_status] as number | null;
  const errorClass = row[COLUMN.error_class];
  return (typeOf(row) === 'api.request' && status !== null && status >= 500) || errorClass === 'internal' || errorClass === 'storage';
}

/** Begins the `attempt_id` of a record that has to be joined; what follows is the record's own. */
export const JOINED = 'joined:';

/** Whether an event's attempt is found by joining: it says so, and names a person to join by. */
export const isToJoin = (row: EventRow): boolean =>
  (row[COLUMN.attempt_id] as string).startsWith(JOINED) &&
  row[COLUMN.user_ref] !== '' &&
  (row[COLUMN.type] as string).startsWith('enrollment.');
