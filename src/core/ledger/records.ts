/** Rows of the core's store as the code sees them. */
import type { FactorType } from '../factors/index.ts';
import type { Subject, Tier } from '../policy/policy.ts';
import type { EnrollmentState, FactorState } from './lifecycle.ts';

interface Challenged {
  id: string;
  /** As the events name the person, in its one spelling. */
  user_id: string;
  factor_type: FactorType;
  /** Changes with every change of the row. */
  version: number;
  sealed: Uint8Array;
  /** Wrong proofs: of an enrollment, all of them; of a factor, those since the last right one. */
  failures: number;
  /** Messages since the challenge began. */
  sends: number;
  /** Milliseconds, like every time here. */
  may_send_at: number;
  created_at: number;
  /** `traceparent` of the step that made the challenge. */
  trace: string | null;
  /** JSON of what every event about it says besides. */
  labels: string;
}

export interface EnrollmentRow extends Challenged {
  state: EnrollmentState;
  expires_at: number;
  factor_id: string | null;
  /** The factor whose place the new one takes. */
  replaces: string | null;
  token_id: string | null;
}

export interface FactorRow extends Challenged {
  state: FactorState;
  /** When it last became that, in milliseconds since 1970; 0 since it is there. */
  state_at: number;
  identity: string;
  used_at: number | null;
}

/** An event of the catalogue, as JSON. */
export type CoreEvent = Record<string, unknown>;

export interface EnrollmentView {
  id: string;
  state: EnrollmentState;
  factor_type: FactorType;
  expires_at: string;
  factor_id?: string;
}

export interface FactorView {
  id: string;
  factor_type: FactorType;
  state: FactorState;
  since: string;
  last_used?: string;
  /** Highest assurance level to which it contributes. */
  assurance: number;
  is_restricted: boolean;
}

const iso = (ms: number) => new Date(ms).toISOString();

/** An enrollment as the API shows it. */
export const enrollmentView = (row: EnrollmentRow): EnrollmentView => ({
  id: row.id,
  state: row.state,
  factor_type: row.factor_type,
  expires_at: iso(row.expires_at),
  ...(row.factor_id !== null && { factor_id: row.factor_id }),
});

/** Whom the policy sees in the labels of an enrollment or a factor. */
export function subjectOf({ labels }: Pick<Challenged, 'labels'>): Subject {
  const { user_tier: tier, segment } = JSON.parse(labels) as { user_tier?: Tier; segment?: string };
  return { ...(tier !== undefined && { tier }), ...(segment !== undefined && { segment }) };
}

/** What the events of an enrollment say. */
export const aboutEnrollment = (row: EnrollmentRow): CoreEvent => ({
  attempt_id: row.id,
  user: row.user_id,
  factor_type: row.factor_type,
  ...(JSON.parse(row.labels) as CoreEvent),
});

/** What the events of a factor say. */
export const aboutFactor = (row: FactorRow): CoreEvent => ({
  factor_id: row.id,
  user: row.user_id,
  factor_type: row.factor_type,
  ...(JSON.parse(row.labels) as CoreEvent),
});
