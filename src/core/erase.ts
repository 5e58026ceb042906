/** Takes a user out of the reference core: enrollments, factors, and events that still wait to be delivered. */
import { existsSync } from 'node:fs';
import { normalised } from '../privacy/identifier.ts';
import { openCoreStorage } from './storage.ts';

/**
 * What went from the core's file, which may be in use: rows, and the spellings under which the user stood there. Kept answers
 * hold what was shown to the user.
 */
export function eraseUser(path: string, user: string): { rows: number; spellings: string[] } {
  if (!existsSync(path)) return { rows: 0, spellings: [] };
  const storage = openCoreStorage(path);
  try {
    storage.exec('PRAGMA busy_timeout = 5000');
    const wanted = normalised(user);
    const spellings = new Set<string>();
    const isTheirs = (each: string | undefined) => {
      const found = each !== undefined && normalised(each) === wanted;
      if (found) spellings.add(each);
      return found;
    };
    const rows = storage.transaction(() => {
      const waiting = storage.all<{ n: number; event: string }>('SELECT n, event FROM outbox');
      const theirs = waiting.filter(({ event }) => isTheirs((JSON.parse(event) as { user?: string }).user));
      for (const { n } of theirs) storage.run('DELETE FROM outbox WHERE n = ?', n);
      let count = theirs.length;
      const ids = storage.all<{ id: string; user: string }>('SELECT id, user FROM enrollments').filter(({ user: each }) => isTheirs(each));
      for (const { id } of ids) count += storage.run('DELETE FROM kept_answers WHERE enrollment = ?', id);
      for (const table of ['enrollments', 'factors']) {
        const users = storage.all<{ user: string }>(`SELECT DISTINCT user FROM ${table}`).filter(({ user: each }) => isTheirs(each));
        for (const { user: each } of users) count += storage.run(`DELETE FROM ${table} WHERE user = ?`, each);
      }
      return count;
    });
    // Rows that went before, of delivered events, may still stand in free pages.
    storage.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    return { rows, spellings: [...spellings] };
  } finally {
    storage.close();
  }
}
