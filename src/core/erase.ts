/** Takes a user out of the reference core: enrollments, factors, and events that still wait to be delivered. */
import { existsSync } from 'node:fs';
import { openCoreStorage } from './storage.ts';

/**
 * Rows that went from the core's file; it may be in use. Kept answers name no user, are encrypted, and expire by themselves.
 * @param user as the host application names it
 */
export function eraseUser(path: string, user: string): number {
  if (!existsSync(path)) return 0;
  const storage = openCoreStorage(path);
  try {
    storage.exec('PRAGMA secure_delete = ON; PRAGMA busy_timeout = 5000');
    const rows = storage.transaction(() => {
      const waiting = storage.all<{ n: number; event: string }>('SELECT n, event FROM outbox');
      const theirs = waiting.filter(({ event }) => (JSON.parse(event) as { user?: string }).user === user);
      for (const { n } of theirs) storage.run('DELETE FROM outbox WHERE n = ?', n);
      const others = ['enrollments', 'factors'].map((table) => storage.run(`DELETE FROM ${table} WHERE user = ?`, user));
      return others.reduce((sum, count) => sum + count, theirs.length);
    });
    storage.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return rows;
  } finally {
    storage.close();
  }
}
