/** What pipelines put around a product's record: Amazon EventBridge, Splunk HEC, Fluent Bit, Elastic, syslog to JSON. */
import { at, type Connector, type ConnectorContext, type Mapped } from './connector.ts';

/** Fields that hold a record: as an object, or as JSON in text. */
const AROUND = ['detail', 'event', 'message', 'log', '_raw', '_source', 'record'] as const;
const MAX_DEPTH = 3;
const MAX_TEXT = 256 * 1024;
/** Of values in values: more brackets are no record of a product. */
const MAX_BRACKETS = 5_000;

/** What a connector makes of a record, or of the record that is in it when it makes nothing of the whole. */
export function mapUnwrapped(connector: Connector, record: unknown, context: ConnectorContext, depth = 0): Mapped {
  const mapped = connector.map(record, context);
  if (mapped.kind !== 'ignored' || depth >= MAX_DEPTH) return mapped;
  for (const name of AROUND) {
    const inner = objectIn(at(record, name));
    if (inner === undefined) continue;
    const found = mapUnwrapped(connector, inner, context, depth + 1);
    if (found.kind !== 'ignored' || found.type !== undefined) return found;
  }
  return mapped;
}

function objectIn(value: unknown): object | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  if (typeof value !== 'string' || value.length > MAX_TEXT || !/^\s*\{/.test(value)) return undefined;
  if ((value.match(/[[{]/g)?.length ?? 0) > MAX_BRACKETS) return undefined;
  try {
    return JSON.parse(value) as object;
  } catch {
    return undefined;
  }
}
