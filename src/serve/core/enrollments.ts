/** Routes of enrollments. */
import { z } from 'zod';
import type { Started } from '../../core/enrollment/first-delivery.ts';
import { challengeSchema, proofSchema, startSchema, userSchema } from '../../core/enrollment/requests.ts';
import type { VerifyResult } from '../../core/enrollment/verify-enrollment.ts';
import { FACTOR_TYPES } from '../../core/factors/index.ts';
import type { Answer } from '../../core/ledger/kept-answers.ts';
import { TIERS } from '../../core/policy/policy.ts';
import { MusterError } from '../../errors.ts';
import { parsed } from '../../system/parsed-body.ts';
import { bodyOf, problemBody } from '../problem.ts';
import { type CoreRoute, param } from './route.ts';

const factorType = z.enum(FACTOR_TYPES);
const enrollment = z.object({
  id: z.string(),
  state: z.enum(['pending', 'active', 'failed', 'expired', 'cancelled']),
  factor_type: factorType,
  expires_at: z.iso.datetime(),
  factor_id: z.string().optional(),
});
const started = enrollment.extend({
  challenge: challengeSchema,
});
const optionsQuery = z.object({
  user: userSchema.optional(),
  user_tier: z.enum(TIERS).optional(),
  segment: z.string().max(64).optional(),
  region: z.string().max(64).optional(),
});
const options = z.object({
  user: z.string(),
  allowed: z.array(
    z.object({ factor_type: factorType, assurance: z.number(), is_restricted: z.boolean(), warning: z.string().optional() }),
  ),
  required: z.array(factorType),
  missing: z.array(factorType),
  is_step_up_required: z.boolean(),
});

export const enrollmentRoutes: readonly CoreRoute[] = [
  {
    method: 'post',
    path: '/enrollments',
    operation: 'start',
    id: 'startEnrollment',
    summary: 'Starts the enrollment of a factor',
    takesToken: true,
    body: startSchema,
    answers: { 201: ['pending, with the challenge', started] },
    async work({ core, request, token, keep, begin, release }) {
      const made = await core.start(parsed(startSchema, request.body), token, {
        begun: begin,
        answered: (statements, result) => keep(statements, startedAnswer(result), result.enrollment.id),
        ended: (statements, error) => keep(statements, { status: error.kind.status, body: bodyOf(error) }, String(error.fields.attempt_id)),
        failed: release,
      });
      return startedAnswer(made);
    },
  },
  {
    method: 'get',
    path: '/enrollments/options',
    operation: 'other',
    id: 'enrollmentOptions',
    summary: 'Says what a person may and should enroll',
    takesToken: true,
    query: optionsQuery,
    answers: { 200: ['by the policy, the flags and the providers of this moment', options] },
    async work({ core, request, token }) {
      const { user, ...kind } = parsed(optionsQuery, request.query);
      if (user === undefined && token === undefined) throw new MusterError('MUSTER_BAD_ARGUMENT', 'user: expected who it is about');
      return { status: 200, body: { ...(await core.options({ user: user ?? '', ...kind }, token)) } };
    },
  },
  {
    method: 'get',
    path: '/enrollments/:id',
    operation: 'other',
    id: 'getEnrollment',
    summary: 'The state of an enrollment',
    takesToken: true,
    answers: { 200: ['as it is now', enrollment] },
    work: async (asked) => ({ status: 200, body: { ...(await asked.core.get(param(asked, 'id'), asked.token)) } }),
  },
  {
    method: 'get',
    path: '/enrollments/:id/qr.png',
    operation: 'other',
    id: 'getQrCode',
    summary: 'The QR code of a pending enrollment of TOTP or HOTP as an image',
    takesToken: true,
    answers: { 200: ['never cached', 'image/png'] },
    async work(asked) {
      const uri = await asked.core.otpauthUri(param(asked, 'id'), asked.token);
      return { status: 200, body: {}, image: await asked.qrPng(uri) };
    },
  },
  {
    method: 'delete',
    path: '/enrollments/:id',
    operation: 'cancel',
    id: 'cancelEnrollment',
    summary: 'Cancels a pending enrollment',
    takesToken: true,
    answers: { 200: ['cancelled', enrollment] },
    work: async (asked) => ({ status: 200, body: { ...(await asked.core.cancel(param(asked, 'id'), asked.token)) } }),
  },
  {
    method: 'post',
    path: '/enrollments/:id/verify',
    operation: 'verify',
    id: 'verifyEnrollment',
    isAnswer: true,
    summary: 'Proves the factor: a code, or what the device signed',
    takesToken: true,
    body: proofSchema,
    answers: { 200: ['active, with the factor', enrollment], 422: ['a wrong proof', problemBody] },
    async work(asked) {
      const id = param(asked, 'id');
      const keep = (statements: Parameters<typeof asked.keep>[0], result: VerifyResult) =>
        asked.keep(statements, verifiedAnswer(result), id);
      return verifiedAnswer(await asked.core.verify(id, asked.token, asked.request.body, keep));
    },
  },
  {
    method: 'post',
    path: '/enrollments/:id/resend',
    operation: 'resend',
    id: 'resendChallenge',
    summary: 'Sends another code, or makes another number',
    takesToken: true,
    answers: { 200: ['with the new challenge', started] },
    async work(asked) {
      const id = param(asked, 'id');
      const answer = (made: Started) => ({ ...startedAnswer(made), status: 200 });
      return answer(await asked.core.resend(id, asked.token, (statements, made) => asked.keep(statements, answer(made), id)));
    },
  },
];

const startedAnswer = ({ enrollment: made, challenge }: Started): Answer => ({ status: 201, body: { ...made, challenge } });

function verifiedAnswer(result: VerifyResult): Answer {
  if (result.isRight) return { status: 200, body: { ...result.enrollment, ...result.fields } };
  const { reason, hint, attemptsLeft, fields } = result;
  const extra = { ...fields, attempts_left: attemptsLeft };
  if (reason === 'ended') return problemAnswer('MUSTER_CONFLICT', hint ?? 'the enrollment has ended; start a new one', extra);
  const said =
    reason === 'failed' ? 'the code is wrong, and the enrollment has failed: start a new one' : 'the code is wrong, or was used before';
  return problemAnswer('MUSTER_WRONG_PROOF', hint === undefined ? said : `${said}; ${hint}`, extra);
}

/** An answer that is a problem, and yet one that was decided: kept for its Idempotency-Key like any other. */
export function problemAnswer(code: 'MUSTER_CONFLICT' | 'MUSTER_WRONG_PROOF', detail: string, extra: Record<string, unknown>): Answer {
  const error = new MusterError(code, detail, { fields: extra });
  return { status: error.kind.status, body: bodyOf(error) };
}
