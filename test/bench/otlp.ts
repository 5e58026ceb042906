/**
 * `npm run bench -- otlp`: what the route of OTLP log records costs, in protobuf and in JSON, beside NDJSON of the same events in the same run.
 * Ratios carry over to other machines, absolute figures do not.
 */
import { cpus } from 'node:os';
import { protobufOf } from '../support/otlp-protobuf.ts';
import { bodyRequest } from './connection.ts';
import { spread } from './figures.ts';
import { closedLoop, eventSource, type Measured, ndjsonOf, withMuster } from './ingest-load.ts';

const EVENTS = Number(process.env.MUSTER_BENCH_EVENTS ?? 120_000);
const ROUNDS = Number(process.env.MUSTER_BENCH_ROUNDS ?? 3);
/** As SDKs send them. */
const BATCH = 512;

type Json = Record<string, unknown>;

/** An event as the attributes of a log record. */
function recordOf({ id, type, time, source: _, ...fields }: Json): Json {
  const anyValue = (value: unknown) =>
    typeof value === 'number'
      ? { doubleValue: value }
      : typeof value === 'boolean'
        ? { boolValue: value }
        : { stringValue: typeof value === 'string' ? value : JSON.stringify(value) };
  const named = Object.entries(fields).flatMap(([name, value]) =>
    name === 'attributes'
      ? Object.entries(value as Json).map(([key, each]) => ({ key: `muster.attributes.${key}`, value: anyValue(each) }))
      : [{ key: `muster.${name}`, value: anyValue(value) }],
  );
  return {
    timeUnixNano: `${Date.parse(String(time))}000000`,
    eventName: type,
    attributes: [{ key: 'log.record.uid', value: { stringValue: String(id) } }, ...named],
  };
}

const requestOf = (events: readonly Json[]) => ({
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: String(events[0]?.source) } }] },
      scopeLogs: [{ logRecords: events.map(recordOf) }],
    },
  ],
});

const FORMS = {
  NDJSON: ndjsonOf,
  'OTLP in protobuf': (host: string, events: readonly Json[]) =>
    bodyRequest(host, '/v1/logs', 'application/x-protobuf', protobufOf('logs', requestOf(events))),
  'OTLP in JSON': (host: string, events: readonly Json[]) =>
    bodyRequest(host, '/v1/logs', 'application/json', Buffer.from(JSON.stringify(requestOf(events)))),
} as const;

console.log(
  `${EVENTS} events in batches of ${BATCH} over 4 connections, ${ROUNDS} rounds, on ${cpus().length} cores shared with the client`,
);
const measured = new Map<string, Measured[]>();
for (let round = 0; round < ROUNDS; round++)
  for (const [name, form] of Object.entries(FORMS))
    await withMuster(async (target) => {
      const result = await closedLoop(target, eventSource(EVENTS / 5.6), { batch: BATCH, connections: 4, events: EVENTS, form });
      measured.set(name, [...(measured.get(name) ?? []), result]);
    });
const plain = measured.get('NDJSON') ?? [];
for (const [name, all] of measured)
  console.log(
    `  ${name.padEnd(18)} acknowledged ${spread(all.map((m) => m.acknowledgedPerSecond))}/s, processor seconds per million ${spread(
      all.map((m) => m.cpuSecondsPerMillion),
      1,
    )}, beside NDJSON ${spread(
      all.map((m, i) => m.cpuSecondsPerMillion / (plain[i]?.cpuSecondsPerMillion ?? Number.NaN)),
      2,
    )}`,
  );
