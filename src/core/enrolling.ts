/** The enrollment of a factor: pending until the proof is right, and then active, or failed, expired or cancelled. */
import { MusterError } from '../errors.ts';
import { parsed } from '../parsed.ts';
import { normalised } from '../privacy/identifier.ts';
import { createBinding, duplicate, type VerifyResult } from './binding.ts';
import type { Challenge, Kept, Renewal, Surroundings } from './factors/factor.ts';
import { FACTORS, type FactorType } from './factors/index.ts';
import type { Inside, Ledger } from './ledger.ts';
import { TIME_TO_LIVE_MS } from './lifecycle.ts';
import { type Opened, ownerOfEnrollment } from './opened.ts';
import { type Decision, decide } from './policy/policy.ts';
import { aboutEnrollment, type EnrollmentRow, type EnrollmentView, enrollmentView, type FactorRow, subjectOf } from './records.ts';
import { LABELS, type StartRequest } from './requests.ts';
import type { Sender } from './sending.ts';
import type { Asked } from './sends.ts';
import type { Settings } from './settings.ts';
import type { CoreStorage, Statements } from './storage/storage.ts';
import { traced, traceparent } from './telemetry.ts';
import type { BoundToken } from './token.ts';
import type { Vault } from './vault/vault.ts';

/** A new enrollment, or another challenge of one, with what is shown once. */
export interface Started {
  enrollment: EnrollmentView;
  challenge: Record<string, unknown>;
}

/** What is done with the answer of a start, each in the transaction that it is about. */
export interface StartHooks {
  /** The enrollment is there, and its answer has to wait for a provider. */
  begun?(statements: Statements, id: string): Promise<void>;
  answered?: Inside<Started>;
  /** Nobody took the message. */
  failed?: Inside<MusterError>;
}

const nothing = async () => {};

export interface EnrollingDeps {
  storage: CoreStorage;
  vault: Vault;
  ledger: Ledger;
  opened: Opened;
  sender: Sender;
  settings: Settings;
  isRolledOut: (type: FactorType, user: string, region: string | undefined) => Promise<boolean>;
  now: () => number;
  random: (bytes: number) => Buffer;
  newId: () => string;
  /** SVG of a QR code; fails when the text is too long for one. */
  qrSvg: (text: string) => Promise<string>;
  /** Proves a factor of the person, as a log-in does, that is worth enough for a new one. @throws MUSTER_STEP_UP_REQUIRED */
  stepUp: (user: string, type: FactorType, stepUp: NonNullable<StartRequest['step_up']>) => Promise<void>;
}

