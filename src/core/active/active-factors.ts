/** Factors that are bound: which somebody has, which they may and should have, and what is done with them. */
import { FACTORS, type FactorType } from '../factors/index.ts';
import type { FactorRow, FactorView } from '../ledger/records.ts';
import { decide, type Subject } from '../policy/policy.ts';
import { createFactorChanges, type FactorChangesDeps } from './factor-changes.ts';
import { createLogIn, type LogInDeps } from './log-in.ts';

export interface Options {
  allowed: { factor_type: FactorType; assurance: number; is_restricted: boolean; warning?: string }[];
  required: FactorType[];
  /** Required ones that the person lacks, and can have. */
  missing: FactorType[];
  is_step_up_required: boolean;
}

export interface ActiveFactorsDeps extends LogInDeps, FactorChangesDeps {
  isRolledOut: (type: FactorType, user: string, region: string | undefined) => Promise<boolean>;
}

/** Everything that is done with factors that are bound. */
export function createActiveFactors(deps: ActiveFactorsDeps) {
  const { storage, ledger, sender, settings } = deps;
  return {
    ...createLogIn(deps),
    ...createFactorChanges(deps),

    async factorsOf(named: string): Promise<FactorView[]> {
      const user = await ledger.accountOf(storage, named);
      const rows = await storage.all<FactorRow>('SELECT * FROM factors WHERE user_id = ? ORDER BY created_at, id', user);
      return rows.map((row) => ({
        id: row.id,
        factor_type: row.factor_type,
        state: row.state,
        since: new Date(row.created_at).toISOString(),
        ...(row.used_at !== null && { last_used: new Date(row.used_at).toISOString() }),
        assurance: FACTORS[row.factor_type].traits.assurance,
        is_restricted: FACTORS[row.factor_type].traits.restriction !== undefined,
      }));
    },

    /** What somebody may and should enroll now. What nobody can enroll is not asked for. */
    async optionsFor(user: string, subject: Subject, region: string | undefined): Promise<Options> {
      const decision = decide(settings.policy, subject);
      const has = new Set((await ledger.liveFactorsOf(storage, user)).map((factor) => factor.factor_type));
      const offered: FactorType[] = [];
      for (const type of decision.allowed) {
        const { channel } = FACTORS[type].traits;
        if ((!channel || sender.offers(channel)) && (await deps.isRolledOut(type, user, region))) offered.push(type);
      }
      return {
        allowed: offered.map((type) => {
          const { assurance, restriction } = FACTORS[type].traits;
          const warning = restriction === undefined ? {} : { warning: restriction };
          return { factor_type: type, assurance, is_restricted: restriction !== undefined, ...warning };
        }),
        required: [...decision.required],
        missing: [...decision.required].filter((type) => offered.includes(type) && !has.has(type)),
        is_step_up_required: decision.isStepUpRequired && (await ledger.mustStepUp(storage, user)),
      };
    },
  };
}
