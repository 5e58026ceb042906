/** Disks that are full or broken: nothing is acknowledged that is not there, /readyz says so, and the file that failed is never written again. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { have, pathOf } from '../support/counterparts.ts';
import { removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';

const FIRST_SEGMENT = `${'1'.padStart(20, '0')}.log`;

describe.runIf(have('strace'))('the first segment of the log', () => {
  test.each([
    ['cannot be synced', 'fdatasync', 'EIO'],
    ['has no room', 'pwritev,writev,pwrite64,write', 'ENOSPC'],
  ])('%s', async (_, calls, error) => {
    const dataDir = await temporaryData();
    const segment = join(dataDir, 'log', FIRST_SEGMENT);
    const strace = [
      '-f',
      '-D',
      '-qq',
      '--seccomp-bpf',
      '-o',
      '/dev/null',
      '-P',
      segment,
      '-e',
      `trace=${calls}`,
      '-e',
      `inject=${calls}:error=${error}`,
    ];
    const muster = await startUnder([pathOf('strace'), ...strace], dataDir);
    const send = async (id: string) => {
      const event = { id, type: 'api.request', time: new Date().toISOString(), source: 'app', user: 'ada', http_status: 200 };
      const response = await fetch(`${muster.url}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
      });
      return {
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
        body: (await response.json()) as { code?: string; accepted?: number },
      };
    };
    try {
      expect((await fetch(`${muster.url}/readyz`)).status).toBe(200);
      expect(await send('first')).toMatchObject({ status: 503, retryAfter: '1', body: { code: 'MUSTER_LOG_FAILED' } });
      const unready = await fetch(`${muster.url}/readyz`);
      expect(unready.status).toBe(503);
      expect(await unready.text()).toContain(`events cannot be written to the disk: ${error}`);
      // What was not acknowledged is sent again, and goes into another file.
      expect(await send('first')).toMatchObject({ status: 200, body: { accepted: 1 } });
      expect(await send('second')).toMatchObject({ status: 200, body: { accepted: 1 } });
      expect((await fetch(`${muster.url}/readyz`)).status).toBe(200);
    } finally {
      await muster.stop();
    }
    const { stdout } = await runMuster(['query', 'SELECT id FROM events_v ORDER BY id', '--format', 'TSV', '--data', dataDir]);
    expect(stdout).toBe('first\nsecond\n');
    await removeData(dataDir);
  });
});
