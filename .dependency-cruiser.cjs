/** Imports go one way: a folder imports only from folders above its own. The order is that of ARCHITECTURE.md. */
const ORDER = ['privacy', 'events', 'store', 'collect', 'core', 'slo', 'detect', 'publish', 'serve', 'lab', 'cli'];
/** Neighbours on one line: neither imports the other. */
const NEIGHBOURS = [
  ['collect', 'core'],
  ['collect', 'slo'],
  ['core', 'slo'],
];

const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from: { path: from }, to: { path: to } });

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
    rule('roots-import-nothing', 'names, config and errors stand above everything.', '^src/[^/]+\\.ts$', '^src/[^/]+/'),
    rule(
      'chdb-in-one-file',
      'The experimental connection hook is known to one file.',
      '^src/(?!store/embedded\\.ts)',
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
