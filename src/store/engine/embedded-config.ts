/** The configuration that the engine starts with: what nobody may do, and what SQL from outside may not, whatever it looks like. */
import { SESSION_ZONE } from './engine.ts';

/** What Muster itself needs. Everything that reaches the network, other databases or the process is left out, for all. */
const INSIDE = [
  'GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, TRUNCATE, OPTIMIZE ON *.*',
  'GRANT CREATE TEMPORARY TABLE, KILL QUERY, BACKUP, ALLOW SQL SECURITY NONE ON *.*',
  'GRANT FILE ON *.*',
];

/** The role of sessions for SQL from outside, see {@link usersConfig}. */
export const OUTSIDE_ROLE = 'outside';
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * ClickHouse server configuration, as XML. What was replaced leaves the disk within seconds, from the start on: who is forgotten must be gone from it.
 * @param usersFile where {@link usersConfig} is; the engine does not heed users in the same file
 * @param backupFolder backups are only written to and read from there
 */
export const engineConfig = (usersFile: string, backupFolder: string): string => `<clickhouse>
  <backups><allowed_path>${escaped(backupFolder)}</allowed_path></backups>
  <merge_tree>
    <cleanup_delay_period>3</cleanup_delay_period>
    <cleanup_delay_period_random_add>0</cleanup_delay_period_random_add>
    <max_cleanup_delay_period>6</max_cleanup_delay_period>
  </merge_tree>
  <users_config>${escaped(usersFile)}</users_config>
  <user_directories><users_xml><path>${escaped(usersFile)}</path></users_xml></user_directories>
</clickhouse>
`;

/**
 * The one user that there is in the embedded engine, with what it may do in two roles: all sessions have both, until one takes
 * {@link OUTSIDE_ROLE} alone. Tables of Muster's own are then out of reach in whatever place of a statement they are named. Scalar functions,
 * the engine's own tables and statements other than SELECT heed no grant here: those are the guard's.
 * @param database that of Muster's tables
 * @param readable tables and views in it that SQL from outside may read
 */
export function usersConfig(database: string, readable: readonly string[]): string {
  return `<clickhouse>
  <profiles><default><session_timezone>${SESSION_ZONE}</session_timezone></default></profiles>
  <quotas><default/></quotas>
  <roles>
    <inside>${grants(INSIDE)}</inside>
    <${OUTSIDE_ROLE}>${grants(readable.map((name) => `GRANT SELECT ON ${database}.${name}`))}</${OUTSIDE_ROLE}>
  </roles>
  <users>
    <default>
      <password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      ${grants(['GRANT inside', `GRANT ${OUTSIDE_ROLE}`])}
    </default>
  </users>
</clickhouse>
`;
}

const grants = (queries: readonly string[]) => `<grants>${queries.map((query) => `<query>${query}</query>`).join('')}</grants>`;
