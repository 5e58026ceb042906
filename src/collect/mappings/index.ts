/** The registry of mapping files that ship: one file each, its name here. */
import { readFile } from 'node:fs/promises';
import { MusterError } from '../../errors.ts';
import { type AnyConnector, type Connector, connectorNamed } from '../connectors/connector.ts';
import { loadMapping } from './mapping.ts';

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

/** A mapping that ships. */
export async function shippedMapping(name: (typeof MAPPED_SOURCES)[number]) {
  const path = new URL(`./${name}.yaml`, import.meta.url);
  return loadMapping(await readFile(path, 'utf8'), `${name}.yaml`);
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
