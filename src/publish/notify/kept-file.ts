/** A small file of JSON that outlives a process, and whose loss costs a repetition and no alert. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { systemCode } from '../../errors.ts';
import { writeDurably } from '../../system/durable-files.ts';

/** How a file of this form is read, which is empty where there is none, and written. */
export const keptFile = <Kept>(schema: z.ZodType<Record<string, Kept>>) => ({
  async read(path: string): Promise<Record<string, Kept>> {
    try {
      return schema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch (error) {
      // A damaged file begins anew: telling twice is better than telling nobody.
      if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) return {};
      throw error;
    }
  },
  async write(path: string, kept: Record<string, Kept>): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDurably(path, JSON.stringify(kept));
  },
});
