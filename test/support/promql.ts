/** Alert expressions of the generated rules file, asked without recording: each recorded name replaced by what it records. */
import { parse } from 'yaml';
import { METRICS } from '../../src/names.ts';
import { prometheusRules } from '../../src/publish/prometheus/rules.ts';
import type { Pair } from '../../src/slo/arithmetic/pairs.ts';
import type { Slo } from '../../src/slo/definition/openslo.ts';

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
}

/** The expression of a pair's alert over the gauges alone. */
export function alertExpressions(slos: readonly Slo[]): (slo: Slo, pair: Pair) => string {
  const { groups } = parse(prometheusRules(slos, { baseUrl: 'http://localhost:8686' }).text) as { groups: { rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  const recorded = new Map(rules.flatMap(({ record, expr }) => (record === undefined ? [] : [[record, expr]])));
  const inlined = (expr: string, slo: string): string =>
    expr
      .replace(/(slo:\w+:\w+)(\{[^}]*\})?/g, (_, name: string) => {
        const inner = recorded.get(name);
        if (inner === undefined) throw new Error(`${name} is not recorded`);
        return `(${inlined(inner, slo)})`;
      })
      .replaceAll(`${METRICS.sloWindowEvents}{window`, `${METRICS.sloWindowEvents}{slo="${slo}",window`);
  return (slo, pair) => {
    const rule = rules.find(({ alert, labels }) => alert !== undefined && labels?.slo === slo.name && labels.pair === pair.name);
    if (!rule) throw new Error(`no rule of ${slo.name}, pair ${pair.name}`);
    return inlined(rule.expr, slo.name);
  };
}

/** Seconds since 1970 at which an expression has a value, asked each minute from `fromMs` to `toMs`, both included. */
export async function secondsWithValue(url: string, expression: string, fromMs: number, toMs: number): Promise<number[]> {
  const response = await fetch(`${url}/api/v1/query_range`, {
    method: 'POST',
    body: new URLSearchParams({ query: expression, start: String(fromMs / 1_000), end: String(toMs / 1_000), step: '60' }),
  });
  const answer = (await response.json()) as { status: string; error?: string; data: { result: { values: [number, string][] }[] } };
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${expression}`);
  return answer.data.result.flatMap(({ values }) => values.map(([second]) => second));
}
