/** Routes of factors that are there, of the people who have them, and of hardware tokens. */
import { z } from 'zod';
import type { Ended } from '../../core/active/factor-changes.ts';
import type { UseResult } from '../../core/active/log-in-outcome.ts';
import { actSchema, challengeSchema, proofSchema, tokensSchema } from '../../core/enrollment/requests.ts';
import { FACTOR_TYPES } from '../../core/factors/index.ts';
import type { Answer } from '../../core/ledger/kept-answers.ts';
import { parsed } from '../../system/parsed-body.ts';
import { problemBody } from '../problem.ts';
import { problemAnswer } from './enrollments.ts';
import { type CoreRoute, param } from './route.ts';

const factorState = z.object({ id: z.string(), state: z.enum(['active', 'suspended', 'revoked', 'deprovisioned']) });
const factors = z.object({
  factors: z.array(
    factorState.extend({
      factor_type: z.enum(FACTOR_TYPES),
      since: z.iso.datetime(),
      last_used: z.iso.datetime().optional(),
      assurance: z.number(),
      is_restricted: z.boolean(),
    }),
  ),
});
const used = z.object({ id: z.string(), verified: z.literal(true) });
const ended = {
  deprovision: z.object({ enrollments_cancelled: z.number(), factors_deprovisioned: z.number() }),
  reset: z.object({ enrollments_cancelled: z.number(), factors_revoked: z.number() }),
};

const ok = (body: Record<string, unknown>): Answer => ({ status: 200, body });

const steps = (['suspend', 'resume'] as const).map(
  (step): CoreRoute => ({
    method: 'post',
    path: `/factors/:factor/${step}`,
    operation: 'admin',
    id: `${step}Factor`,
    summary: step === 'suspend' ? 'Suspends a factor until it is resumed' : 'Takes the suspension of a factor back',
    body: actSchema,
    answers: { 200: ['done; in the audit log', factorState] },
    async work(asked) {
      const id = param(asked, 'factor');
      const by = parsed(actSchema, asked.request.body);
      const answer = ok({ id, state: step === 'suspend' ? 'suspended' : 'active' });
      await asked.audit(`factor.${step}`, id, by);
      await asked.core.factors[step](id, by, (statements) => asked.keep(statements, answer, '', id));
      return answer;
    },
  }),
);

const endings = (['deprovision', 'reset'] as const).map(
  (step): CoreRoute => ({
    method: 'post',
    path: `/users/:user/${step}`,
    operation: 'admin',
    id: `${step}User`,
    summary:
      step === 'deprovision'
        ? 'Ends an account: what is open is cancelled, and every factor goes'
        : 'Lets a person begin anew: what is open is cancelled, and every factor is revoked',
    body: actSchema,
    answers: { 200: ['how many of each; in the audit log', ended[step]] },
    async work(asked) {
      const user = param(asked, 'user');
      const by = parsed(actSchema, asked.request.body);
      const answer = ({ enrollments, factors: gone }: Ended) =>
        ok({ enrollments_cancelled: enrollments, [step === 'reset' ? 'factors_revoked' : 'factors_deprovisioned']: gone });
      await asked.audit(`user.${step}`, await asked.referenceOf(user), by);
      return answer(await asked.core.factors[step](user, by, (statements, result) => asked.keep(statements, answer(result), '')));
    },
  }),
);

export const factorRoutes: readonly CoreRoute[] = [
  {
    method: 'get',
    path: '/users/:user/factors',
    operation: 'other',
    id: 'listFactors',
    summary: 'The factors of a person, those that are gone too',
    answers: { 200: ['oldest first', factors] },
    work: async (asked) => ok({ factors: await asked.core.factors.factorsOf(param(asked, 'user')) }),
  },
  {
    method: 'delete',
    path: '/factors/:factor',
    operation: 'other',
    id: 'revokeFactor',
    summary: 'Revokes a factor for good',
    answers: { 200: ['revoked', factorState] },
    async work(asked) {
      const id = param(asked, 'factor');
      // Whose key it was; without keys everybody is the application itself.
      if (asked.actor !== undefined) await asked.audit('factor.revoke', id, {});
      await asked.core.factors.revoke(id);
      return ok({ id, state: 'revoked' });
    },
  },
  {
    method: 'post',
    path: '/factors/:factor/challenge',
    operation: 'other',
    id: 'challengeFactor',
    summary: 'Sends a code, or makes a number, to log in with',
    answers: { 200: ['what is shown', z.object({ id: z.string(), challenge: challengeSchema })] },
    async work(asked) {
      const id = param(asked, 'factor');
      const answer = (shown: Record<string, unknown>) => ok({ id, challenge: shown });
      return answer(await asked.core.factors.challenge(id, (statements, shown) => asked.keep(statements, answer(shown), '', id)));
    },
  },
  {
    method: 'post',
    path: '/factors/:factor/verify',
    operation: 'other',
    id: 'verifyFactor',
    isAnswer: true,
    summary: 'Proves a factor of somebody who logs in',
    body: proofSchema,
    answers: { 200: ['the proof is right, and used up', used], 422: ['a wrong proof', problemBody] },
    async work(asked) {
      const id = param(asked, 'factor');
      const keep = (statements: Parameters<typeof asked.keep>[0], result: UseResult) =>
        asked.keep(statements, usedAnswer(id, result), '', id);
      return usedAnswer(id, await asked.core.use(id, asked.request.body, keep));
    },
  },
  ...steps,
  ...endings,
  {
    method: 'post',
    path: '/hardware-tokens',
    operation: 'admin',
    id: 'importHardwareTokens',
    summary: 'Takes the seeds of hardware tokens in, as their maker delivered them',
    body: tokensSchema,
    answers: { 200: ['how many are new', z.object({ imported: z.number() })] },
    async work(asked) {
      const { tokens } = parsed(tokensSchema, asked.request.body);
      await asked.audit('hardware_tokens.import', `${tokens.length} tokens`, {});
      const answer = (imported: number) => ok({ imported });
      return answer(await asked.core.importTokens(tokens, (statements, imported) => asked.keep(statements, answer(imported), '')));
    },
  },
];

function usedAnswer(id: string, result: UseResult): Answer {
  if (result.isRight) return ok({ id, verified: true, ...result.fields });
  const said = 'the code is wrong, or was used before';
  const detail = result.hint === undefined ? said : `${said}; ${result.hint}`;
  return problemAnswer('MUSTER_WRONG_PROOF', detail, { ...result.fields, failures_left: result.failuresLeft });
}
