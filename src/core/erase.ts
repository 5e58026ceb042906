/** Takes a user out of the reference core: enrollments, factors, messages, and events that still wait to be delivered. */
import { normalised } from '../privacy/identifier.ts';
import type { CoreStorage } from './storage/storage.ts';

/** Tables with a row or more of a person. */
const TABLES = ['enrollments', 'factors', 'sends', 'people'];

/**
 * What went from the core's store, which may be in use: rows, and the spellings under which the user stood there. Kept answers hold what was
 * shown to the user.
 */
export async function eraseUser(storage: CoreStorage, user: string): Promise<{ rows: number; spellings: string[] }> {
  const wanted = normalised(user);
  const spellings = new Set<string>();
  const isTheirs = (each: string | undefined) => {
    const found = each !== undefined && normalised(each) === wanted;
    if (found) spellings.add(each);
    return found;
  };
  const rows = await storage.transaction(async (statements) => {
    spellings.clear();
    let count = 0;
    const waiting = await statements.all<{ n: number; event: string }>('SELECT n, event FROM outbox');
    for (const { n, event } of waiting)
      if (isTheirs((JSON.parse(event) as { user?: string }).user)) count += await statements.run('DELETE FROM outbox WHERE n = ?', n);
    count += await statements.run('DELETE FROM kept_answers WHERE enrollment_id IN (SELECT id FROM enrollments WHERE user_id = ?)', wanted);
    for (const table of TABLES) {
      const gone = await statements.run(`DELETE FROM ${table} WHERE user_id = ?`, wanted);
      if (gone > 0) spellings.add(wanted);
      count += gone;
    }
    return count;
  });
  // Rows that went before, of delivered events, may still stand in free pages.
  await storage.scrub();
  return { rows, spellings: [...spellings] };
}
