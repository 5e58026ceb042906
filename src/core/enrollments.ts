/** The enrollment of a factor: pending until the proof is right, and then active, or failed, expired or cancelled. */
import { z } from 'zod';
import { MusterError } from '../errors.ts';
import type { Vault } from '../privacy/vault.ts';
import { createAnswers } from './answers.ts';
import { acceptedStep, clockOffset, provisioning, SECRET_BYTES } from './factors/totp.ts';
import { after, ENROLLMENT, FACTOR } from './lifecycle.ts';
import type { CoreStorage, EnrollmentRow, FactorRow } from './storage.ts';

/** A pending enrollment ends after this. NIST SP 800-63B-4 section 3.1.3.2 allows ten minutes for a secret out of band; the same here. */
export const TIME_TO_LIVE_MS = 600_000;
/** Wrong codes after which an enrollment fails. */
const MAX_WRONG_CODES = 5;

const label = z
  .string()
  .min(1)
  .max(64)
  .refine((text) => text.isWellFormed(), 'contains half of a surrogate pair, which is no text')
  .optional();

/** Body of `POST /core/v1/enrollments`. */
export const createSchema = z.strictObject({
  user: z
    .string()
    .min(1)
    .max(320)
    .refine((user) => user.isWellFormed(), 'contains half of a surrogate pair, which is no text'),
  factor_type: z.literal('totp', { error: 'expected totp, the factor that this version enrolls' }),
  traffic: z.enum(['user', 'synthetic', 'internal', 'bot']).optional(),
  channel: z.enum(['self_service', 'sso', 'admin', 'api', 'ci', 'recovery']).optional(),
  user_tier: z.enum(['standard', 'vip', 'privileged', 'service', 'node']).optional(),
  region: label,
  segment: label,
  tenant: label,
  environment: label,
  client_version: label,
});
/** Body of `POST /core/v1/enrollments/:id/verify`. */
export const verifySchema = z.strictObject({ code: z.string().max(16) });

/** Body of what is done to the factors of somebody. */
export const actSchema = z.strictObject({ actor: z.string().min(1).max(320).optional(), reason: z.string().min(1).max(128).optional() });

export type CreateRequest = z.infer<typeof createSchema>;

export interface EnrollmentView {
  id: string;
  state: EnrollmentRow['state'];
  factor_type: string;
  expires_at: string;
  factor_id?: string;
}

export type VerifyResult =
  | { ok: true; enrollment: EnrollmentView; factorId: string }
  | { ok: false; attemptsLeft: number; reason: 'wrong_code' | 'failed' | 'ended'; clockSeconds?: number };

/** A new enrollment, with what is shown once. */
export interface Started {
  enrollment: EnrollmentView;
  challenge: ReturnType<typeof provisioning>;
  qrSvg: string;
}

/** How many ended with an account. */
export interface Ended {
  enrollments: number;
  factors: number;
}

/** Who did something to a factor of somebody, and why. */
export interface Acted {
  actor?: string | undefined;
  reason?: string | undefined;
}

/** An event of the catalogue, as JSON. */
export type CoreEvent = Record<string, unknown>;

export interface CoreDeps {
  storage: CoreStorage;
  vault: Vault;
  now: () => number;
  random: (bytes: number) => Buffer;
  /** A new id, sortable by time. */
  newId: () => string;
  /** SVG of a QR code; fails when the text is too long for one. */
  qrSvg: (text: string) => Promise<string>;
  /** Named in every event. */
  deployment: string;
}

const SOURCE = 'muster-core';

