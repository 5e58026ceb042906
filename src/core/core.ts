/** The reference enrollment core, put together. Every step and its event are one transaction. */

import { MusterError } from '../errors.ts';
import { createActiveFactors, type Options } from './active/active-factors.ts';
import type { UseResult } from './active/log-in-outcome.ts';
import { createStepUp } from './active/step-up.ts';
import type { Inbox } from './canary.ts';
import { createCanaryUpkeep } from './canary-upkeep.ts';
import type { Started, StartHooks } from './enrollment/first-delivery.ts';
import { importTokens } from './enrollment/hardware-tokens.ts';
import { createPendingEnrollments } from './enrollment/pending-enrollment.ts';
import type { HardwareTokens, StartRequest } from './enrollment/requests.ts';
import { createEnrollmentStart } from './enrollment/start-enrollment.ts';
import { assertIssuedSince, type BoundToken, type Tokens } from './enrollment/token.ts';
import type { VerifyResult } from './enrollment/verify-enrollment.ts';
import { dropForgotten } from './ledger/forgotten.ts';
import { createAnswers } from './ledger/kept-answers.ts';
import { createLedger, type Inside } from './ledger/ledger.ts';
import { reconcile } from './ledger/reconcile.ts';
import type { EnrollmentRow } from './ledger/records.ts';
import { rewrap } from './ledger/rewrap.ts';
import { createUnsealThenLock } from './ledger/unseal-then-lock.ts';
import { createLimits, type Limited } from './limits.ts';
import { createSender } from './messages/sending.ts';
import type { IsRolledOut } from './policy/flags.ts';
import type { Tier } from './policy/policy.ts';
import type { Delivery } from './providers/delivery.ts';
import { createReports } from './reports.ts';
import type { Settings } from './settings.ts';
import type { CoreStorage } from './storage/storage.ts';
import type { Vault } from './vault/vault.ts';

/** Ended enrollments are of use for as long as somebody may ask what became of one. */
const ENDED_KEPT_MS = 30 * 86_400_000;

export interface CoreDeps {
  storage: CoreStorage;
  vault: Vault;
  settings: Settings;
  delivery: Delivery;
  tokens: Tokens;
  isRolledOut: IsRolledOut;
  inbox?: Inbox;
  now: () => number;
  random: (bytes: number) => Buffer;
  /** A new id, sortable by time. */
  newId: () => string;
  /** SVG of a QR code; fails when the text is too long for one. */
  qrSvg: (text: string) => Promise<string>;
  /** Named in every event. */
  deployment: string;
}

/** Whom the options are asked for. */
interface Who {
  user: string;
  user_tier?: Tier | undefined;
  segment?: string | undefined;
  region?: string | undefined;
}

/** What a browser cannot say of the person: the host application does, in the token. */
const NOT_THEIRS = ['user_tier', 'segment', 'region', 'tenant', 'environment', 'traffic'] as const;

/** What a token says goes; what the browser says of its own kind does not. @throws MUSTER_TOKEN_REFUSED */
function theirs(request: StartRequest, { user, about }: BoundToken): Partial<StartRequest> {
  if (user !== request.user) throw new MusterError('MUSTER_TOKEN_REFUSED', 'the enrollment token is of another person');
  if (request.channel !== undefined && request.channel !== 'self_service')
    throw new MusterError('MUSTER_TOKEN_REFUSED', 'the enrollment token goes with the channel self_service alone');
  const said = NOT_THEIRS.find((name) => request[name] !== undefined);
  if (said !== undefined)
    throw new MusterError('MUSTER_TOKEN_REFUSED', `the enrollment token does not go with ${said}: it says by itself who it is of`);
  return about;
}

export type Core = ReturnType<typeof createCore>;

