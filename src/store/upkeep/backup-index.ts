/** The list that the engine keeps of the files of its backup, of which an archive may have any. */
import { readFile, stat } from 'node:fs/promises';
import { MusterError } from '../../errors.ts';

const MAX_BYTES = 256 * 1024 * 1024;
/** All that stands in the list of a backup that Muster made: whole, in a folder, of nothing else. */
const ELEMENTS = 'config version deduplicate_files timestamp uuid backup_id contents file name size checksum data_file'.split(' ');
const OTHER_MARKUP = new RegExp(`<(?!/?(?:${ELEMENTS.join('|')})>)`);

/**
 * Holds the list against what Muster writes. Before it reads anything the engine opens the backups that a list names as its base, anywhere in the
 * network, with the credentials of this machine.
 * @throws MUSTER_BAD_ARGUMENT
 */
export async function assertOwnIndex(path: string): Promise<void> {
  const size = await stat(path).then(
    (entry) => (entry.isFile() ? entry.size : undefined),
    () => undefined,
  );
  if (size === undefined || size > MAX_BYTES) throw new MusterError('MUSTER_BAD_ARGUMENT', 'the list of its files is missing, or too long');
  const other = OTHER_MARKUP.exec(await readFile(path, 'utf8'));
  if (other)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `the list of its files holds what a backup of Muster does not: ${JSON.stringify(other.input.slice(other.index, other.index + 40))}`,
    );
}
