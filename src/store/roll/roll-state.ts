/** What survives a crash of the loader: how far the log is rolled up, and which minutes were in work. Replaced by one rename. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { systemCode } from '../../errors.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { LAYOUT } from '../rows/attempt-row.ts';

const schema = z.object({
  /** Sequence of the last log record that is in events, attempts and minutes. */
  cursor: z.number().int().nonnegative(),
  /** Number of the last roll that was begun: the version of what it wrote. */
  roll: z.number().int().nonnegative(),
  /** The latest moment up to which waiting attempts were settled, in milliseconds since 1970. */
  settledUntilMs: z.number().nonnegative(),
  /** Minutes that the roll in work may have left half done. */
  dirty: z.array(z.number().int()),
  /** Ranges of minutes whose slices it may have left half done. */
  dirtyRanges: z.array(z.tuple([z.number().int(), z.number().int()]).readonly()).default([]),
  /** Minutes before this one have lost events: their figures stay as they are. */
  closedMinute: z.number().int().nonnegative().default(0),
  /** How much the rows of attempts hold, see `LAYOUT`. */
  layout: z.number().int().default(1),
  /** The completion windows that attempts were settled with, as JSON; '' for 10 minutes. */
  windows: z.string().default(''),
  /** The SLI definitions that the minutes were computed with, as JSON. */
  definitions: z.string().default(''),
});
export type LoaderState = z.infer<typeof schema>;

/** Reads the state, or that of an empty store. */
export async function readLoaderState(path: string): Promise<LoaderState> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return {
        cursor: 0,
        roll: 0,
        settledUntilMs: 0,
        dirty: [],
        dirtyRanges: [],
        closedMinute: 0,
        layout: LAYOUT,
        windows: '',
        definitions: '',
      };
    }
    throw error;
  }
}

/** Replaces the state durably: file synced, renamed, directory synced. */
export async function writeLoaderState(path: string, state: LoaderState): Promise<void> {
  await writeDurably(path, JSON.stringify(state));
}
