/** The enrollment of a factor: pending until the proof is right, and then active, or failed, expired or cancelled. */
import { z } from 'zod';
import { MusterError } from '../errors.ts';
import type { Vault } from '../privacy/vault.ts';
import { createAnswers } from './answers.ts';
import { acceptedStep, provisioning, SECRET_BYTES } from './factors/totp.ts';
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
  | { ok: false; attemptsLeft: number; reason: 'wrong_code' | 'failed' | 'ended' };

/** A new enrollment, with what is shown once. */
export interface Started {
  enrollment: EnrollmentView;
  challenge: ReturnType<typeof provisioning>;
  qrSvg: string;
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
  const setState = (row: EnrollmentRow, state: EnrollmentRow['state']): void => {
    storage.run('UPDATE enrollments SET state = ? WHERE id = ?', state, row.id);
    row.state = state;
  };
  /** A pending enrollment past its time is expired by whoever looks first. */
  const expireIfDue = (row: EnrollmentRow): void => {
    if (row.state !== 'pending' || row.expires_at > deps.now()) return;
    setState(row, 'expired');
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
        if (row.state === 'pending') {
          setState(row, 'cancelled');
          emit('enrollment.cancelled', fieldsOf(row));
        } else if (row.state !== 'cancelled') {
          throw new MusterError('MUSTER_CONFLICT', `the enrollment is ${row.state}; only a pending one can be cancelled`);
        }
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

    revoke(factorId: string): void {
      storage.transaction(() => {
        const row = storage.one<FactorRow>('SELECT * FROM factors WHERE id = ?', factorId);
        if (!row) throw new MusterError('MUSTER_NOT_FOUND', 'no factor has this id');
        if (row.state === 'revoked') return;
        storage.run(`UPDATE factors SET state = 'revoked' WHERE id = ?`, factorId);
        emit('factor.revoked', { factor_id: row.id, user: row.user, factor_type: row.factor_type });
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
    const step = acceptedStep(secret, code, deps.now(), 0);
    return step === undefined ? refuse(row) : activate(row, secret, step);
  }

  function refuse(row: EnrollmentRow): VerifyResult {
    const attemptsLeft = row.attempts_left - 1;
    storage.run('UPDATE enrollments SET attempts_left = ? WHERE id = ?', attemptsLeft, row.id);
    const cause = { error_class: 'client', error_code: 'wrong_code' };
    emit('enrollment.verification_failed', { ...fieldsOf(row), ...cause });
    if (attemptsLeft > 0) return { ok: false, attemptsLeft, reason: 'wrong_code' };
    setState(row, 'failed');
    emit('enrollment.failed', { ...fieldsOf(row), outcome: 'failure', error_class: 'client', error_code: 'too_many_wrong_codes' });
    return { ok: false, attemptsLeft: 0, reason: 'failed' };
  }

  function activate(row: EnrollmentRow, secret: Buffer, step: number): VerifyResult {
    const factorId = deps.newId();
    const nowMs = deps.now();
    storage.run(
      `INSERT INTO factors (id, user, factor_type, wrapped_secret, last_step, created_at, state) VALUES (?, ?, ?, ?, ?, ?, 'active')`,
      factorId,
      row.user,
      row.factor_type,
      vault.wrap(secret, factorId),
      step,
      nowMs,
    );
    storage.run(`UPDATE enrollments SET state = 'active', factor_id = ? WHERE id = ?`, factorId, row.id);
    row.state = 'active';
    row.factor_id = factorId;
    emit('enrollment.completed', { ...fieldsOf(row), factor_id: factorId, outcome: 'success', duration_ms: nowMs - row.created_at }, nowMs);
    return { ok: true, enrollment: view(row), factorId };
  }

  /** RFC 6238 section 5.2: a code is accepted once. The same proof again only repeats the answer; it proves nothing new. */
  function verifyAgain(row: EnrollmentRow, factorId: string, secret: Buffer, code: string): VerifyResult {
    const factor = storage.one<FactorRow>('SELECT * FROM factors WHERE id = ?', factorId);
    const isSameProof = acceptedStep(secret, code, deps.now(), (factor?.last_step ?? 0) - 1) === factor?.last_step;
    if (factor?.state !== 'active' || !isSameProof) throw new MusterError('MUSTER_CONFLICT', 'the enrollment is already complete');
    return { ok: true, enrollment: view(row), factorId };
  }
}
export type Core = ReturnType<typeof createCore>;
