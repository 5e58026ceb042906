/** The order of folders and of their rooms: each imports only from those above its own, as ARCHITECTURE.md draws it. */
const ORDER = ['system', 'privacy', 'events', 'store', 'collect', 'core', 'slo', 'detect', 'publish', 'serve', 'lab', 'cli'];
/** Neighbours on one line: neither imports the other. */
const NEIGHBOURS = [
  ['collect', 'core'],
  ['collect', 'slo'],
  ['core', 'slo'],
];
/** Rooms, and files that stand beside them, in the same order. */
const ROOMS = {
  store: ['engine/', 'rows/', 'records/', 'upkeep/', 'roll/', 'load/', 'guard/', 'store.ts'],
  collect: ['people/', 'intake/', 'cloudevents.ts', 'otlp/', 'connectors/', 'mappings/', 'push/', 'import/'],
  core: [
    'telemetry.ts',
    'vault/',
    'storage/',
    'factors/',
    'policy/',
    'providers/',
    'settings.ts',
    'canary.ts',
    'ledger/',
    'messages/',
    'enrollment/',
    'active/',
    'limits.ts',
    'canary-upkeep.ts',
    'reports.ts',
    'core.ts',
  ],
  detect: ['novelty/', 'series/', 'incidents/'],
  slo: ['arithmetic/', 'slis/', 'definition/', 'measure/', 'inquiry/', 'evaluate/', 'wording/'],
};

module.exports = { ORDER, NEIGHBOURS, ROOMS };
