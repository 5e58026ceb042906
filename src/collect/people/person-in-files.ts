/** Files that may hold somebody: searched when the person is forgotten, and written over where they are kept as they came. */
import { isAscii } from 'node:buffer';
import { createReadStream, existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../errors.ts';
import { namingOf, searchedAs } from '../../privacy/identifier.ts';

const CHUNK_BYTES = 4 * 1024 * 1024;

async function filesIn(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Writes over the lines that hold a reference, in files that are kept as they came. */
export async function eraseFromFiles(directory: string, texts: readonly string[]): Promise<void> {
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

/**
 * Looks for references and names in every file below a directory.
 * @param names as `searchedAs` has them
 * @returns files and bytes looked at, and hits by file
 */
export async function searchFiles(directory: string, refs: readonly string[], names: readonly string[]) {
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
