/** Real payloads of identity providers, and event streams of a second generator, where they lie beside the repository. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { connectorNamed } from '../../../src/collect/connectors/connector.ts';
import { CONNECTORS } from '../../../src/collect/connectors/index.ts';
import { importRecords } from '../../../src/collect/import/import.ts';
import { recordsOf } from '../../../src/collect/import/record-file.ts';
import { figuresAt } from '../../../src/slo/measure/figures.ts';
import { have, pathOf } from '../../support/counterparts.ts';
import { scaled, whenLong, whenShort } from '../../support/scale.ts';
import { testServices } from '../../support/store.ts';

const recordsFrom = async (bytes: Buffer) => (await Array.fromAsync(recordsOf(Readable.from([bytes])))).map(({ record }) => record);

whenShort(() => {
  describe.runIf(have('shared'))('real payloads of the products', () => {
    // Counted by reading the files: which event types concern enrollment, and which of those records carry no time.
    test.each([
      ['okta', { read: 37, accepted: 4, duplicates: 2, ignored: 29, rejected: 2 }],
      ['duo', { read: 24, accepted: 5, duplicates: 0, ignored: 13, rejected: 6 }],
      ['entra', { read: 26, accepted: 10, duplicates: 1, ignored: 15, rejected: 0 }],
      ['auth0', { read: 30, accepted: 7, duplicates: 1, ignored: 22, rejected: 0 }],
      ['aws_cloudtrail', { read: 16, accepted: 4, duplicates: 1, ignored: 11, rejected: 0 }],
      ['onelogin', { read: 13, accepted: 0, duplicates: 0, ignored: 12, rejected: 1 }],
      ['google_workspace', { read: 65, accepted: 0, duplicates: 0, ignored: 60, rejected: 5 }],
    ])('%s', async (source, counts) => {
      const real = await testServices();
      try {
        const records = await recordsFrom(await readFile(join(pathOf('shared'), 'samples', `${source}.ndjson`)));
        const connector = connectorNamed(CONNECTORS, source);
        const fingerprint = real.pseudonyms.fingerprint;
        expect(await importRecords(real, connector, records, { fingerprint })).toMatchObject(counts);
        await real.drain();
        expect(await importRecords(real, connector, records, { fingerprint })).toMatchObject({
          accepted: 0,
          duplicates: counts.accepted + counts.duplicates,
          ignored: counts.ignored,
        });
        const timed = await importRecords(real, connector, records, { fingerprint, defaultTime: '2023-01-01T00:00:00Z' });
        expect(timed.rejected).toBe(0);
      } finally {
        await real.dispose();
      }
    });
  });
});

whenLong(() => {
  describe.runIf(have('shared', 'python3'))('streams of the second generator', () => {
    test.each(scaled([11, 12], [11]))('seed %i: every window of M1, M1S, A1, M2 and M6 is equal to its truth', async (seed) => {
      const generated = await testServices();
      try {
        const stream = join(generated.dataDir, 'stream.ndjson');
        const truthFile = join(generated.dataDir, 'truth.json');
        await promisify(execFile)('python3', [join(pathOf('shared'), 'tools', 'gen_events.py'), String(seed), stream, truthFile]);
        const truth = JSON.parse(await readFile(truthFile, 'utf8')) as {
          end: string;
          distinct: number;
          windows: Record<'5m', Record<string, [number, number]>>;
        };
        const records = await recordsFrom(await readFile(stream));
        const fingerprint = generated.pseudonyms.fingerprint;
        let accepted = 0;
        for (let from = 0; from < records.length; from += 3_000) {
          accepted += (
            await importRecords(generated, connectorNamed(CONNECTORS, 'muster'), records.slice(from, from + 3_000), { fingerprint })
          ).accepted;
          if (from % 2_000 === 0) await generated.drain();
        }
        await generated.drain();
        expect(accepted).toBe(truth.distinct);
        const { bySlo } = await figuresAt(generated.store.engine, generated.slos, Date.parse(truth.end));
        for (const [window, expected] of Object.entries(truth.windows)) {
          for (const slo of generated.slos.filter(({ sli }) => expected[sli.id])) {
            const { good, total } = bySlo.get(slo.name)?.windows.get(window) ?? { good: -1, total: -1 };
            expect([window, slo.sli.id, good, total]).toEqual([window, slo.sli.id, ...(expected[slo.sli.id] ?? [])]);
          }
        }
      } finally {
        await generated.dispose();
      }
    });
  });
});
