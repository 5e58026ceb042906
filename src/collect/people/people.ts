/** What is done with the pseudonyms of people: opened for a reason, taken out for good, put under new keys. Every act is audited. */
import { isAscii } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as yieldToLoop } from 'node:timers/promises';
import { MusterError, systemCode } from '../../errors.ts';
import { FILES } from '../../names.ts';
import { isTelling, namingOf, personOf, searchedAs } from '../../privacy/identifier.ts';
import { redact } from '../../privacy/redact.ts';
import type { Vault } from '../../privacy/vault.ts';
import type { Audit, AuditVerdict } from '../../store/records/audit.ts';
import type { Departure } from '../../store/records/reference-table.ts';
import type { SegmentSource } from '../../store/rows/log-format.ts';
import type { Store } from '../../store/store.ts';
import { type Erased, eraseFromTables, latestOf, partsRemoved, searchTables } from '../../store/upkeep/erase.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { retired, rotated, saveKeyRing } from './key-ring.ts';
import type { Pseudonyms } from './pseudonyms.ts';

const REFERENCE = /^[A-Za-z0-9_-]{16}$/;
const REFERENCE_BYTES = 12;

export interface PseudonymStatus {
  keys: { id: number; createdAt: string; state: 'current' | 'previous' | 'retired' }[];
  /** References that were given out. */
  references: number;
  /** Of these, those that only an older key leads to: destroying that key parts them from what comes later. */
  behind: number;
}

/** What forgetting took out, and what a search of everything found afterwards. */
export interface Forgotten extends Erased {
  references: number;
  /** Rows of the reference core. */
  core: number;
  searched: { tables: number; files: number; bytes: number /** Whether the files of the engine are among them. */; isEmbedded: boolean };
  /** Where something of the person still is: rows by table and occurrences by file. Empty when the proof holds. */
  left: Record<string, number>;
}

export interface People {
  /** @throws MUSTER_NOT_FOUND when nobody is known by this reference */
  reveal(ref: string, by: { actor: string; reason: string }): Promise<{ ref: string; identifier: string }>;
  forget(user: string, by: { actor: string }): Promise<Forgotten>;
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

export interface PeopleDeps {
  dataDir: string;
  store: Store;
  log: SegmentSource;
  /** What intake has begun is done before the tables are rewritten. */
  intake: { referenceOf(kind: 'operator', id: string): Promise<string>; settled(): Promise<void> };
  pseudonyms: Pseudonyms;
  vault: Vault;
  audit: Audit;
  now: () => number;
}

/** A departure that is under way, as it is written down. */
interface Plan {
  departure: Departure;
  /** Stands in the place of the person in what still counts. */
  anonymous: string;
  /** What names the person in texts, sealed, in base64: it is written down in no other way. A plan of an earlier version has none. */
  names?: string;
}

/** The people of a data directory. `eraseFromCore` takes a user out of the reference core and says how many rows went. */
export function createPeople(
  deps: PeopleDeps,
  eraseFromCore: (user: string) => Promise<{ rows: number; spellings: string[]; left: number }>,
): People {
  const { store, pseudonyms, audit, now } = deps;
  const planPath = join(deps.dataDir, FILES.forgetting);

  const record = async (actor: string, action: string, target: string, reason = '') =>
    audit.record({ actorRef: await actorRef(actor), action, target, reason: redact(reason).text });
  /** A key is nobody's name; whoever runs a command is known by a reference that no event has. */
  const actorRef = async (actor: string) => (/^key:[0-9a-f]{8}$/.test(actor) ? actor : deps.intake.referenceOf('operator', actor));

  /** What changes keys or people. */
  const alone = oneAtATime();
  /** References that only the sealed identifier connects with the person: their key is gone, or the address was spelled in another way. */
  const sealedRefs = async (user: string): Promise<string[]> => {
    const wanted = personOf(user);
    const refs: string[] = [];
    for (const rows of store.references.sealed('person')) {
      for (const { ref, sealed } of rows) if (personOf(deps.vault.unwrap(sealed, ref).toString()) === wanted) refs.push(ref);
      await yieldToLoop();
    }
    return refs;
  };

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
    forget: (user, { actor }) =>
      alone(async () => {
        if (user.trim() === '') throw new MusterError('MUSTER_BAD_ARGUMENT', 'user: expected the identifier that the events carried');
        const anonymous = randomBytes(REFERENCE_BYTES).toString('base64url');
        await record(actor, 'forget', anonymous);
        const core = await eraseFromCore(user);
        const found = pseudonyms.departure(user, now());
        const departure = { ...found, refs: [...new Set([...found.refs, ...(await sealedRefs(user))])] };
        const known = departure.refs.filter((ref) => store.references.has(ref)).length;
        const names = [...new Set([user, ...core.spellings].map((name) => searchedAs(name.trim())).filter(isTelling))];
        const plan = { departure, anonymous, names: deps.vault.wrap(Buffer.from(JSON.stringify(names)), anonymous).toString('base64') };
        await writeDurably(planPath, JSON.stringify(plan satisfies Plan));
        const erased = await erase(plan);
        const areFilesGone = await partsRemoved(store.engine, sleep);
        const tables = await searchTables(store.engine, { refs: departure.refs, naming: namingOf(names) });
        const files = await searchFiles(deps.dataDir, departure.refs, names);
        return {
          ...erased,
          references: known,
          core: core.rows,
          searched: { tables: tables.searched, files: files.files, bytes: files.bytes, isEmbedded: store.engine.isEmbedded },
          left: {
            ...tables.found,
            ...files.found,
            ...(core.left > 0 && { 'the reference core': core.left }),
            ...(!areFilesGone && { 'files of the engine that have not gone yet': 1 }),
          },
        };
      }),
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
    async resume() {
      if (!existsSync(planPath)) return;
      await erase(JSON.parse(await readFile(planPath, 'utf8')) as Plan);
    },
  };
}

