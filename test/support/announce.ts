/** Says plainly, before and after the run, which groups cannot run on this machine. */
import { missing } from './counterparts.ts';

const GROUPS = {
  promtool: 'rules and metrics checked by promtool',
  prometheus: 'rules asked of a real Prometheus',
  amtool: 'routes checked by amtool',
  'prometheus-alertmanager': 'notifications through a real Alertmanager',
  chromium: 'the page in a real browser',
  python3: 'streams of the second generator',
  openssl: 'TLS with certificates of servers and clients',
  strace: 'disks that are full or broken',
  faketime: 'clocks that jump',
  postgres: 'the core on a real PostgreSQL',
  pgbouncer: 'the core behind PgBouncer',
  shared: 'real payloads of identity providers, and the second generator',
} as const;

export default function announce(): () => void {
  const say = () => {
    for (const name of missing()) console.warn(`NOT RUN here, since ${name} is missing: ${GROUPS[name]}`);
  };
  say();
  return say;
}
