/** Reconciliation: the same thing enrolled twice by one person (merged stores, imports, older versions) is found, and one of it stays. */

import type { CoreStorage } from '../storage/storage.ts';
import type { Ledger } from './ledger.ts';
import { aboutFactor, type FactorRow } from './records.ts';

const MAX_AT_ONCE = 500;

interface Group {
  user_id: string;
  factor_type: string;
  identity: string;
}

/** The one that stays: active before suspended, then the one used last, then the oldest. */
const first = (a: FactorRow, b: FactorRow): number =>
  Number(b.state === 'active') - Number(a.state === 'active') ||
  (b.used_at ?? 0) - (a.used_at ?? 0) ||
  a.created_at - b.created_at ||
  (a.id < b.id ? -1 : 1);

/** Resolves duplicates, each in a transaction of its own. Returns how many factors were revoked. */
export async function reconcile({ storage, ledger }: { storage: CoreStorage; ledger: Ledger }): Promise<number> {
  const groups = await storage.all<Group>(
    `SELECT user_id, factor_type, identity FROM factors WHERE state IN ('active', 'suspended')
     GROUP BY user_id, factor_type, identity HAVING COUNT(*) > 1 ORDER BY user_id LIMIT ${MAX_AT_ONCE}`,
  );
  let resolved = 0;
  for (const { user_id: user, factor_type: type, identity } of groups) {
    resolved += await storage.transaction(async (statements) => {
      await ledger.lock(statements, user);
      const live = await ledger.liveFactorsOf(statements, user);
      const [kept, ...others] = live.filter((row) => row.factor_type === type && row.identity === identity).sort(first);
      if (!kept) return 0;
      for (const row of others) {
        const about = { ...aboutFactor(row), error_class: 'duplicate', attributes: { kept: kept.id } };
        await ledger.emit(statements, 'factor.duplicate_detected', about);
        await ledger.factorStep(statements, row, 'revoke');
        await ledger.emit(statements, 'factor.duplicate_resolved', about);
      }
      return others.length;
    });
  }
  return resolved;
}
