/** The configuration that the engine starts with: what nobody may do, whoever asks. */
import { TABLES } from '../names.ts';

/** What Muster itself needs. Everything that reaches the network, other databases or the process is left out, for all. */
const GRANTS = [
  'GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, TRUNCATE, OPTIMIZE ON *.*',
  'GRANT CREATE TEMPORARY TABLE, KILL QUERY, BACKUP ON *.*',
  'GRANT FILE ON *.*',
];

const names = TABLES.map((name) => `'${name}'`).join(', ');

/** Rows of the catalogue that are shown: clients that offer tables to choose from see those of {@link TABLES}. */
const ROW_FILTERS = {
  databases: 'name = currentDatabase()',
  tables: `database = currentDatabase() AND name IN (${names})`,
  columns: `database = currentDatabase() AND table IN (${names})`,
} as const;

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * ClickHouse server configuration, as XML.
 * @param usersFile where {@link usersConfig} is; the engine does not heed users in the same file
 * @param backupFolder backups are only written to and read from there
 */
export const engineConfig = (usersFile: string, backupFolder: string): string => `<clickhouse>
  <backups><allowed_path>${escaped(backupFolder)}</allowed_path></backups>
  <users_config>${escaped(usersFile)}</users_config>
  <user_directories><users_xml><path>${escaped(usersFile)}</path></users_xml></user_directories>
</clickhouse>
`;

/** The one user that there is in the embedded engine. */
export function usersConfig(): string {
  const grants = GRANTS.map((grant) => `<query>${grant}</query>`).join('');
  const filters = Object.entries(ROW_FILTERS).map(([table, filter]) => `<${table}><filter>${filter}</filter></${table}>`);
  return `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>${grants}</grants>
      <databases><system>${filters.join('')}</system></databases>
    </default>
  </users>
</clickhouse>
`;
}
