/**
 * ClickHouse's HTTP interface in front of the embedded engine of this process: sessions with temporary tables, settings and parameters in the
 * query string, statements with rows as body; and the ways in which a server, or what is between, fails.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Session } from 'chdb';

/**
 * `down` resets every connection; `hanging` takes a statement and never answers; `slow` answers late; `failing` says that memory is short;
 * `half` inserts half of the rows and says so; `cut` does what it is told, and the answer breaks off; `lost` does it and never answers;
 * `late` does it when nobody waits for it any more, unless it was told to end it.
 */
export type Fault = 'down' | 'hanging' | 'slow' | 'failing' | 'half' | 'cut' | 'lost' | 'late';
const SLOW_MS = 1_500;
const LATE_MS = 4_000;
/** Parameters of a request that are no settings. */
const OWN = new Set(['query', 'query_id', 'session_id', 'session_timeout', 'database', 'default_format', 'wait_end_of_query']);

export interface TestServer {
  url: string;
  /** What is wrong, by database. */
  faults: Map<string, Fault>;
  /** Statements that met one, by database. */
  hits: Map<string, number>;
  /** Statements that were ended while they waited to be done. */
  killed: Set<string>;
  query(sql: string): Promise<string>;
  close(): Promise<void>;
}

interface ServerQuery {
  sql: string;
  body: Buffer;
  search: URLSearchParams;
}

class Refusal extends Error {}

/** Starts it with an engine that is empty. */
export async function startClickHouse(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-clickhouse-'));
  const path = join(folder, 'engine');
  const keeper = new Session(path);
  const sessions = new Map<string, { session: Session; isBusy: boolean }>();
  const faults = new Map<string, Fault>();
  const hits = new Map<string, number>();
  const waiting = new Set<string>();
  const killed = new Set<string>();
  let files = 0;

  /** What a session was told last: most requests of one say the same. */
  const told = new Map<Session, string>();
  const set = async (session: Session, search: URLSearchParams, literal: (value: string) => string) => {
    const settings = [...search].filter(([name]) => !OWN.has(name) && !name.startsWith('param_'));
    const database = search.get('database');
    const all = JSON.stringify([database, settings]);
    if (told.get(session) === all) return;
    if (database !== null) await session.queryAsync(`USE ${database}`);
    // `readonly` goes last, since nothing can be set after it.
    settings.sort(([a], [b]) => Number(a === 'readonly') - Number(b === 'readonly'));
    for (const [name, value] of settings) await session.queryAsync(`SET ${name} = ${literal(value)}`);
    told.set(session, all);
  };

  const run = async (session: Session, { sql, body, search }: ServerQuery): Promise<string> => {
    const literal = (value: string) => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
    await set(session, search, literal);
    const values = [...search].filter(([name]) => name.startsWith('param_')).map(([name, value]) => `SET ${name} = ${literal(value)}; `);
    const format = /\sFORMAT (\w+)\s*$/.exec(sql)?.[1];
    if (body.length === 0) {
      const result = await session.queryAsync(values.join('') + sql, { format: format ?? search.get('default_format') ?? 'TabSeparated' });
      return Buffer.from(result.bytes()).toString('latin1');
    }
    files += 1;
    const file = join(folder, `body-${files}`);
    await writeFile(file, body);
    const insert = sql.replace(/\sFORMAT \w+\s*$/, '');
    const withFile = /input\('/.test(insert)
      ? insert.replace(/input\(('(?:[^'\\]|\\.)*')\)/, (_, structure: string) => `file('${file}', '${format}', ${structure})`)
      : `${insert} SELECT * FROM file('${file}', '${format}')`;
    await session.queryAsync(values.join('') + withFile).finally(() => rm(file));
    return '';
  };

  const inSession = async (asked: ServerQuery): Promise<string> => {
    const id = asked.search.get('session_id');
    if (id === null) {
      const session = new Session(path);
      return run(session, asked).finally(() => {
        told.delete(session);
        session.close();
      });
    }
    const known = sessions.get(id) ?? { session: new Session(path), isBusy: false };
    sessions.set(id, known);
    if (known.isBusy) throw new Refusal('Code: 373. DB::Exception: Session is locked by a concurrent client. (SESSION_IS_LOCKED)');
    known.isBusy = true;
    try {
      return await run(known.session, asked);
    } finally {
      known.isBusy = false;
    }
  };

  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const search = new URL(request.url ?? '/', 'http://localhost').searchParams;
    let body = await buffer(request);
    const type = request.headers['content-type'] ?? '';
    if (type.startsWith('multipart/form-data')) {
      const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
      for (const [name, value] of form) if (name !== 'query') search.set(name, String(value));
      body = Buffer.from(String(form.get('query')));
    }
    const inQuery = search.get('query');
    const asked = inQuery === null ? { sql: body.toString(), body: Buffer.alloc(0), search } : { sql: inQuery, body, search };
    const database = search.get('database') ?? '';
    const fault = faults.get(database);
    if (fault !== undefined) hits.set(database, (hits.get(database) ?? 0) + 1);
    if (fault === 'down') {
      request.socket.resetAndDestroy();
      return;
    }
    // Of statements that wait: the engine itself knows nothing of them yet.
    if (asked.sql.startsWith('KILL QUERY WHERE query_id')) {
      const id = search.get('param_id') ?? '';
      if (waiting.has(id)) killed.add(id);
      response.end();
      return;
    }
    if (fault === 'hanging') return;
    if (fault === 'slow') await sleep(SLOW_MS);
    if (fault === 'late') {
      const id = search.get('query_id') ?? '';
      waiting.add(id);
      await sleep(LATE_MS);
      waiting.delete(id);
      if (killed.has(id)) return;
    }
    try {
      if (fault === 'failing') throw new Refusal('Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)');
      if (fault === 'half' && asked.body.length > 0) {
        const middle = asked.body.lastIndexOf(10, asked.body.length >> 1) + 1;
        if (middle > 0) await inSession({ ...asked, body: asked.body.subarray(0, middle) });
        throw new Refusal('Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)');
      }
      const text = Buffer.from(await inSession(asked), 'latin1');
      if (fault === 'lost') {
        request.socket.resetAndDestroy();
        return;
      }
      response.writeHead(200, {
        'content-length': text.length + (fault === 'cut' ? 1_000 : 0),
        'x-clickhouse-summary': '{"read_rows":"1"}',
      });
      if (fault !== 'cut') response.end(text);
      else response.write(text.subarray(0, text.length >> 1), () => request.socket.resetAndDestroy());
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(error instanceof Error ? error.message : String(error));
    }
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    hits,
    killed,
    query: async (sql) => Buffer.from((await keeper.queryAsync(sql, { format: 'TSV' })).bytes()).toString(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      for (const { session } of sessions.values()) session.close();
      keeper.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
