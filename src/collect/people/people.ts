/** What is done with the pseudonyms of people: opened for a reason, taken out for good, put under new keys. Every act is audited. */
import { MusterError } from '../../errors.ts';
import { redact } from '../../privacy/redact.ts';
import type { Audit, AuditVerdict } from '../../store/records/audit.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { createForgetting, type ForgettingDeps, type Forgotten } from './forget.ts';
import { retired, rotated, saveKeyRing } from './key-ring.ts';

const REFERENCE = /^[A-Za-z0-9_-]{16}$/;

export interface PseudonymStatus {
  keys: { id: number; createdAt: string; state: 'current' | 'previous' | 'retired' }[];
  /** References that were given out. */
  references: number;
  /** Of these, those that only an older key leads to: destroying that key parts them from what comes later. */
  behind: number;
}

export interface People {
  /** @throws MUSTER_NOT_FOUND when nobody is known by this reference */
  reveal(ref: string, by: { actor: string; reason: string }): Promise<{ ref: string; identifier: string }>;
  /** @param by who asked for it, and why */
  forget(user: string, by: { actor: string; reason?: string }): Promise<Forgotten>;
  status(): PseudonymStatus;
  rotate(by: { actor: string }): Promise<PseudonymStatus>;
  /** @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT for the key in use, and without `force` for one that still leads to somebody */
  retire(id: number, by: { actor: string; force: boolean }): Promise<PseudonymStatus>;
  /** Writes down what somebody did elsewhere. */
  audited(actor: string, action: string, target: string, reason?: string): Promise<void>;
  verifyAudit(noted?: { seq: number; hash: string }): Promise<AuditVerdict>;
  /** Goes on with what a crash interrupted. */
  resume(): Promise<void>;
}

export interface PeopleDeps extends Omit<ForgettingDeps, 'record' | 'eraseFromCore'> {
  intake: ForgettingDeps['intake'] & { referenceOf(kind: 'operator', id: string): Promise<string> };
  audit: Audit;
}

/** The people of a data directory. `eraseFromCore` takes a user out of the reference core and says how many rows went. */
export function createPeople(deps: PeopleDeps, eraseFromCore: ForgettingDeps['eraseFromCore']): People {
  const { store, pseudonyms, audit, now } = deps;

  const record = async (actor: string, action: string, target: string, reason = '') =>
    audit.record({ actorRef: await actorRef(actor), action, target, reason: redact(reason).text });
  /** A key is nobody's name; whoever runs a command is known by a reference that no event has. */
  const actorRef = async (actor: string) => (/^key:[0-9a-f]{8}$/.test(actor) ? actor : deps.intake.referenceOf('operator', actor));

  /** What changes keys or people. */
  const alone = oneAtATime();
  const forgetting = createForgetting({ ...deps, record, eraseFromCore });
  const status = (): PseudonymStatus => {
    const ring = pseudonyms.ring();
    const { all, behind } = store.references.counts(ring.keys[0]?.id ?? 0);
    const alive = ring.keys.map(({ id, createdAt }, i) => ({
      id,
      createdAt,
      state: i === 0 ? ('current' as const) : ('previous' as const),
    }));
    const gone = ring.retired.map(({ id, createdAt }) => ({ id, createdAt, state: 'retired' as const }));
    return { keys: [...alive, ...gone], references: all, behind };
  };

  return {
    async reveal(ref, { actor, reason }) {
      if (reason.trim() === '') throw new MusterError('MUSTER_BAD_ARGUMENT', 'reason: expected why the person must be known');
      if (!REFERENCE.test(ref))
        throw new MusterError(
          'MUSTER_BAD_ARGUMENT',
          `expected a reference, such as the user_ref of an event: 16 characters of A-Z a-z 0-9 _ -`,
        );
      // Whoever asks is written down before anything is told, whether there is anything to tell or not.
      await record(actor, 'reveal', ref, reason);
      const found = store.references.find(ref);
      if (found?.sealed == null) {
        throw new MusterError(
          'MUSTER_NOT_FOUND',
          `nobody can be named by ${ref}: forgotten, stored before identifiers were sealed or with MUSTER_IDENTITIES=none, or no person`,
        );
      }
      return { ref, identifier: deps.vault.unwrap(found.sealed, ref).toString() };
    },
    forget: (user, by) => alone(() => forgetting.forget(user, by)),
    status,
    rotate: ({ actor }) =>
      alone(async () => {
        const ring = rotated(pseudonyms.ring(), now());
        await record(actor, 'pseudonyms.rotate', `key ${ring.keys[0]?.id}`);
        await saveKeyRing(deps.dataDir, ring);
        pseudonyms.use(ring);
        return status();
      }),
    retire: (id, { actor, force }) =>
      alone(async () => {
        const ring = retired(pseudonyms.ring(), id, now());
        const { behind } = status();
        if (behind > 0 && !force) {
          throw new MusterError(
            'MUSTER_CONFLICT',
            `${behind} references are led to by older keys only: without key ${id}, who comes back would be somebody new; --force does it all the same`,
          );
        }
        await record(actor, 'pseudonyms.retire', `key ${id}`);
        await saveKeyRing(deps.dataDir, ring);
        pseudonyms.use(ring);
        return status();
      }),
    audited: record,
    verifyAudit: (noted) => audit.verify(noted),
    resume: forgetting.resume,
  };
}
