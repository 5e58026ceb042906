/** Takes a user out of the reference core: enrollments, factors, messages, and events that still wait to be delivered. */
import { isTelling, lookedUpBy, namingOf, searchedAs } from '../../privacy/identifier.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';
import { noteForgotten } from './forgotten.ts';

/** Tables with a row or more of a person. */
const TABLES = ['enrollments', 'factors', 'sends', 'people'];

export interface ErasedUser {
  /** Rows that went. */
  rows: number;
  /** Under which the user stood there: a mail address may have been written in several ways. */
  spellings: string[];
  /** Rows that name the user still. */
  left: number;
}

/** What went from the core's store, which may be in use. Kept answers hold what was shown to the user. */
export async function eraseUser(storage: CoreStorage, user: string, nowMs: number): Promise<ErasedUser> {
  const wanted = lookedUpBy(user);
  const spellings = new Set<string>();
  const isTheirs = (each: string | undefined): each is string => each !== undefined && lookedUpBy(each) === wanted;
  const rows = await storage.transaction(async (statements) => {
    spellings.clear();
    let count = 0;
    const waiting = await statements.all<{ n: number; event: string }>('SELECT n, event FROM outbox');
    for (const { n, event } of waiting) {
      const named = (JSON.parse(event) as { user?: string }).user;
      if (!isTheirs(named)) continue;
      spellings.add(named);
      count += await statements.run('DELETE FROM outbox WHERE n = ?', n);
    }
    for (const each of await idsLike(statements, user)) {
      if (!isTheirs(each)) continue;
      spellings.add(each);
      count += await statements.run('DELETE FROM kept_answers WHERE enrollment_id IN (SELECT id FROM enrollments WHERE user_id = ?)', each);
      for (const table of TABLES) count += await statements.run(`DELETE FROM ${table} WHERE user_id = ?`, each);
    }
    await noteForgotten(statements, user, nowMs);
    return count;
  });
  // Rows that went before, of delivered events, may still stand in free pages.
  await storage.scrub();
  return { rows, spellings: [...spellings], left: await countLeft(storage, user, isTheirs) };
}

/** Users of all tables whose name differs in the case of its letters at most. */
async function idsLike(statements: Statements, user: string): Promise<string[]> {
  const found = new Set<string>();
  for (const table of TABLES)
    for (const { user_id } of await statements.all<{ user_id: string }>(
      `SELECT DISTINCT user_id FROM ${table} WHERE lower(user_id) = lower(?)`,
      user,
    ))
      found.add(user_id);
  return [...found];
}

async function countLeft(storage: CoreStorage, user: string, isTheirs: (each: string) => boolean): Promise<number> {
  const name = searchedAs(user.trim());
  const waiting = await storage.all<{ event: string }>('SELECT event FROM outbox');
  const naming = namingOf(isTelling(name) ? [name] : []);
  const named = waiting.filter(({ event }) => naming.isIn(event));
  return named.length + (await idsLike(storage, user)).filter(isTheirs).length;
}
