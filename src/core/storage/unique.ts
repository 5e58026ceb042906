import { systemCode } from '../../errors.ts';

/** SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE. */
const SQLITE_CODES = new Set([1_555, 2_067]);

/** Whether a statement failed because another row has this key already: somebody was faster. */
export function isTaken(error: unknown): boolean {
  if (systemCode(error) === '23505') return true;
  return error instanceof Error && 'errcode' in error && SQLITE_CODES.has(Number(error.errcode));
}
