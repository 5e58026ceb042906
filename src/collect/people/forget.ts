/** Forgetting: a person goes out of tables, files, the log and the core, also when a crash comes in between, and it is proven by a search. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as yieldToLoop } from 'node:timers/promises';
import { MusterError } from '../../errors.ts';
import { FILES } from '../../names.ts';
import { isTelling, namingOf, personOf, searchedAs } from '../../privacy/identifier.ts';
import type { Vault } from '../../privacy/vault.ts';
import type { Audit } from '../../store/records/audit.ts';
import type { Departure } from '../../store/records/reference-table.ts';
import type { SegmentSource } from '../../store/rows/log-format.ts';
import type { Store } from '../../store/store.ts';
import { type Erased, eraseFromTables, latestOf, partsRemoved, searchTables } from '../../store/upkeep/erase.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { eraseFromFiles, searchFiles } from './person-in-files.ts';
import type { Pseudonyms } from './pseudonyms.ts';

const REFERENCE_BYTES = 12;
/** References of identifiers that hold another are named, these many. */
const MAX_SHOWN = 10;

/** What forgetting took out, and what a search of everything found afterwards. */
export interface Forgotten extends Erased {
  references: number;
  /** Rows of the reference core. */
  core: number;
  searched: { tables: number; files: number; bytes: number /** Whether the files of the engine are among them. */; isEmbedded: boolean };
  /** Where something of the person still is: rows by table and occurrences by file. Empty when the proof holds. */
  left: Record<string, number>;
}

export interface ForgettingDeps {
  dataDir: string;
  store: Store;
  log: SegmentSource;
  /** What intake has begun is done before the tables are rewritten. */
  intake: { settled(): Promise<void> };
  pseudonyms: Pseudonyms;
  vault: Vault;
  audit: Pick<Audit, 'redact'>;
  now: () => number;
  /** Writes down that somebody is forgotten, before anything is done. */
  record: (actor: string, action: string, target: string, reason?: string) => Promise<void>;
  /** Takes a user out of the reference core and says how many rows went. */
  eraseFromCore: (user: string) => Promise<{ rows: number; spellings: string[]; left: number }>;
}

/** A departure that is under way, as it is written down. */
interface Plan {
  departure: Departure;
  /** Stands in the place of the person in what still counts. */
  anonymous: string;
  /** What names the person in texts, sealed, in base64: it is written down in no other way. A plan of an earlier version has none. */
  names?: string;
}

/** Forgets people, one after the other. */
export function createForgetting(deps: ForgettingDeps) {
  const { store, pseudonyms, audit, now } = deps;
  const planPath = join(deps.dataDir, FILES.forgetting);

  /** References by which somebody could still be named whose identifier fits. */
  const sealedRefs = async (fits: (identifier: string) => boolean): Promise<string[]> => {
    const refs: string[] = [];
    for (const rows of store.references.sealed('person')) {
      for (const { ref, sealed } of rows) if (fits(deps.vault.unwrap(sealed, ref).toString())) refs.push(ref);
      await yieldToLoop();
    }
    return refs;
  };

  const namesIn = ({ names, anonymous }: Plan): string[] =>
    names === undefined ? [] : JSON.parse(deps.vault.unwrap(Buffer.from(names, 'base64'), anonymous).toString());
  const erase = async (plan: Plan): Promise<Erased> => {
    const { departure, anonymous } = plan;
    const naming = namingOf(namesIn(plan));
    await audit.redact(departure.refs, naming.isIn);
    pseudonyms.forget(departure);
    // What was masked before that is on its way: it is waited for, and goes with the rest.
    await deps.intake.settled();
    const erased = await store.loader.whileIdle(deps.log, async () => {
      // Rows that were still in the log have come into the table meanwhile; and an event may have been ahead of the clock.
      const atMs = Math.max(departure.atMs, await latestOf(store.engine, departure.refs));
      pseudonyms.forget({ ...departure, atMs });
      return eraseFromTables(store.engine, { refs: departure.refs, naming, anonymous }, now());
    });
    await eraseFromFiles(join(deps.dataDir, FILES.quarantine), departure.refs);
    await rm(planPath, { force: true });
    return erased;
  };

  return {
    async forget(user: string, { actor, reason = '' }: { actor: string; reason?: string }): Promise<Forgotten> {
      if (user.trim() === '') throw new MusterError('MUSTER_BAD_ARGUMENT', 'user: expected the identifier that the events carried');
      const anonymous = randomBytes(REFERENCE_BYTES).toString('base64url');
      // Whom it was about is not written down again.
      await deps.record(actor, 'forget', anonymous, reason.replaceAll(user, 'the person'));
      const core = await deps.eraseFromCore(user);
      const found = pseudonyms.departure(user, now());
      const wanted = personOf(user);
      // Only the sealed identifier connects them with the person: their key is gone, or the address was spelled in another way.
      const spelled = await sealedRefs((identifier) => personOf(identifier) === wanted);
      const departure = { ...found, refs: [...new Set([...found.refs, ...spelled])] };
      const known = departure.refs.filter((ref) => store.references.has(ref)).length;
      const names = [...new Set([user, ...core.spellings].map((name) => searchedAs(name.trim())).filter(isTelling))];
      const plan = { departure, anonymous, names: deps.vault.wrap(Buffer.from(JSON.stringify(names)), anonymous).toString('base64') };
      await writeDurably(planPath, JSON.stringify(plan satisfies Plan));
      const erased = await erase(plan);
      const areFilesGone = await partsRemoved(store.engine, sleep);
      const tables = await searchTables(store.engine, { refs: departure.refs, naming: namingOf(names) });
      const files = await searchFiles(deps.dataDir, departure.refs, names);
      // An identifier is opaque: whether one that holds another is the same person's, somebody has to say.
      const holding = await sealedRefs(namingOf(names).isIn);
      return {
        ...erased,
        references: known,
        core: core.rows,
        searched: { tables: tables.searched, files: files.files, bytes: files.bytes, isEmbedded: store.engine.isEmbedded },
        left: {
          ...tables.found,
          ...files.found,
          ...(holding.length > 0 && { [`identifiers that hold it (${holding.slice(0, MAX_SHOWN).join(', ')})`]: holding.length }),
          ...(core.left > 0 && { 'the reference core': core.left }),
          ...(!areFilesGone && { 'files of the engine that have not gone yet': 1 }),
        },
      };
    },
    /** Goes on with what a crash interrupted. */
    async resume(): Promise<void> {
      if (!existsSync(planPath)) return;
      await erase(JSON.parse(await readFile(planPath, 'utf8')) as Plan);
    },
  };
}
