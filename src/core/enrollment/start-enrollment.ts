/** The start of an enrollment: everything that may be refused is, and then there is a challenge, shown once or on its way. */
import { MusterError } from '../../errors.ts';
import type { Challenge } from '../factors/factor.ts';
import { FACTORS } from '../factors/index.ts';
import { TIME_TO_LIVE_MS } from '../ledger/lifecycle.ts';
import { aboutEnrollment, type EnrollmentRow, enrollmentView } from '../ledger/records.ts';
import { ownerOfEnrollment } from '../ledger/unseal-then-lock.ts';
import type { SendRequest } from '../messages/sends.ts';
import { decide } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { Statements } from '../storage/storage.ts';
import { traceparent } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';
import { type AdmissionDeps, createAdmission } from './admission.ts';
import { createFirstDelivery, type Started, type StartHooks } from './first-delivery.ts';
import { labelsOf, type StartRequest } from './requests.ts';
import { assertIssuedSince, type BoundToken } from './token.ts';

export interface EnrollmentStartDeps extends AdmissionDeps {
  vault: Vault;
  settings: Settings;
  now: () => number;
  random: (bytes: number) => Buffer;
  newId: () => string;
  /** SVG of a QR code; fails when the text is too long for one. */
  qrSvg: (text: string) => Promise<string>;
}

/** Starts enrollments. */
export function createEnrollmentStart(deps: EnrollmentStartDeps) {
  const { storage, vault, ledger, sender, settings, now } = deps;
  const { assertOffered, assertSteppedUp, assertRoom } = createAdmission(deps);
  const deliverFirst = createFirstDelivery(deps);

  return {
    /**
     * Starts an enrollment: a challenge, shown once. Everything that may be refused is, before the enrollment exists.
     * @throws MUSTER_POLICY_REFUSED, MUSTER_STEP_UP_REQUIRED, MUSTER_DUPLICATE_FACTOR, MUSTER_RATE_LIMITED, MUSTER_TOKEN_USED,
     * MUSTER_PROVIDER_FAILED with `attempt_id` when nobody took the message
     */
    async start(request: StartRequest, token: BoundToken | undefined, hooks: StartHooks = {}): Promise<Started> {
      const { user } = request;
      const epoch = await ledger.epochOf(storage, user);
      const decision = decide(settings.policy, { tier: request.user_tier, segment: request.segment });
      await assertOffered(request, user, decision);
      const id = deps.newId();
      const factor = FACTORS[request.factor_type];
      const reserved = await factor.reserve?.(request, storage, vault);
      const setUps = await ledger.setUpsOf(storage, user, request.factor_type);
      const surroundings = { id, user, nowMs: now(), issuer: settings.issuer, setUps, random: deps.random, vault };
      const begun = factor.begin(request, surroundings, reserved);
      const identity = vault.mark(request.factor_type, factor.identity(begun.kept));
      const row = newRow({ id, request, user, begun, token });
      const started: Started = { enrollment: enrollmentView(row), challenge: await withQrCode(begun.shown, deps.qrSvg) };
      const asked = begun.message && sender.asked(begun.message, row);
      // What can be known to be refused uses no proof up.
      assertRoom(await ledger.liveFactorsOf(storage, user), request, identity, decision);
      await token?.assertUnused(storage);
      await assertSteppedUp(request, user, decision, token);
      await storage.transaction(async (statements) => {
        // A reset while it was decided: what was allowed before is to be asked for anew.
        if ((await ledger.lock(statements, user)) !== epoch)
          throw new MusterError('MUSTER_CONFLICT', 'the factors of this person were reset at this moment; start again');
        if (token) assertIssuedSince(token, await ledger.notBeforeOf(statements, user));
        await token?.assertUnused(statements);
        assertRoom(await ledger.liveFactorsOf(statements, user), request, identity, decision);
        await open(statements, row, asked);
        if (asked) await hooks.begun?.(statements, id);
        else await hooks.answered?.(statements, started);
      });
      return asked ? deliverFirst({ row, asked, started, decision, hooks }) : started;
    },
  };

  function newRow({ id, request, user, begun, token }: NewRow): EnrollmentRow {
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
      may_send_at: sender.another({ sends: 0, may_send_at: 0 }, nowMs).may_send_at,
      created_at: nowMs,
      expires_at: nowMs + TIME_TO_LIVE_MS,
      factor_id: null,
      replaces: request.replaces ?? null,
      token_id: token?.id ?? null,
      trace: traceparent(),
      labels: JSON.stringify(labelsOf(request)),
    };
  }

  async function open(statements: Statements, row: EnrollmentRow, asked: SendRequest | undefined): Promise<void> {
    // Whoever starts again has not kept what was shown: one waits at a time, of each factor and of each token.
    const isReplaced = (each: EnrollmentRow) =>
      each.factor_type === row.factor_type || (row.token_id !== null && each.token_id === row.token_id);
    const waiting = (await ledger.openOf(statements, row.user_id)).filter(isReplaced);
    await ledger.cancelOpen(statements, waiting, 'superseded');
    if (asked) await sender.reserve(statements, asked);
    await insert(statements, row);
    const expiry = { expires_at: enrollmentView(row).expires_at };
    await ledger.emit(statements, 'enrollment.started', { ...aboutEnrollment(row), ...expiry }, row.created_at);
    if (!asked) await ledger.emit(statements, 'enrollment.challenge_issued', aboutEnrollment(row), row.created_at);
  }
}

interface NewRow {
  id: string;
  request: StartRequest;
  user: string;
  begun: Challenge;
  token: BoundToken | undefined;
}

/** @throws MUSTER_BAD_ARGUMENT when the text is too long for a QR code */
async function withQrCode(shown: Challenge['shown'], qrSvg: EnrollmentStartDeps['qrSvg']): Promise<Record<string, unknown>> {
  if (typeof shown.otpauth_uri !== 'string') return shown;
  const qr = await qrSvg(shown.otpauth_uri).catch((cause: unknown) => {
    throw new MusterError('MUSTER_BAD_ARGUMENT', 'user: too long for a QR code', { cause });
  });
  return { ...shown, qr_svg: qr };
}

const insert = (statements: Statements, row: EnrollmentRow) =>
  statements.run(
    `INSERT INTO enrollments (id, user_id, factor_type, state, version, sealed, failures, sends, may_send_at, created_at, expires_at,
      replaces,
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