export function createEnrolling(deps: EnrollingDeps) {
  const { storage, vault, ledger, opened, sender, settings, now } = deps;
  const { proven } = createBinding(deps);

  const around = (id: string, user: string, hardware?: Kept): Surroundings => ({
    id,
    user,
    nowMs: now(),
    random: deps.random,
    vault,
    hardware,
  });

  return {
    /**
     * Starts an enrollment: a challenge, shown once. Everything that may be refused is, before the enrollment exists.
     * @throws MUSTER_POLICY_REFUSED, MUSTER_STEP_UP_REQUIRED, MUSTER_DUPLICATE_FACTOR, MUSTER_RATE_LIMITED, MUSTER_TOKEN_USED,
     * MUSTER_PROVIDER_FAILED with `attempt_id` when nobody took the message
     */
    async start(request: StartRequest, token: BoundToken | undefined, hooks: StartHooks = {}): Promise<Started> {
      const user = normalised(request.user);
      const epoch = await ledger.epochOf(user);
      const decision = decide(settings.policy, { tier: request.user_tier, segment: request.segment });
      await assertOffered(request, user, decision);
      const id = deps.newId();
      const begun = FACTORS[request.factor_type].begin(request, around(id, request.user, await hardwareOf(request)));
      const identity = identityOf(request.factor_type, begun.kept);
      // What would be refused in any case uses no proof up.
      assertRoom(await ledger.liveFactorsOf(storage, user), request, identity, decision);
      await assertSteppedUp(request, user, decision, token);
      const row = newRow({ id, request, user, begun, token });
      const started: Started = { enrollment: enrollmentView(row), challenge: await shownOf(begun.shown) };
      const asked = begun.message && sender.asked(begun.message, row);
      await storage.transaction(async (statements) => {
        // A reset while it was decided: what was allowed before is to be asked for anew.
        if ((await ledger.lock(statements, user)) !== epoch)
          throw new MusterError('MUSTER_CONFLICT', 'the factors of this person were reset at this moment; start again');
        if (token) await token.use(statements, id);
        assertRoom(await ledger.liveFactorsOf(statements, user), request, identity, decision);
        await open(statements, row, asked);
        if (asked) await hooks.begun?.(statements, id);
        else await hooks.answered?.(statements, started);
      });
      return asked ? deliverFirst({ row, asked, started, decision, hooks }) : started;
    },

    async get(id: string): Promise<EnrollmentView> {
      const row = await ledger.enrollment(storage, id);
      if (row.state !== 'pending' || now() < row.expires_at) return enrollmentView(row);
      return ledger.withEnrollment(id, async (_, current) => enrollmentView(current));
    },

    /** What is in the QR code of a pending enrollment. @throws MUSTER_NOT_FOUND when there is none */
    async otpauthUri(id: string): Promise<string> {
      const row = await ledger.enrollment(storage, id);
      const { uri } = FACTORS[row.factor_type];
      if (uri && row.state === 'pending' && now() < row.expires_at)
        return uri(await vault.open<Kept>(row.sealed, ownerOfEnrollment(row)), row.user_id);
      throw new MusterError('MUSTER_NOT_FOUND', 'this enrollment has no QR code, or has ended');
    },

    /**
     * Checks a proof. A right one makes the factor active; sent again, it gives the same factor.
     * @throws MUSTER_CONFLICT when it is active and the proof is another, MUSTER_BAD_ARGUMENT, MUSTER_VAULT_CLOSED
     */
    verify: (id: string, body: unknown, inside: Inside<VerifyResult> = nothing): Promise<VerifyResult> =>
      traced('enrollment.verify', { attributes: { 'muster.attempt_id': id } }, () =>
        opened.enrollment(id, async (statements, row, kept) => {
          const result = await proven(statements, row, { kept, proof: parsed(FACTORS[row.factor_type].proof, body) });
          await inside(statements, result);
          return result;
        }),
      ),

    /**
     * Makes another challenge: the code is sent again, or the device gets a new number.
     * @throws MUSTER_CONFLICT when it has ended or needs none, MUSTER_RATE_LIMITED before its time, MUSTER_PROVIDER_FAILED
     */
    async resend(id: string, inside: Inside<Started> = nothing): Promise<Started> {
      const first = await opened.enrollment(id, async (statements, row, kept) => {
        assertPending(row);
        const { again } = FACTORS[row.factor_type];
        if (!again)
          throw new MusterError('MUSTER_CONFLICT', `nothing is sent for ${row.factor_type}: the device makes its codes by itself`);
        sender.assertMaySend(row, now());
        const next = again(kept, around(id, row.user_id));
        const asked = next.message && sender.asked(next.message, row);
        if (asked) await sender.reserve(statements, asked);
        await ledger.changeEnrollment(statements, row, sender.another(row, now()));
        const made = asked ? undefined : await renew(statements, row, { kept, next, inside });
        return { row, next, asked, made };
      });
      if (!first.asked) return first.made as Started;
      const { row: seen, next, asked } = first;
      const sent = await sender.send(asked, seen, decide(settings.policy, subjectOf(seen)).allowed);
      const result = await opened.enrollment(id, async (statements, row, kept) => {
        await sender.settle(statements, asked, sent, aboutEnrollment(row));
        // A code takes the place of the one before once somebody has taken it: until then the one before is right.
        if (!sent.accepted || row.state !== 'pending') return undefined;
        return renew(statements, row, { kept, next, inside, shown: sent.shown, destination: asked.message.to });
      });
      if (result) return result;
      assertPending(await ledger.enrollment(storage, id));
      throw sender.failure(id);
    },

    /** Cancelled twice is cancelled. @throws MUSTER_NOT_FOUND, MUSTER_ILLEGAL_TRANSITION */
    cancel: (id: string): Promise<EnrollmentView> =>
      ledger.withEnrollment(id, async (statements, row) => {
        if (row.state === 'cancelled') return enrollmentView(row);
        await ledger.step(statements, row, 'cancel');
        await ledger.emit(statements, 'enrollment.cancelled', aboutEnrollment(row));
        return enrollmentView(row);
      }),

    /** Ends what has waited too long. Returns how many. */
    async expireDue(): Promise<number> {
      const due = await storage.all<{ id: string }>(
        `SELECT id FROM enrollments WHERE state = 'pending' AND expires_at <= ? ORDER BY expires_at LIMIT 1000`,
        now(),
      );
      for (const { id } of due) await ledger.withEnrollment(id, async () => {});
      return due.length;
    },
  };

  function identityOf(type: FactorType, kept: Kept): string {
    return vault.mark(type, FACTORS[type].identity(kept));
  }

  /** @throws MUSTER_POLICY_REFUSED */
  async function assertOffered(request: StartRequest, user: string, decision: Decision): Promise<void> {
    const { factor_type: type, region } = request;
    const { channel } = FACTORS[type].traits;
    const refusal = !decision.allowed.has(type)
      ? `the policy does not allow ${type} for this person`
      : channel && !sender.offers(channel)
        ? `no provider for ${channel} is configured`
        : !(await deps.isRolledOut(type, user, region))
          ? `${type} is not offered to this person yet`
          : undefined;
    if (refusal === undefined) return;
    const cause = { action: 'enrollment.start', outcome: 'denied', error_class: 'policy' };
    await storage.transaction((statements) =>
      ledger.emit(statements, 'access.blocked', { user, factor_type: type, ...labelsOf(request), ...cause }),
    );
    throw new MusterError('MUSTER_POLICY_REFUSED', `${refusal}; GET /core/v1/enrollments/options says what is`);
  }

  /** NIST SP 800-63B-4 section 4.1.2.1: whoever has a factor proves it before another is bound. @throws MUSTER_STEP_UP_REQUIRED */
  async function assertSteppedUp(request: StartRequest, user: string, decision: Decision, token: BoundToken | undefined): Promise<void> {
    if (request.step_up) return deps.stepUp(user, request.factor_type, request.step_up);
    if (!decision.isStepUpRequired || token?.isStrong || !(await ledger.mustStepUp(storage, user))) return;
    throw new MusterError('MUSTER_STEP_UP_REQUIRED', 'this person has a factor: send its proof in step_up, or a token of a log-in with it');
  }

  /** Counts and duplicates, under the lock. @throws MUSTER_POLICY_REFUSED, MUSTER_DUPLICATE_FACTOR, MUSTER_NOT_FOUND */
  function assertRoom(
    factors: readonly FactorRow[],
    { factor_type: type, replaces }: StartRequest,
    identity: string,
    decision: Decision,
  ): void {
    const same = factors.filter((factor) => factor.factor_type === type);
    if (replaces !== undefined && !same.some(({ id }) => id === replaces))
      throw new MusterError('MUSTER_NOT_FOUND', `replaces: this person has no live ${type} with this id`);
    const others = same.filter(({ id }) => id !== replaces);
    if (others.length >= decision.max(type))
      throw new MusterError(
        'MUSTER_POLICY_REFUSED',
        `this person has ${others.length} of ${type}, and may have no more: revoke one, or replace it`,
      );
    if (others.some((factor) => factor.identity === identity)) throw duplicate(type);
  }

  function newRow({
    id,
    request,
    user,
    begun,
    token,
  }: {
    id: string;
    request: StartRequest;
    user: string;
    begun: Challenge;
    token: BoundToken | undefined;
  }): EnrollmentRow {
    const nowMs = now();
    return {
      id,
      user_id: user,
      factor_type: request.factor_type,
      state: 'pending',
      version: 0,
      sealed: vault.seal(begun.kept, ownerOfEnrollment({ id, user_id: user })),
      failures: 0,
      sends: 1,
      may_send_at: sender.mayNextAt(1, nowMs),
      created_at: nowMs,
      expires_at: nowMs + TIME_TO_LIVE_MS,
      factor_id: null,
      replaces: request.replaces ?? null,
      token_id: token?.id ?? null,
      trace: traceparent(),
      labels: JSON.stringify(labelsOf(request)),
    };
  }

  async function open(statements: Statements, row: EnrollmentRow, asked: Asked | undefined): Promise<void> {
    // Whoever starts again has not kept what was shown: one waits at a time.
    const waiting = (await ledger.openOf(statements, row.user_id)).filter((each) => each.factor_type === row.factor_type);
    await ledger.cancelOpen(statements, waiting, 'superseded');
    if (asked) await sender.reserve(statements, asked);
    await insert(statements, row);
    const expiry = { expires_at: enrollmentView(row).expires_at };
    await ledger.emit(statements, 'enrollment.started', { ...aboutEnrollment(row), ...expiry }, row.created_at);
    if (!asked) await ledger.emit(statements, 'enrollment.challenge_issued', aboutEnrollment(row), row.created_at);
  }

  /** The first code is kept before it is sent: there is none before it that could be lost. */
  async function deliverFirst({ row, asked, started, decision, hooks }: FirstDelivery): Promise<Started> {
    const { id } = row;
    const sent = await sender.send(asked, row, decision.allowed);
    const failure = sender.failure(id);
    const ended = new MusterError('MUSTER_CONFLICT', 'the enrollment has ended meanwhile; start a new one', { fields: { attempt_id: id } });
    const finish = (statements: Statements, current: EnrollmentRow) =>
      finishFirst(statements, current, { asked, sent, started, hooks, failure });
    const result = await ledger.withEnrollment(id, finish).catch((cause: unknown) => {
      // The enrollment is there: whoever reports the failure must not count another attempt.
      if (cause instanceof MusterError)
        throw new MusterError(cause.code, cause.message, { cause, fields: { ...cause.fields, attempt_id: id } });
      throw cause instanceof Error ? Object.assign(cause, { attemptId: id }) : cause;
    });
    if (result) return result;
    throw sent.accepted ? ended : failure;
  }

  async function finishFirst(
    statements: Statements,
    current: EnrollmentRow,
    { asked, sent, started, hooks, failure }: FirstSent,
  ): Promise<Started | undefined> {
    const about = aboutEnrollment(current);
    await sender.settle(statements, asked, sent, about);
    if (current.state !== 'pending') return undefined;
    if (!sent.accepted) {
      await ledger.step(statements, current, 'fail');
      await ledger.emit(statements, 'enrollment.failed', { ...about, outcome: 'failure', ...sent.cause });
      await hooks.failed?.(statements, failure);
      return undefined;
    }
    const made = { ...started, challenge: { ...started.challenge, ...sent.shown } };
    await ledger.emit(statements, 'enrollment.challenge_issued', { ...about, destination: asked.message.to });
    await hooks.answered?.(statements, made);
    return made;
  }

  async function renew(
    statements: Statements,
    row: EnrollmentRow,
    { kept, next, inside, shown = {}, destination }: Renewed,
  ): Promise<Started> {
    await ledger.changeEnrollment(statements, row, { sealed: vault.seal(next.apply(kept), ownerOfEnrollment(row)), trace: traceparent() });
    await ledger.emit(statements, 'enrollment.challenge_issued', {
      ...aboutEnrollment(row),
      ...(destination !== undefined && { destination }),
    });
    const made = { enrollment: enrollmentView(row), challenge: { ...next.shown, ...shown } };
    await inside(statements, made);
    return made;
  }

  async function shownOf(shown: Challenge['shown']): Promise<Record<string, unknown>> {
    if (typeof shown.otpauth_uri !== 'string') return shown;
    const qr = await deps.qrSvg(shown.otpauth_uri).catch((cause: unknown) => {
      throw new MusterError('MUSTER_BAD_ARGUMENT', 'user: too long for a QR code', { cause });
    });
    return { ...shown, qr_svg: qr };
  }

  async function hardwareOf({ factor_type: type, serial }: StartRequest): Promise<Kept | undefined> {
    if (type !== 'hardware_otp') return undefined;
    const number = String(serial);
    const found = await storage.one<{ sealed: Uint8Array }>(
      'SELECT sealed FROM hardware_tokens WHERE serial = ? AND factor_id IS NULL',
      number,
    );
    return found && vault.open<Kept>(found.sealed, { kind: 'hardware_token', user: '', id: number });
  }
}

