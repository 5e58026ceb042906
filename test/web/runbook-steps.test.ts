/** The steps of a runbook, as the page of an incident offers them. */
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readRunbook } from '../../src/serve/runbooks.ts';
import { runbookOf, stepsOf } from '../../web/src/pages/incidents/runbook-of.ts';

test('are the items of the lists that say what to do, and no others', () => {
  const markdown =
    'Text.\n\n- not this\n\n## First five minutes\n\n1. Look at [the page](slo.md).\n2. Ask `muster`.\n\n## Queries\n\n- nor this\n\n## Mitigation\n\n- Mend it.\n\n## Rollback\n\n- Take it back.\n';
  expect(stepsOf(markdown).map(({ logged }) => logged)).toEqual([
    '1. Look at the page.',
    '2. Ask muster.',
    '3. Mend it.',
    '4. Take it back.',
  ]);
  expect(stepsOf(markdown)[0]?.markdown).toBe('Look at [the page](slo.md).');
});

test('of every runbook that an incident leads to, look first and then mend; each is one line that fits into a log', async () => {
  const named = ['provider', 'deployment', 'region'].map((dimension) => runbookOf({ cause: { dimension, value: 'x' } }));
  const files = await readdir(new URL('../../alerts/runbooks/', import.meta.url));
  for (const name of named) {
    expect(files).toContain(`${name}.md`);
    const { markdown } = await readRunbook(name);
    const steps = stepsOf(markdown);
    expect(steps.length).toBeGreaterThan(4);
    for (const { logged } of steps) expect(logged.length).toBeLessThan(480);
    for (const title of ['First five minutes', 'Mitigation', 'Rollback']) {
      const section = markdown.split(/^## /m).find((each) => each.startsWith(`${title}\n`)) ?? '';
      expect(section, `${name}: ${title}`).toMatch(/^(?:\d+\.|-) /m);
      // What goes on in another line would be left out.
      expect(section, `${name}: ${title}`).not.toMatch(/^(?:\d+\.|-) .*\n(?!\n|\d+\.|- )[^\n]/m);
    }
  }
});
