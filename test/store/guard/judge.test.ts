/** The thread that looks through query trees: what takes it too long is refused, and whoever asks next is answered. */
import { afterAll, expect, test } from 'vitest';
import { createJudge } from '../../../src/store/guard/judge.ts';

const judge = createJudge({ database: 'muster', functions: new Set(['file', 'in']), combinators: new Set(), tables: new Set() });
afterAll(() => judge.close());

const ask = (lines: readonly string[], zones: readonly string[] = []) =>
  judge.ask({ tree: Buffer.from(lines.join('\n')), isWritten: true, hasLineFeeds: false, zones });
const selecting = (call: string) => [
  'QUERY id: 0',
  '  PROJECTION',
  '    LIST id: 1, nodes: 1',
  `      FUNCTION id: 2, function_name: ${call}, function_type: ordinary`,
];

test('answers with the reason, with none, and with the time zones that were asked for', async () => {
  expect((await ask(selecting('file'))).refusal).toEqual({ reason: 'the function file is not allowed here' });
  const zoned = [
    ...selecting('now'),
    '        ARGUMENTS',
    '          LIST id: 3, nodes: 1',
    "            CONSTANT id: 4, constant_value: 'Europe/Berlin', constant_value_type: String",
  ];
  expect(await ask(zoned, ['UTC'])).toEqual({ refusal: undefined, zones: ['UTC', 'Europe/Berlin'] });
});

test('a tree that takes too long is refused, and the next one is answered', async () => {
  const count = 30_000;
  let id = 1;
  const tree = [
    'QUERY id: 0',
    '  WITH',
    `    LIST id: ${id++}, nodes: ${count}`,
    ...Array.from({ length: count }, (_, i) => `      QUERY id: ${id++}, is_subquery: 1, is_cte: 1, cte_name: t${i}`),
    '  PROJECTION',
    `    LIST id: ${id++}, nodes: ${count}`,
    ...Array.from({ length: count }, () => [
      `      FUNCTION id: ${id++}, function_name: in, function_type: ordinary`,
      '        ARGUMENTS',
      `          LIST id: ${id++}, nodes: 2`,
      `            CONSTANT id: ${id++}, constant_value: UInt64_1, constant_value_type: UInt8`,
      `            IDENTIFIER id: ${id++}, identifier: t${count - 1}`,
    ]).flat(),
  ];
  expect((await ask(tree)).refusal?.reason).toMatch(/^looking through this statement takes too long/);
  expect((await ask(selecting('file'))).refusal?.reason).toBe('the function file is not allowed here');
});