interface FirstDelivery {
  row: EnrollmentRow;
  asked: Asked;
  started: Started;
  decision: Decision;
  hooks: StartHooks;
}

interface FirstSent extends Pick<FirstDelivery, 'asked' | 'started' | 'hooks'> {
  sent: Awaited<ReturnType<Sender['send']>>;
  failure: MusterError;
}

interface Renewed {
  kept: Kept;
  next: Renewal;
  inside: Inside<Started>;
  shown?: Record<string, unknown>;
  destination?: string;
}

function assertPending({ state }: EnrollmentRow): void {
  if (state !== 'pending') throw new MusterError('MUSTER_CONFLICT', 'the enrollment has ended; start a new one');
}

const labelsOf = (request: StartRequest): Record<string, unknown> =>
  Object.fromEntries(LABELS.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]));

const insert = (statements: Statements, row: EnrollmentRow) =>
  statements.run(
    `INSERT INTO enrollments (id, user_id, factor_type, state, version, sealed, failures, sends, may_send_at, created_at, expires_at, replaces,
     token_id, trace, labels) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    row.id,
    row.user_id,
    row.factor_type,
    row.state,
    row.version,
    row.sealed,
    row.failures,
    row.sends,
    row.may_send_at,
    row.created_at,
    row.expires_at,
    row.replaces,
    row.token_id,
    row.trace,
    row.labels,
  );
