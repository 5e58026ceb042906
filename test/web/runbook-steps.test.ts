/** The steps of a runbook, as the page of an incident offers them. */
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readRunbook } from '../../src/serve/runbooks.ts';
import { isRuledOut } from '../../web/src/pages/incidents/ruled-out.ts';
import { runbookOf, stepsOf } from '../../web/src/pages/incidents/runbook-of.ts';

test('are the items of the lists that say what to do, and no others', () => {
  const markdown =
    'Text.\n\n- not this\n\n## First five minutes\n\n1. Look.\n2. Ask.\n\n## Queries\n\n- nor this\n\n## Mitigation\n\n- Mend it.\n';
  expect(stepsOf(markdown)).toEqual(['Look.', 'Ask.', 'Mend it.']);
});

test('every runbook that an incident leads to has some, and each fits into a log', async () => {
  const named = ['provider', 'deployment', 'region'].map((dimension) => runbookOf({ cause: { dimension, value: 'x' } }));
  const files = await readdir(new URL('../../alerts/runbooks/', import.meta.url));
  for (const name of named) {
    expect(files).toContain(`${name}.md`);
    const steps = stepsOf((await readRunbook(name)).markdown);
    expect(steps.length).toBeGreaterThan(2);
    for (const step of steps) expect(step.length).toBeLessThan(480);
  }
});

test('a deployment before an incident is ruled out where it fails no more than others, and only where failures are known', () => {
  const change = { type: 'deploy.completed', deployment: 'v2', time: '2026-12-01T09:00:00Z' };
  const cause = (dimension: string, values: string[], isSignificant = true) => ({
    ...{ dimension, value: values.join(','), values, bad: 9, total: 10, excess: 8, excessShare: 0.9, z: 5, isSignificant, examples: [] },
  });
  const causes = (...all: ReturnType<typeof cause>[]) => ({ sli: 'M1', causes: all, errors: [] });
  expect(isRuledOut({ change }, causes(cause('provider', ['sms-a'])))).toBe(true);
  expect(isRuledOut({ change }, causes(cause('deployment', ['v2'], false)))).toBe(true);
  expect(isRuledOut({ change }, causes(cause('provider,deployment', ['sms-a', 'v2'])))).toBe(false);
  expect(isRuledOut({ change: null }, causes())).toBe(false);
  expect(isRuledOut({ change }, { sli: null, causes: [], errors: [] })).toBe(false);
});
