/**
 * Five hundred secrets and pieces of personal data, in every field, header and format: none reaches the disk, a log, a metric or an answer.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openServices } from '../../src/cli/services.ts';
import { parseConfig } from '../../src/config.ts';
import { protobufOf } from '../support/otlp-protobuf.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { type Planted, plantedSecrets } from '../support/secrets.ts';

const COUNT = 500;
const BASE = { type: 'api.request', time: new Date(Date.now() - 60_000).toISOString(), source: 'identity' };
const NANOS = `${Date.now() - 60_000}000000`;
/** Fields that may hold any text; those of identities, versions and networks among them. */
const FIELDS = [
  'user',
  'actor',
  'device',
  'destination',
  'session',
  'segment',
  'tenant',
  'region',
  'environment',
  'deployment',
  'client_version',
  'provider',
  'error_code',
  'action',
  'reason',
  'ip',
  'user_agent',
] as const;
/** Fields in which it makes the event wrong. */
const IDS = ['id', 'attempt_id', 'factor_id', 'recovery_id', 'source'] as const;
const REFUSING = ['type', 'time', 'country', 'trace_id', 'unknown'] as const;

let answers = '';
let sent = 0;

async function post(
  muster: Running,
  path: string,
  contentType: string,
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${muster.url}${path}`, { method: 'POST', headers: { 'content-type': contentType, ...headers }, body });
  answers += `${JSON.stringify([...response.headers])}${await response.text()}\n`;
  sent += 1;
  return response.status;
}

const inHeader = (text: string) => encodeURIComponent(text);
const attribute = (key: string, text: string) => ({ key, value: { stringValue: text } });

/** In an id these cannot be told from ids. */
const looksLikeAnId = ({ kind, text }: Planted) =>
  kind === 'recovery_code' || kind === 'one_time_code' || (kind === 'card_number' && !text.includes('-'));

const VERSION_FIELDS = ['deployment', 'client_version'] as const;
const LABEL_FIELDS = [...VERSION_FIELDS, 'segment', 'tenant', 'region', 'environment', 'provider', 'error_code', 'action'] as const;
/** Labels and codes are judged by their field: what only looks like a secret may stand there, and four numbers are a version. */
function mayStandIn(field: (typeof FIELDS)[number], planted: Planted): boolean {
  const isLook = looksLikeAnId(planted) && !/code |otp=/.test(planted.text);
  if ((VERSION_FIELDS as readonly string[]).includes(field) && planted.kind === 'ip_address' && planted.text.includes('.')) return true;
  return isLook && (LABEL_FIELDS as readonly string[]).includes(field);
}

/** One secret on all ways in. */
async function plant(muster: Running, planted: Planted, n: number): Promise<void> {
  const { text } = planted;
  const idFields = looksLikeAnId(planted) ? [] : IDS;
  const id = looksLikeAnId(planted) ? `batch-${n}` : text;
  const event = (more: object, part: string) => ({ ...BASE, id: `${part}-${n}`, ...more });
  const events = [
    ...FIELDS.filter((field) => !mayStandIn(field, planted)).map((field) => event({ [field]: text }, field)),
    ...[...REFUSING, ...idFields].map((field) => event({ [field]: text }, field)),
    event({ attributes: { note: `it said ${text}.` } }, 'value'),
    event({ attributes: { [text.slice(0, 64)]: 'yes' } }, 'key'),
    event({ [text]: 'yes' }, 'field'),
    text,
  ];
  await post(muster, '/v1/events', 'application/json', JSON.stringify(events));
  // Whole lines that are no JSON, and a query, and headers that are nobody's business.
  await post(muster, `/v1/events?q=${inHeader(text)}`, 'application/x-ndjson', `{"id": "${text}`, {
    'x-request-id': inHeader(text),
    'user-agent': inHeader(text),
  });
  const cloud = { specversion: '1.0', id: `cloud-${n}`, source: '/identity', type: 'api.request', time: BASE.time };
  const structured = { ...cloud, subject: text, data: { reason: text, attributes: { a: text } } };
  await post(muster, '/v1/events', 'application/cloudevents+json', JSON.stringify(structured));
  await post(muster, '/v1/events', 'application/cloudevents-batch+json', JSON.stringify([{ ...structured, id }]));
  await post(muster, '/v1/events', 'application/json', JSON.stringify({ reason: text }), {
    'ce-specversion': '1.0',
    'ce-id': `binary-${n}`,
    'ce-source': '/identity',
    'ce-type': 'api.request',
    'ce-time': BASE.time,
    'ce-subject': inHeader(text),
    'ce-extension': inHeader(text),
  });
  const resource = { attributes: [attribute('service.name', text), attribute('host.name', text)] };
  const ids = { traceId: n.toString(16).padStart(32, 'a'), spanId: n.toString(16).padStart(16, 'b') };
  const times = { startTimeUnixNano: NANOS, endTimeUnixNano: NANOS };
  const span = { ...ids, ...times, name: `enroll ${text}`, attributes: [attribute('peer.name', text), attribute('note', text)] };
  const named = [attribute('event.name', 'api.request'), attribute('muster.source', 'otlp'), attribute('muster.reason', text)];
  const asEvent = { ...ids, ...times, spanId: n.toString(16).padStart(16, 'c'), name: text, attributes: named, status: { message: text } };
  const spans = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: text }, spans: [span, asEvent] }] }] };
  await post(muster, '/v1/traces', 'application/json', JSON.stringify(spans));
  await post(muster, '/v1/traces', 'application/x-protobuf', protobufOf('traces', spans));
  const record = { ...ids, timeUnixNano: NANOS, eventName: 'api.request', body: { stringValue: text }, attributes: named };
  const logs = { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record, { ...record, eventName: text }] }] }] };
  await post(muster, '/v1/logs', 'application/json', JSON.stringify(logs));
  await post(muster, '/v1/logs', 'application/x-protobuf', protobufOf('logs', logs));
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
/** What decides whether a record is one that Muster reads, and when it was. */
const KEPT_AS_IS = new Set([
  'eventType',
  'eventtype',
  'published',
  'time',
  'action',
  'isotimestamp',
  'kind',
  'applicationName',
  'type',
  'name',
]);