const CHUNK_BYTES = 4 * 1024 * 1024;

async function filesIn(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Writes over the lines that hold a reference, in files that are kept as they came. */
async function eraseFromFiles(directory: string, texts: readonly string[]): Promise<void> {
  for (const path of await filesIn(directory)) {
    const bytes = await readFile(path);
    let isChanged = false;
    for (const text of texts) {
      for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) {
        const end = bytes.indexOf(10, at);
        bytes.fill('x', bytes.lastIndexOf(10, at) + 1, end === -1 ? bytes.length : end);
        isChanged = true;
      }
    }
    if (isChanged) await writeFile(path, bytes, { mode: 0o600 });
  }
}

async function searchFiles(directory: string, refs: readonly string[], names: readonly string[]) {
  const found: Record<string, number> = {};
  let [files, bytes] = [0, 0];
  for (const path of await filesIn(directory)) {
    const searched = await searchFile(path, refs, names).catch((error: unknown) => {
      // What a merge has taken away meanwhile is in another file.
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (!searched) continue;
    files += 1;
    bytes += searched.bytes;
    if (searched.hits > 0) found[path] = searched.hits;
  }
  return { files, bytes, found };
}

/** A file of any size, piece by piece, each with the end of the one before it: references as they are, names in whatever spelling. */
async function searchFile(path: string, refs: readonly string[], names: readonly string[]): Promise<{ bytes: number; hits: number }> {
  // A character of three bytes may stand for one of a name; what parts a name from its neighbours is looked at, too.
  const overlap = Math.max(0, ...[...refs, ...names].map((text) => Buffer.byteLength(text) * 3 + 8));
  const each = names.map((name) => ({ name, isPlain: isAscii(Buffer.from(name)), naming: namingOf([name]) }));
  const hits = new Set<string>();
  let bytes = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    const piece = Buffer.concat([rest, chunk]);
    for (const ref of refs) if (piece.includes(ref)) hits.add(ref);
    // Wide letters and the like are only looked for in what is text.
    const isText = !isAscii(chunk) && !chunk.includes(0);
    const lower = names.length > 0 ? piece.toString('latin1').toLowerCase() : '';
    const folded = isText || each.some(({ isPlain }) => !isPlain) ? searchedAs(piece.toString('utf8')) : '';
    for (const { name, naming, isPlain } of each) {
      const isThere = (text: string) => text.includes(name) && naming.isIn(text);
      if ((isPlain && isThere(lower)) || isThere(folded)) hits.add(name);
    }
    rest = piece.subarray(Math.max(0, piece.length - overlap));
    bytes += chunk.length;
  }
  return { bytes, hits: hits.size };
}
