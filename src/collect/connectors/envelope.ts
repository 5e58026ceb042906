/** What pipelines put around a product's record: Amazon EventBridge, Splunk HEC, Fluent Bit, Elastic, syslog to JSON. */
import { type AnyConnector, at, type Connector, type ConnectorContext, IGNORED, type Mapped } from './connector.ts';

/** Fields that hold a record: as an object, or as JSON in text. */
const AROUND = ['detail', 'event', 'message', 'log', '_raw', '_source', 'record'] as const;
const MAX_DEPTH = 3;
const MAX_TEXT = 256 * 1024;
/** Of values in values: more brackets are no record of a product. */
const MAX_BRACKETS = 5_000;

/** What a connector makes of a record, or of the record that is in it when it makes nothing of the whole. */
export function mapUnwrapped(connector: Connector, record: unknown, context: ConnectorContext): Mapped {
  const choice = new Choice();
  for (const candidate of insidesOf(record)) if (choice.isMade(connector.map(candidate, context))) break;
  return choice.made();
}

/** The same, of any connector, one that answers later too. */
export async function mapUnwrappedLater(connector: AnyConnector, record: unknown, context: ConnectorContext): Promise<Mapped> {
  const choice = new Choice();
  for (const candidate of insidesOf(record)) if (choice.isMade(await connector.map(candidate, context))) break;
  return choice.made();
}

/** The first that concerns us; else one inside that its product has a name for; else the whole. */
class Choice {
  private outermost: Mapped | undefined;
  private named: Mapped | undefined;
  private found: Mapped | undefined;

  isMade(mapped: Mapped): boolean {
    if (mapped.kind !== 'ignored') this.found = mapped;
    else if (this.outermost !== undefined && mapped.type !== undefined) this.named ??= mapped;
    this.outermost ??= mapped;
    return this.found !== undefined;
  }

  made(): Mapped {
    return this.found ?? this.named ?? this.outermost ?? IGNORED;
  }
}

/** A record, then what may be one in it, and in that. */
function* insidesOf(record: unknown, depth = 0): Generator<unknown> {
  yield record;
  if (depth >= MAX_DEPTH) return;
  for (const name of AROUND) {
    const inner = objectIn(at(record, name));
    if (inner !== undefined) yield* insidesOf(inner, depth + 1);
  }
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
