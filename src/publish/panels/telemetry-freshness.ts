import type { PanelFile } from './panel.ts';

/** Can the other panels be believed? */
export const telemetryFreshness: PanelFile = () => ({
  id: 11,
  name: 'telemetry-freshness',
  title: 'Newest event',
  description:
    'Can the other panels be believed? Time since the newest event happened. Minutes of silence in a busy hour mean that the producer or the collector is down, not that all is well.',
  kind: 'stat',
  unit: 's',
  decimals: 0,
  min: 0,
  thresholds: [
    { from: null, level: 'ok' },
    { from: 300, level: 'warn' },
    { from: 600, level: 'bad' },
  ],
  span: 4,
  height: 5,
  sql: `SELECT greatest(0, toUnixTimestamp(now()) - toUnixTimestamp(max(time))) AS age FROM events_v
    WHERE time > now() - INTERVAL 40 DAY HAVING count() > 0`,
});