/** Puts the core together. Nothing here is opened or started; whoever composes it gives what it needs. */
export function createCore(deps: CoreDeps) {
  const { storage, settings, delivery, tokens, now } = deps;
  const ledger = createLedger(deps);
  const answers = createAnswers(deps);
  const limits = createLimits(settings.limits);
  const sender = createSender({ ...deps, ledger });
  const unsealed = createUnsealThenLock({ ...deps, ledger });
  const factors = createActiveFactors({ ...deps, ledger, unsealed, sender });
  const stepUp = createStepUp({ storage, ledger, factors, admit: (user) => admit('proof', user) });
  const starting = createEnrollmentStart({ ...deps, ledger, sender, stepUp });
  const enrolling = createPendingEnrollments({ ...deps, ledger, unsealed, sender });

  const admit = (what: Limited, user: string) =>
    limits.person(what, user, () =>
      storage.transaction((statements) =>
        ledger.emit(statements, 'access.rate_limited', { user, action: `enrollment.${what}`, error_class: 'rate_limit' }),
      ),
    );
  /** A token speaks for its own person and its own enrollment alone. */
  const assertTheirs = async (id: string, token: string | undefined): Promise<void> => {
    if (token === undefined) return;
    const bound = await tokens.toGoOn(token);
    assertIssuedSince(bound, await ledger.notBeforeOf(storage, bound.user));
    const row = await storage.one<Pick<EnrollmentRow, 'token_id'>>('SELECT token_id FROM enrollments WHERE id = ?', id);
    if (row?.token_id !== bound.id) throw new MusterError('MUSTER_TOKEN_REFUSED', 'the enrollment token is not that of this enrollment');
  };

  return {
    answers,
    factors,
    limits,
    health: delivery.health,

    /**
     * @param token of the host application, when the browser sends the request itself: it says who the person is, and of what kind
     * @throws MUSTER_TOKEN_REFUSED, and what {@link createEnrollmentStart} says
     */
    async start(request: StartRequest, token: string | undefined, hooks?: StartHooks): Promise<Started> {
      const bound = token === undefined ? undefined : await tokens.toStart(token);
      const asked = bound ? { ...request, ...theirs(request, bound) } : request;
      await admit('start', request.user);
      return starting.start(asked, bound, hooks);
    },
    /** Whether a token is one of the issuer's at all. @throws MUSTER_TOKEN_REFUSED */
    async assertToken(token: string): Promise<void> {
      await tokens.toGoOn(token);
    },
    async verify(id: string, token: string | undefined, body: unknown, inside?: Inside<VerifyResult>): Promise<VerifyResult> {
      await assertTheirs(id, token);
      const { user_id: user } = await ledger.enrollment(storage, id);
      await admit('proof', user);
      return enrolling.verify(id, body, inside);
    },
    async resend(id: string, token: string | undefined, inside?: Inside<Started>): Promise<Started> {
      await assertTheirs(id, token);
      return enrolling.resend(id, inside);
    },
    async get(id: string, token: string | undefined) {
      await assertTheirs(id, token);
      return enrolling.get(id);
    },
    async otpauthUri(id: string, token: string | undefined): Promise<string> {
      await assertTheirs(id, token);
      return enrolling.otpauthUri(id);
    },
    async cancel(id: string, token: string | undefined) {
      await assertTheirs(id, token);
      return enrolling.cancel(id);
    },
    /** What somebody may and should enroll; a token says who it is. */
    async options(who: Who, token: string | undefined): Promise<Options & { user: string }> {
      const bound = token === undefined ? undefined : await tokens.toGoOn(token);
      if (bound) assertIssuedSince(bound, await ledger.notBeforeOf(storage, bound.user));
      const { user, user_tier: tier, segment, region } = bound ? { ...bound.about, user: bound.user } : who;
      return { user, ...(await factors.optionsFor(user, { tier, segment }, region)) };
    },
    async use(id: string, body: unknown, inside?: Inside<UseResult>): Promise<UseResult> {
      const { user_id: user } = await ledger.factor(storage, id);
      await admit('proof', user);
      return factors.use(id, body, inside);
    },

    ...createReports({ storage, ledger, newId: deps.newId }),
    ...createCanaryUpkeep(deps),
    importTokens: (rows: HardwareTokens, inside?: Inside<number>) => importTokens(rows, deps, inside),
    reconcile: () => reconcile({ storage, ledger }),
    rewrap: () => rewrap({ ...deps, ledger }),
    expireDue: enrolling.expireDue,
    /** Takes away what is of no use any more. */
    async tidy(): Promise<void> {
      await answers.tidy();
      await dropForgotten(storage, now());
      await storage.run("DELETE FROM enrollments WHERE state <> 'pending' AND created_at < ?", now() - ENDED_KEPT_MS);
    },
  };
}
