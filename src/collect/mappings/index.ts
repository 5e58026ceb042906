/** The registry of mapping files that ship: one file each, its name here. */
import { readFile } from 'node:fs/promises';
import { MusterError } from '../../errors.ts';
import { type AnyConnector, type Connector, connectorNamed } from '../connectors/connector.ts';
import { type LoadedMapping, loadMapping } from './mapping.ts';

/** Sources whose records are mapped by a file. */
export const MAPPED_SOURCES = [
  'authentik',
  'fusionauth',
  'github',
  'gitlab',
  'jira',
  'jumpcloud',
  'ory_kratos',
  'pingone',
  'privacyidea',
  'zendesk',
  'zitadel',
] as const;

const shipped = new Map<string, Promise<LoadedMapping>>();

/** A mapping that ships, read once. */
export function shippedMapping(name: (typeof MAPPED_SOURCES)[number]): Promise<LoadedMapping> {
  const known = shipped.get(name);
  if (known) return known;
  const path = new URL(`./${name}.yaml`, import.meta.url);
  const loading = readFile(path, 'utf8').then((text) => loadMapping(text, `${name}.yaml`));
  shipped.set(name, loading);
  return loading;
}

/** The connector of a source, of code or by a mapping that ships. @throws MUSTER_UNKNOWN_SOURCE */
export async function sourceNamed(connectors: readonly Connector[], name: string): Promise<AnyConnector> {
  const mapped = MAPPED_SOURCES.find((each) => each === name);
  return mapped === undefined ? connectorNamed(connectors, name, MAPPED_SOURCES) : (await shippedMapping(mapped)).connector;
}

/**
 * The connector of a mapping file that somebody wrote, once its own tests pass.
 * @throws MUSTER_BAD_MAPPING
 */
export async function testedMapping(text: string, file: string): Promise<AnyConnector> {
  const { connector, problems } = loadMapping(text, file);
  const [first, ...more] = await problems();
  if (first !== undefined) throw new MusterError('MUSTER_BAD_MAPPING', `${first}${more.length > 0 ? `; and ${more.length} more` : ''}`);
  return connector;
}
