/** `npm run bench -- [ingest|otlp|slo|core|gate|soak|detection|sources]`: one of the benchmarks, by default that of intake. */
const NAMES = ['ingest', 'otlp', 'slo', 'core', 'gate', 'soak', 'detection', 'sources'];
const name = process.argv[2] ?? 'ingest';
if (!NAMES.includes(name)) {
  console.error(`no benchmark is called ${name}; there are ${NAMES.join(', ')}`);
  process.exitCode = 2;
} else await import(`./${name}.ts`);
