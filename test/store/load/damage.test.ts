/** A log that was damaged anywhere: the start never fails, the record that was hit alone is lost and set aside, and a finding says so. */
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ownDirectory } from '../../../src/system/data-directory.ts';
import { writeDamaged } from '../../support/damaged-log.ts';
import { testServices } from '../../support/store.ts';

/** Each byte would take minutes, and is for `npm run bench -- soak`; this one shares no divisor with what a record is made of. */
const STEP = 13;

test('records cut, zeroed or flipped leave their neighbours', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'muster-damage-'));
  await ownDirectory(dataDir);
  const { whole, damaged } = await writeDamaged(join(dataDir, 'log'), STEP, 1);
  const services = await testServices({ dataDir });
  try {
    const ids = await services.store.read.rows<{ id: string }>('SELECT id FROM events_v ORDER BY id');
    expect(ids.map(({ id }) => id)).toEqual(whole.sort());
    expect(await readdir(join(dataDir, 'quarantine'))).toHaveLength(damaged);
    expect(
      await services.store.read.rows("SELECT toUInt32(count()) AS n FROM findings WHERE detector = 'log_damage' AND status = 'open'"),
    ).toEqual([{ n: damaged }]);
    expect(await readdir(join(dataDir, 'log'))).toEqual([]);
  } finally {
    await services.dispose();
  }
});
