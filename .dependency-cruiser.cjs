/** Imports go one way: what may import what is the order in scripts/rooms.cjs. */
const { ORDER, NEIGHBOURS, ROOMS } = require('./scripts/rooms.cjs');

const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from: { path: from }, to: { path: to } });
const escaped = (name) => name.replaceAll('.', '\\.');

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'Two files that need each other are one file, or need a third.',
      from: {},
      to: { circular: true },
    },
    { name: 'no-missing', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...ORDER.slice(0, -1).map((folder, index) =>
      rule(
        `${folder}-imports-up`,
        `src/${folder} imports only from folders above it.`,
        `^src/${folder}/`,
        `^src/(${ORDER.slice(index + 1).join('|')})/`,
      ),
    ),
    ...NEIGHBOURS.flatMap(([a, b]) => [
      rule(`${a}-beside-${b}`, `${a} and ${b} do not know each other.`, `^src/${a}/`, `^src/${b}/`),
      rule(`${b}-beside-${a}`, `${a} and ${b} do not know each other.`, `^src/${b}/`, `^src/${a}/`),
    ]),
    ...Object.entries(ROOMS).flatMap(([folder, rooms]) =>
      rooms.slice(0, -1).map((room, index) =>
        rule(
          `${folder}-${room}-imports-up`,
          `src/${folder}/${room} imports only from rooms above it.`,
          `^src/${folder}/${escaped(room)}`,
          `^src/${folder}/(${rooms
            .slice(index + 1)
            .map(escaped)
            .join('|')})`,
        ),
      ),
    ),
    ...Object.entries(ROOMS).map(([folder, rooms]) => ({
      name: `${folder}-has-its-rooms`,
      severity: 'error',
      comment: `A file of src/${folder} stands in one of its rooms.`,
      from: { path: `^src/${folder}/`, pathNot: `^src/${folder}/(${rooms.map(escaped).join('|')})` },
      to: {},
    })),
    rule('roots-import-nothing', 'names, config and errors stand above everything.', '^src/[^/]+\\.ts$', '^src/[^/]+/'),
    rule(
      'chdb-in-one-file',
      'The experimental connection hook is known to one file.',
      '^src/(?!store/engine/embedded\\.ts)',
      'node_modules/chdb/',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
