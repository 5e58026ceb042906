/** `muster import --dry-run` and `--explain`: what would become of records, on a terminal or as JSON. */
import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { AnyConnector, ConnectorContext } from '../collect/connectors/connector.ts';
import { mapUnwrapped } from '../collect/connectors/envelope.ts';
import { CONNECTORS } from '../collect/connectors/index.ts';
import { type Becomes, becomesOf, explainRecord } from '../collect/import/dry-run.ts';
import { recordsOf } from '../collect/import/record-file.ts';
import { MusterError } from '../errors.ts';
import { fieldName, printable } from '../events/checker.ts';
import { pass } from '../privacy/redact.ts';
import { SECRETS } from '../privacy/secrets.ts';
import { type Context, coloured, print, printJson, shown, wholeNumber } from './context.ts';

/** Ids that are made of a record have a key of the data directory in them, which nothing is asked of here. */
const UNKEYED: ConnectorContext = { fingerprint: (text) => hash('sha256', text).slice(0, 32) };

/** Says what would become of the records of files, or of one of them field by field, and keeps nothing. */
export async function dryRun(
  context: Context,
  options: { explain?: string; defaultTime?: string; json?: boolean },
  { connector, files }: { connector: AnyConnector; files: readonly string[] },
): Promise<void> {
  const { defaultTime } = options;
  const mapping = { ...UNKEYED, ...(defaultTime !== undefined && { defaultTime }) };
  const wanted = options.explain === undefined ? undefined : wholeNumber('--explain', options.explain, 1, Number.MAX_SAFE_INTEGER);
  const counts = { accepted: 0, ignored: 0, rejected: 0 };
  let read = 0;
  let first: unknown;
  for (const file of files) {
    const input = file === '-' ? context.stdin : createReadStream(file);
    for await (const { record } of recordsOf(input, connector.ofLine)) {
      read += 1;
      if ('value' in record) first ??= record.value;
      if (wanted === undefined) {
        const found = await becomesOf(connector, record, mapping, context.now());
        counts[found.becomes] += 1;
        if (options.json) print(context, JSON.stringify(found));
        else print(context, becomesText(context, found));
      } else if (read === wanted) {
        const explained = await explainRecord(connector, record, mapping, context.now());
        if (options.json) printJson(context, explained);
        else print(context, explainedText(context, explained));
        return;
      }
    }
  }
  if (wanted !== undefined)
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `--explain ${wanted}: the ${files.length > 1 ? 'files have' : 'file has'} ${read} records`,
    );
  if (!options.json)
    print(
      context,
      `${read} read: ${counts.accepted} would be taken, ${counts.ignored} ignored, ${counts.rejected} rejected. Nothing was kept.`,
    );
  if (counts.ignored === read && read > 0)
    context.stderr.write(`muster: nothing was recognised as ${connector.name}: ${shown(likeliestReason(connector, first))}\n`);
  if (read > 0 && counts.accepted === 0) process.exitCode = counts.rejected === read ? 2 : 1;
}

function becomesText(context: Context, { line, becomes, why, events }: Becomes): string {
  const colour = { accepted: 'green', ignored: 'gray', rejected: 'red' } as const;
  const what =
    becomes === 'accepted'
      ? events
          .map(({ type, user, actor, factor_type, action }) =>
            [type, factor_type, action, user === undefined ? 'of nobody named' : `of ${user}`, actor === undefined ? '' : `by ${actor}`]
              .filter(Boolean)
              .join(' '),
          )
          .join('; ')
      : (why ?? 'it is of no kind that is known here');
  return `${String(line).padStart(6)}  ${coloured(context, colour[becomes], becomes.padEnd(8))}  ${printable(what)}`;
}

/** A secret is known by its name too. */
function withoutSecrets(name: string, value: string): string {
  const { text } = pass(`${name}: ${value}`, SECRETS);
  return text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text;
}

function explainedText(context: Context, { whole, fields, isCut }: Awaited<ReturnType<typeof explainRecord>>): string {
  const width = Math.min(44, Math.max(...fields.map(({ path }) => path.length), 5));
  const rows = fields.map(({ path, value, gives, decides }) => {
    const to = [...gives, ...(decides ? ['decides what it becomes'] : [])].join(', ');
    const text = withoutSecrets(path.split('.').at(-1) ?? '', JSON.stringify(value));
    const shownText = text.length > 40 ? `${text.slice(0, 39)}…` : text;
    return `  ${printable(path).padEnd(width)}  ${printable(shownText).padEnd(40)}  ${to === '' ? coloured(context, 'gray', 'not taken') : to}`;
  });
  const events = whole.events.map((event) => `  ${printable(pass(JSON.stringify(event), SECRETS).text)}`);
  return [
    becomesText(context, whole),
    '',
    ...rows,
    ...(isCut ? ['  and more fields'] : []),
    ...(events.length > 0 ? ['', 'As events (ids that are made of a record are others when it is taken in):', ...events] : []),
  ].join('\n');
}

/** Why a connector makes nothing of any record, by the first. */
export function likeliestReason(connector: AnyConnector, record: unknown): string {
  const context = { fingerprint: () => '', defaultTime: '2000-01-01T00:00:00Z' };
  const other = CONNECTORS.find(
    (each) => !['muster', 'cloudevents', connector.name].includes(each.name) && mapUnwrapped(each, record, context).kind === 'events',
  );
  if (other) return `these look like records of ${other.name}; try muster import ${other.name}`;
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'its records are no JSON objects';
  const names = Object.keys(record)
    .slice(0, MAX_KEYS)
    .map((name) => JSON.stringify(fieldName(name)));
  if ('specversion' in record) return 'these look like CloudEvents; try muster import cloudevents';
  if ('attempt_id' in record) return 'these look like events of Muster; try muster import muster';
  return `it reads ${connector.reads}, and the first record has the fields ${names.join(', ')}`;
}

const MAX_KEYS = 8;
