/** Clients that generators make of the OpenAPI document ask a real Muster, and schemathesis looks for answers that the document does not tell of. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LanguageName, peerOf, peersIn, whyNot } from '../support/peers.ts';
import { type Running, removeData, startMuster, temporaryData } from '../support/process.ts';

const run = promisify(execFile);
const SECRET = /^muster_[0-9a-f]{8}_/;
/** What lasts, what is long by its nature, and what changes the keys that the others ask with. */
const NOT_TRIED = ['/api/events/stream', '/api/backup'].flatMap((path) => ['--exclude-path', path]);
const CHECKS = 'not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance';

const isHere = async (language: LanguageName): Promise<boolean> => {
  const why = await whyNot(language);
  if (why !== undefined) console.warn(`NOT RUN here, ${language}: ${why}`);
  return why === undefined;
};
const [hasTypescript, hasPython] = [await isHere('openapi-typescript'), await isHere('openapi-python')];

let muster: Running;
const keys: Record<string, string> = {};
beforeAll(async () => {
  muster = await startMuster(await temporaryData());
  keys.admin = await keyFor(['admin', 'ingest', 'core']);
  keys.read = await keyFor(['read'], keys.admin);
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

async function keyFor(scopes: string[], by?: string): Promise<string> {
  const response = await fetch(`${muster.url}/api/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(by !== undefined && { authorization: `Bearer ${by}` }) },
    body: JSON.stringify({ scopes }),
  });
  return ((await response.json()) as { key: string }).key;
}

/** The document beside a generator. */
async function documentIn(folder: string): Promise<string> {
  const response = await fetch(`${muster.url}/api/openapi.json`, { headers: { authorization: `Bearer ${keys.read}` } });
  const path = join(folder, 'openapi.json');
  await writeFile(path, await response.text());
  return path;
}

test.runIf(hasTypescript)('a client compiled by the types of openapi-typescript is told what it asks for', async () => {
  const cwd = await peersIn('openapi-typescript');
  const [node, bin] = await peerOf('openapi-typescript', 'node_modules/.bin/');
  await run(node, [`${bin}openapi-typescript`, await documentIn(cwd), '-o', 'api.d.ts'], { cwd });
  await run(node, [`${bin}tsc`], { cwd }).catch((error: { stdout: string }) => {
    throw new Error(error.stdout);
  });
  const { stdout } = await run(node, ['client.js', muster.url, keys.admin ?? ''], { cwd });
  expect(JSON.parse(stdout)).toEqual({
    accepted: 1,
    secret: expect.stringMatching(SECRET),
    objectives: 12,
    code: 'MUSTER_NOT_FOUND',
    seed: 'string',
  });
});

test.runIf(hasPython)('a client of openapi-python-client is told what it asks for', async () => {
  const cwd = await peersIn('openapi-python');
  const [generator] = await peerOf('openapi-python', 'openapi-python-client');
  const [python] = await peerOf('openapi-python', 'python');
  const parameters = ['--output-path', 'muster_client', '--meta', 'none', '--overwrite'];
  const { stdout: told } = await run(generator, ['generate', '--path', await documentIn(cwd), ...parameters], { cwd });
  // It knows JSON alone; of everything else the document has, it makes all.
  expect(told.match(/(?:Unable|Cannot|Unsupported)[^\n]*/g)?.filter((line) => !/unsupported content[ _]type/i.test(line)) ?? []).toEqual(
    [],
  );
  const { stdout } = await run(python, ['client.py', muster.url, keys.admin ?? ''], { cwd });
  expect(JSON.parse(stdout)).toEqual({ secret: expect.stringMatching(SECRET), objectives: 12, code: 'MUSTER_NOT_FOUND' });
});

describe('schemathesis', () => {
  test.runIf(hasPython).each(['read', 'admin'])('with a key for %s: no answer that the document does not tell of', async (scope) => {
    const cwd = await peersIn('openapi-python');
    const [schemathesis] = await peerOf('openapi-python', 'schemathesis');
    const parameters = ['--checks', CHECKS, ...NOT_TRIED, '--phases', 'examples,fuzzing', '--max-examples', '12', '--workers', '2'];
    const env = { ...process.env, SCHEMATHESIS_HOOKS: 'hooks', PYTHONPATH: cwd };
    const { stdout } = await run(
      schemathesis,
      [
        'run',
        `${muster.url}/api/openapi.json`,
        ...['--header', `Authorization: Bearer ${keys[scope]}`],
        ...parameters,
        ...['--request-timeout', '120', '--no-color', '--seed', '1'],
      ],
      { cwd, env, timeout: 280_000, maxBuffer: 64 * 1024 * 1024 },
    ).catch((error: { stdout: string; stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`);
    });
    expect(stdout).toMatch(/Test cases:\n\s+\d+ generated, \d+ passed/);
  });
});
