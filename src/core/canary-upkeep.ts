/** What the canary needs of the core, and leaves in it. */
import { CANARY_USERS } from './canary.ts';
import { type ImportDeps, importTokens } from './enrollment/hardware-tokens.ts';
import { CANARY_SERIAL } from './factors/hardware-otp.ts';

/** Gives the canary its hardware token, and takes away what it left. */
export function createCanaryUpkeep(deps: ImportDeps & { newId: () => string }) {
  const { storage } = deps;
  return {
    /** Takes away what the canary left the last time. */
    async cleanCanary(): Promise<void> {
      const places = CANARY_USERS.map(() => '?').join(', ');
      for (const table of ['factors', 'enrollments'])
        await storage.run(`DELETE FROM ${table} WHERE user_id IN (${places})`, ...CANARY_USERS);
      await storage.run('DELETE FROM hardware_tokens WHERE serial LIKE ?', `${CANARY_SERIAL}%`);
    },
    /** A hardware token for the canary. Returns its serial number. */
    async canaryToken(secretHex: string): Promise<string> {
      const serial = `${CANARY_SERIAL}${deps.newId()}`;
      await importTokens(
        [{ serial, kind: 'hotp', secret: { hex: secretHex }, algorithm: 'SHA1', digits: 6, period: 30, counter: 0 }],
        deps,
      );
      return serial;
    },
  };
}