/** A record of a product with something in place of every text, and as another key. */
function withText(value: Json, text: string, name = ''): Json {
  if (Array.isArray(value)) return value.map((each) => withText(each, text, name));
  if (typeof value === 'object' && value !== null)
    return { ...Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withText(inner, text, key)])), [text]: text };
  return typeof value === 'string' && !KEPT_AS_IS.has(name) ? text : value;
}

/** All of them in records of every product, by the command that imports files. */
async function plantInProducts(muster: Running, planted: readonly Planted[], folder: string): Promise<void> {
  // What cannot be told from an id may stand where an id does.
  const others = planted.filter((each) => !looksLikeAnId(each));
  for (const product of ['okta', 'duo', 'google_workspace']) {
    const fixture = await readFile(new URL(`../fixtures/${product}.ndjson`, import.meta.url), 'utf8');
    const records = fixture.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Json];
      } catch {
        return [];
      }
    });
    const file = join(folder, `${product}.ndjson`);
    const lines = others.map(({ text }, n) => JSON.stringify(withText(records[n % records.length] as Json, text)));
    await writeFile(file, [...lines, ...others.map(({ text }) => `{"cut off": "${text}`)].join('\n'));
    const { stdout, stderr } = await runMuster(['import', product, file, '--data', muster.dataDir]);
    expect(stdout, product).toMatch(/[1-9]\d* accepted/);
    answers += stdout + stderr;
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test('none of them is found again', async () => {
  const planted = plantedSecrets(11, COUNT);
  // Digits alone stand inside of longer numbers by chance, such as hashes and times.
  const isIn = (core: string, text: string) =>
    text.includes(core) && (!/^\d+$/.test(core) || new RegExp(`(?<!\\d)${core}(?!\\d)`).test(text));
  const leaked = (text: string) => planted.filter(({ core }) => isIn(core, text)).map(({ kind, text }) => `${kind}: ${text}`);
  const [dataDir, elsewhere] = [await temporaryData(), await temporaryData()];
  const muster = await startMuster(dataDir);
  try {
    for (const [n, each] of planted.entries()) await plant(muster, each, n);
    expect(sent).toBe(COUNT * 9);
    await plantInProducts(muster, planted, elsewhere);
    expect(leaked(answers)).toEqual([]);
    for (const path of ['/metrics', '/readyz', '/api/overview', '/api/events/recent', '/api/loader', '/api/findings']) {
      const text = await (await fetch(`${muster.url}${path}`)).text();
      expect(leaked(text), path).toEqual([]);
      if (path === '/metrics') expect(text).toMatch(/^muster_collector_redactions_total\{kind="base32_seed"\} [1-9]/m);
    }
    await expect
      .poll(async () => (await (await fetch(`${muster.url}/api/findings`)).json()) as object[], { timeout: 120_000, interval: 500 })
      .toContainEqual(
        expect.objectContaining({
          detector: 'secret_exposure',
          kind: 'security',
          dimensions: { source: 'identity', field: 'reason', secret: 'private_key' },
          attack: ['T1552'],
        }),
      );
    // As a crash leaves them: what is in the log lies there as it was written.
    await muster.kill();
    expect(leaked(muster.output())).toEqual([]);
    for (const path of await filesIn(dataDir)) expect(leaked(await readFile(path, 'latin1')), path).toEqual([]);

    const services = await openServices({ config: parseConfig({}, { dataDir }), onProblem: () => {} });
    try {
      const { read } = services.store;
      const tables = await read.rows<{ name: string }>("SELECT name FROM system.tables WHERE database = 'muster' AND engine != 'View'");
      // The catalogue shows what SQL may rely on; what lies beneath is named here.
      const names = new Set([
        ...tables.map(({ name }) => name),
        'events',
        'spans_log',
        'findings_log',
        'dead_letters_log',
        'audit_entries',
        'attempt_states',
        'minutes',
      ]);
      let stored = 0;
      for (const name of names) {
        const rows = await read.rows<object>(`SELECT * FROM ${name}`);
        stored += rows.length;
        expect(leaked(JSON.stringify(rows)), name).toEqual([]);
      }
      expect(stored).toBeGreaterThan(COUNT * (FIELDS.length - 1));
    } finally {
      await services.close();
    }
    const findings = await runMuster(['findings', '--data', dataDir]);
    expect(findings.stdout).toContain('identity sent a JSON Web Token in reason');
    expect(leaked(findings.stdout)).toEqual([]);
  } finally {
    await muster.kill();
    await removeData(dataDir);
    await removeData(elsewhere);
  }
});