/** The reference enrollment core. Every step and its event are one transaction. */
export function createCore(deps: CoreDeps) {
  const { storage, vault } = deps;
  const answers = createAnswers(deps);

  const emit = (type: string, fields: CoreEvent, timeMs = deps.now()) => {
    const event = { id: deps.newId(), type, time: new Date(timeMs).toISOString(), source: SOURCE, deployment: deps.deployment, ...fields };
    storage.run('INSERT INTO outbox (event) VALUES (?)', JSON.stringify(event));
  };
  const fieldsOf = (row: EnrollmentRow): CoreEvent => ({
    attempt_id: row.id,
    user: row.user,
    factor_type: row.factor_type,
    ...(JSON.parse(row.labels) as CoreEvent),
  });
  const view = (row: EnrollmentRow): EnrollmentView => ({
    id: row.id,
    state: row.state,
    factor_type: row.factor_type,
    expires_at: new Date(row.expires_at).toISOString(),
    ...(row.factor_id !== null && { factor_id: row.factor_id }),
  });
  const find = (id: string): EnrollmentRow => {
    const row = storage.one<EnrollmentRow>('SELECT * FROM enrollments WHERE id = ?', id);
    if (!row) throw new MusterError('MUSTER_NOT_FOUND', 'no enrollment has this id');
    return row;
  };
  const step = (row: EnrollmentRow, name: keyof typeof ENROLLMENT): void => {
    const state = after(ENROLLMENT, name, row.state, 'the enrollment');
    const changed = storage.run('UPDATE enrollments SET state = ? WHERE id = ? AND state = ?', state, row.id, row.state);
    if (changed !== 1) throw new Error('an enrollment changed while it was looked at');
    row.state = state;
  };
  const factorStep = (row: FactorRow, name: keyof typeof FACTOR): void => {
    const state = after(FACTOR, name, row.state, 'the factor');
    const changed = storage.run('UPDATE factors SET state = ? WHERE id = ? AND state = ?', state, row.id, row.state);
    if (changed !== 1) throw new Error('a factor changed while it was looked at');
    row.state = state;
  };
  const factor = (id: string): FactorRow => {
    const row = storage.one<FactorRow>('SELECT * FROM factors WHERE id = ?', id);
    if (row) return row;
    throw new MusterError('MUSTER_NOT_FOUND', 'no factor has this id');
  };
  const aboutFactor = ({ id, user, factor_type }: FactorRow): CoreEvent => ({ factor_id: id, user, factor_type });
  const cancelOpen = (rows: readonly EnrollmentRow[], reason: string): void => {
    for (const row of rows) {
      expireIfDue(row);
      if (row.state !== 'pending') continue;
      step(row, 'cancel');
      emit('enrollment.cancelled', { ...fieldsOf(row), error_code: reason });
    }
  };
  /** A pending enrollment past its time is expired by whoever looks first. */
  const expireIfDue = (row: EnrollmentRow): void => {
    if (row.state !== 'pending' || row.expires_at > deps.now()) return;
    step(row, 'expire');
    emit('enrollment.expired', { ...fieldsOf(row), error_class: 'expired' }, row.expires_at);
  };

  return {
    /**
     * Starts an enrollment: a new secret, shown once. Everything that may fail comes before the enrollment exists.
     * @param inside called with what is returned, in the same transaction
     * @throws MUSTER_BAD_ARGUMENT when the user does not fit into a QR code
     */
    async create(request: CreateRequest, inside: (started: Started) => void = () => {}): Promise<Started> {
      const { user, factor_type: factorType, ...labels } = request;
      const secret = deps.random(SECRET_BYTES);
      const challenge = provisioning(secret, user);
      const qrSvg = await deps.qrSvg(challenge.otpauthUri).catch((cause: unknown) => {
        throw new MusterError('MUSTER_BAD_ARGUMENT', 'user: too long for a QR code', { cause });
      });
      const nowMs = deps.now();
      const id = deps.newId();
      const row: EnrollmentRow = {
        id,
        user,
        factor_type: factorType,
        state: 'pending',
        wrapped_secret: vault.wrap(secret, id),
        attempts_left: MAX_WRONG_CODES,
        created_at: nowMs,
        expires_at: nowMs + TIME_TO_LIVE_MS,
        factor_id: null,
        labels: JSON.stringify(labels),
      };
      storage.transaction(() => {
        // Whoever starts again has not kept what was shown: one waits at a time.
        const open = `SELECT * FROM enrollments WHERE user = ? AND factor_type = ? AND state = 'pending'`;
        cancelOpen(storage.all<EnrollmentRow>(open, user, factorType), 'superseded');
        storage.run(
          `INSERT INTO enrollments (id, user, factor_type, state, wrapped_secret, attempts_left, created_at, expires_at, labels)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          id,
          user,
          factorType,
          row.state,
          row.wrapped_secret,
          row.attempts_left,
          row.created_at,
          row.expires_at,
          row.labels,
        );
        emit('enrollment.started', { ...fieldsOf(row), expires_at: view(row).expires_at }, nowMs);
        emit('enrollment.challenge_issued', fieldsOf(row), nowMs);
        inside({ enrollment: view(row), challenge, qrSvg });
      });
      return { enrollment: view(row), challenge, qrSvg };
    },

    get(id: string): EnrollmentView {
      return storage.transaction(() => {
        const row = find(id);
        expireIfDue(row);
        return view(row);
      });
    },

    /** Labels of an enrollment's events, for whoever reports requests about it. */
    labelsOf(id: string): CoreEvent | undefined {
      const row = storage.one<EnrollmentRow>('SELECT * FROM enrollments WHERE id = ?', id);
      return row && fieldsOf(row);
    },

    /**
     * Checks a code. A right one makes the factor active; sent again, it gives the same factor.
     * `ended`: the enrollment has expired, failed or was cancelled before.
     * @param inside called with what is returned, in the same transaction
     * @throws MUSTER_CONFLICT when it is active and the code is another
     */
    verify(id: string, code: string, inside: (result: VerifyResult) => void = () => {}): VerifyResult {
      return storage.transaction(() => {
        const row = find(id);
        expireIfDue(row);
        const result = proven(row, code);
        inside(result);
        return result;
      });
    },

    cancel(id: string): EnrollmentView {
      return storage.transaction(() => {
        const row = find(id);
        expireIfDue(row);
        if (row.state === 'cancelled') return view(row);
        step(row, 'cancel');
        emit('enrollment.cancelled', fieldsOf(row));
        return view(row);
      });
    },

    factorsOf(user: string) {
      const rows = storage.all<FactorRow>('SELECT * FROM factors WHERE user = ? ORDER BY created_at', user);
      return rows.map((row) => ({
        id: row.id,
        factor_type: row.factor_type,
        state: row.state,
        since: new Date(row.created_at).toISOString(),
      }));
    },

    /** For good; twice changes nothing. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    revoke(factorId: string): void {
      storage.transaction(() => {
        const row = factor(factorId);
        if (row.state === 'revoked') return;
        factorStep(row, 'revoke');
        emit('factor.revoked', aboutFactor(row));
      });
    },

    /** Until it is resumed; twice changes nothing. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    suspend(factorId: string, by: Acted, inside: () => void = () => {}): void {
      storage.transaction(() => {
        const row = factor(factorId);
        if (row.state !== 'suspended') {
          factorStep(row, 'suspend');
          emit('factor.suspended', { ...aboutFactor(row), ...by });
        }
        inside();
      });
    },

    /** Takes a suspension back. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    resume(factorId: string, by: Acted, inside: () => void = () => {}): void {
      storage.transaction(() => {
        const row = factor(factorId);
        factorStep(row, 'resume');
        emit('admin.action', { ...aboutFactor(row), ...by, action: 'factor.resume' });
        inside();
      });
    },

    /** An account has ended: what is open is cancelled, and every factor goes. Returns how many of each. */
    deprovision(user: string, by: Acted, inside: (ended: Ended) => void = () => {}): Ended {
      return storage.transaction(() => {
        const open = storage.all<EnrollmentRow>(`SELECT * FROM enrollments WHERE user = ? AND state = 'pending'`, user);
        cancelOpen(open, 'deprovisioned');
        const rows = storage.all<FactorRow>(`SELECT * FROM factors WHERE user = ? AND state IN ('active', 'suspended')`, user);
        for (const row of rows) {
          factorStep(row, 'deprovision');
          emit('factor.deprovisioned', { ...aboutFactor(row), ...by });
        }
        const ended = { enrollments: open.length, factors: rows.length };
        inside(ended);
        return ended;
      });
    },

    /** Ends what has waited too long. Returns how many. */
    expireDue(): number {
      return storage.transaction(() => {
        const rows = storage.all<EnrollmentRow>(
          `SELECT * FROM enrollments WHERE state = 'pending' AND expires_at <= ? LIMIT 1000`,
          deps.now(),
        );
        for (const row of rows) expireIfDue(row);
        return rows.length;
      });
    },

    /** Notes a start that failed for a reason of our own: an attempt all the same (contract, "Attempts"). Returns its id. */
    reportFailedStart(labels: CoreEvent): string {
      const attemptId = deps.newId();
      storage.transaction(() => {
        emit('enrollment.started', { ...labels, attempt_id: attemptId });
        emit('enrollment.failed', {
          ...labels,
          attempt_id: attemptId,
          outcome: 'failure',
          error_class: 'internal',
          error_code: 'start_failed',
        });
      });
      return attemptId;
    },

    /** Notes a served request for the SLIs of the API. */
    reportRequest(fields: CoreEvent): void {
      emit('api.request', fields);
    },

    answers,
  };

  function proven(row: EnrollmentRow, code: string): VerifyResult {
    const secret = vault.unwrap(row.wrapped_secret, row.id);
    if (row.state === 'active' && row.factor_id !== null) return verifyAgain(row, row.factor_id, secret, code);
    if (row.state !== 'pending') return { ok: false, attemptsLeft: 0, reason: 'ended' };
    const usedStep = acceptedStep(secret, code, deps.now(), 0);
    return usedStep === undefined ? refuse(row, clockOffset(secret, code, deps.now())) : activate(row, secret, usedStep);
  }

  /** @param clockSeconds how far the clock of the device is ahead, when that is all that is wrong */
  function refuse(row: EnrollmentRow, clockSeconds: number | undefined): VerifyResult {
    const attemptsLeft = row.attempts_left - 1;
    storage.run('UPDATE enrollments SET attempts_left = ? WHERE id = ?', attemptsLeft, row.id);
    const cause = { error_class: 'client', error_code: clockSeconds === undefined ? 'wrong_code' : 'clock_off' };
    const hint = clockSeconds === undefined ? {} : { clockSeconds };
    emit('enrollment.verification_failed', { ...fieldsOf(row), ...cause });
    if (attemptsLeft > 0) return { ok: false, attemptsLeft, reason: 'wrong_code', ...hint };
    step(row, 'fail');
    emit('enrollment.failed', { ...fieldsOf(row), outcome: 'failure', error_class: 'client', error_code: 'too_many_wrong_codes' });
    return { ok: false, attemptsLeft: 0, reason: 'failed', ...hint };
  }

  function activate(row: EnrollmentRow, secret: Buffer, usedStep: number): VerifyResult {
    const factorId = deps.newId();
    const nowMs = deps.now();
    storage.run(
      `INSERT INTO factors (id, user, factor_type, wrapped_secret, last_step, created_at, state) VALUES (?, ?, ?, ?, ?, ?, 'active')`,
      factorId,
      row.user,
      row.factor_type,
      vault.wrap(secret, factorId),
      usedStep,
      nowMs,
    );
    step(row, 'activate');
    storage.run('UPDATE enrollments SET factor_id = ? WHERE id = ?', factorId, row.id);
    row.factor_id = factorId;
    emit('enrollment.completed', { ...fieldsOf(row), factor_id: factorId, outcome: 'success', duration_ms: nowMs - row.created_at }, nowMs);
    return { ok: true, enrollment: view(row), factorId };
  }

  /** RFC 6238 section 5.2: a code is accepted once. The same proof again only repeats the answer; it proves nothing new. */
  function verifyAgain(row: EnrollmentRow, factorId: string, secret: Buffer, code: string): VerifyResult {
    const { state, last_step: lastStep } = factor(factorId);
    const isSameProof = acceptedStep(secret, code, deps.now(), lastStep - 1) === lastStep;
    if (state !== 'active' || !isSameProof) throw new MusterError('MUSTER_CONFLICT', 'the enrollment is already complete');
    return { ok: true, enrollment: view(row), factorId };
  }
}
export type Core = ReturnType<typeof createCore>;
