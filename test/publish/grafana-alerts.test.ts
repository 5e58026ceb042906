/** Grafana's alert rules: their SQL decides as the evaluator does on the same counts, and their files have the form that Grafana reads. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ALERTS } from '../../src/names.ts';
import { loadEscalation } from '../../src/publish/alertmanager/escalation.ts';
import { grafanaAlertRules, grafanaNotifications } from '../../src/publish/grafana/alert-rules.ts';
import { absentSql, besideAlertSql, burnAlertSql, causeSql, SILENT } from '../../src/publish/grafana/alert-sql.ts';
import { expandMacros } from '../../src/publish/grafana/macros.ts';
import type { WindowCounts } from '../../src/slo/arithmetic/burn.ts';
import { type AlertState, type Episode, nextEpisode, type PairMemory } from '../../src/slo/arithmetic/episode.ts';
import type { Pair } from '../../src/slo/arithmetic/pairs.ts';
import { windowSeconds } from '../../src/slo/arithmetic/windows.ts';
import { judgedOf, loadSlos, type Slo } from '../../src/slo/definition/openslo.ts';
import { writeAlertInputs, writeAlertStates } from '../../src/slo/evaluate/alert-log.ts';
import { BESIDE_ALERTS } from '../../src/slo/evaluate/alerts/index.ts';
import type { Figures } from '../../src/slo/measure/figures.ts';
import { episodeKey, type Memories } from '../../src/slo/measure/status.ts';
import { writeFindings } from '../../src/store/records/findings.ts';
import { scaled } from '../support/scale.ts';
import { type TestServices, testServices } from '../support/store.ts';

const LINKS = { baseUrl: 'http://localhost:8686' };
const slos = await loadSlos();
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 2, 1);
let services: TestServices;
let atMs = START_MS;

beforeAll(async () => {
  services = await testServices();
});
afterAll(() => services.dispose());

const answer = async <Row>(sql: string, toMs: number) =>
  JSON.parse(
    `[${(
      await services.store.guard.query({
        sql: expandMacros(sql, { fromMs: toMs - MINUTE_MS, toMs, intervalMs: 1_000 }),
        format: 'JSONEachRow',
      })
    ).bytes
      .toString()
      .trim()
      .replaceAll('\n', ',')}]`,
  ) as Row[];

interface Inputs {
  long: WindowCounts;
  short: WindowCounts;
  /** Of the long window, what is new since the last episode. */
  fresh: Pick<WindowCounts, 'good' | 'total' | 'usersBad'>;
  coverage: number;
  isMaintenance: boolean;
}

/** Writes down what an evaluation used and which states it left, and asks Grafana's rule at that minute. */
async function burnAt(slo: Slo, pair: Pair, inputs: Inputs, states: Episode): Promise<number | undefined> {
  const windows = new Map([
    [pair.long, inputs.long],
    [pair.short, inputs.short],
  ]);
  const figures = {
    atMs,
    bySlo: new Map([[slo.name, { windows, isMaintenance: inputs.isMaintenance }]]),
    coverage: new Map([[pair.long, inputs.coverage]]),
  } as unknown as Figures;
  const { engine } = services.store;
  await writeAlertInputs(engine, [slo], figures, atMs);
  await writeAlertStates(engine, [slo], new Map([[episodeKey(slo.name, pair.severity), states]]), atMs, ++evaluations);
  const [row] = await answer<{ burn: number }>(burnAlertSql(slo, pair), atMs + 30_000);
  return row?.burn;
}
type Counted = Pick<WindowCounts, 'good' | 'total' | 'usersBad'>;
/** Enough for any pair. */
const LOST: Counted = { good: 0, total: 100, usersBad: 70 };
/** The last write of a minute stands. */
let evaluations = START_MS;

const counts = fc
  .record({
    total: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 5, arbitrary: fc.integer({ min: 1, max: 400 }) }),
    share: fc.oneof(fc.constantFrom(0, 1, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  })
  .map(({ total, share }) => ({ total, good: total - Math.round(total * share), usersBad: Math.round(total * share * 0.7) }));

const memoryOf = (state: AlertState, evidence = { bad: 0, usersBad: 0 }): PairMemory => ({
  state,
  sinceMs: START_MS,
  evidence,
  member: state === 'firing' || state === 'joined' ? { openedAtMs: START_MS, calm: null, quietSinceMs: null } : null,
});
const episodeOf = (states: Record<string, AlertState>, evidenceFromMs: number | null = null): Episode => ({
  evidenceFromMs,
  onsetMs: START_MS,
  pairs: new Map(Object.entries(states).map(([name, state]) => [name, memoryOf(state)])),
});

describe('the SQL of a burn-rate rule', () => {
  it('opens on the evidence as the evaluator does, and holds for as long as it says', async () => {
    const seen = { opened: 0, quiet: 0, held: 0, ended: 0, told: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...slos.filter(({ pairs }) => pairs.length > 0)),
        fc.nat(3),
        counts,
        counts,
        fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
        fc.constantFrom(1, 1, 0.95, 0.9, 0.89, 0.2),
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom('nothing', 'nothing', 'itself', 'another'),
        async (slo, index, long, short, newShare, coverage, maintenance, firing) => {
          atMs += 10 * MINUTE_MS;
          const pair = slo.pairs[index % slo.pairs.length] as Pair;
          const bad = Math.round((long.total - long.good) * newShare);
          const fresh = { total: bad, good: 0, usersBad: Math.min(bad, long.usersBad) };
          const inputs: Inputs = { long, short, fresh, coverage, isMaintenance: maintenance === 0 };
          const evidenceFromMs = atMs - MINUTE_MS * 7;
          const countsSince = (fromMs: number) => {
            if (fromMs === evidenceFromMs) return fresh;
            return fromMs === atMs - windowSeconds(pair.long) * 1_000 ? long : short;
          };
          const states: Record<string, AlertState> = firing === 'another' ? { [pair.name]: 'inactive', other: 'firing' } : {};
          if (firing === 'itself') states[pair.name] = 'firing';
          const before = episodeOf(states, evidenceFromMs);
          const after = nextEpisode(
            [pair],
            before,
            { countsSince, coverageOf: () => coverage, isMaintenance: inputs.isMaintenance },
            judgedOf(slo),
            atMs,
          );
          const mine = after.pairs.get(pair.name) as PairMemory;
          if (firing === 'nothing') {
            // The rule knows the evidence, and decides for itself.
            const asked = await burnAt(slo, pair, inputs, { ...after, pairs: new Map([[pair.name, { ...mine, state: 'inactive' }]]) });
            expect((asked ?? SILENT) > SILENT).toBe(mine.state === 'firing');
            seen[mine.state === 'firing' ? 'opened' : 'quiet'] += 1;
          }
          if (firing === 'itself') {
            const asked = await burnAt(slo, pair, inputs, after);
            expect((asked ?? SILENT) > SILENT).toBe(mine.state === 'firing');
            seen[mine.state === 'firing' ? 'held' : 'ended'] += 1;
          }
          if (firing === 'another') {
            const pairs = new Map([
              [pair.name, { ...mine, state: 'inactive' as const }],
              ['other', memoryOf('firing')],
            ]);
            const both = { ...slo, pairs: [pair, { ...pair, name: 'other' }] };
            expect(await burnAt(both, pair, inputs, { ...after, pairs })).toBe(SILENT);
            seen.told += 1;
          }
        },
      ),
      {
        numRuns: scaled(400, 40),
        // Of each kind one at least, whatever chance brings.
        examples: (['nothing', 'itself', 'another'] as const).flatMap((firing) =>
          [5, 0].map(
            (maintenance) =>
              [slos[0] as Slo, 0, LOST, LOST, 1, 1, maintenance, firing] as [
                Slo,
                number,
                Counted,
                Counted,
                number,
                number,
                number,
                typeof firing,
              ],
          ),
        ),
      },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0);
  });

  it('has no row, so that Grafana keeps the last state, when there was no evaluation for five minutes', async () => {
    const [slo] = slos as [Slo];
    expect(await answer(burnAlertSql(slo, slo.pairs[0] as Pair), atMs + 3_600_000)).toEqual([]);
  });
});

describe('the SQL of the absence of Muster', () => {
  it('says for how many minutes nothing has been evaluated', async () => {
    const minutesAt = async (ms: number) => (await answer<{ minutes: number }>(absentSql, ms))[0]?.minutes;
    expect(await minutesAt(atMs + 30_000)).toBe(0);
    expect(await minutesAt(atMs + 7 * MINUTE_MS)).toBe(7);
    expect(await minutesAt(atMs + 3 * 86_400_000)).toBeGreaterThan(1_440);
  });
});

describe('the SQL of the leading cause', () => {
  it('is always one row, or Grafana would take the rule for one without data: with the sentence as a label while the pair fires', async () => {
    const [slo] = slos as [Slo];
    const [pair] = slo.pairs as [Pair];
    const key = episodeKey(slo.name, pair.severity);
    const { engine } = services.store;
    const firing = new Map([[key, episodeOf({ [pair.name]: 'firing' })]]);
    const quiet = new Map([[key, episodeOf({ [pair.name]: 'inactive' })]]);
    const causes = new Map([[slo.name, { dimension: 'provider,region', values: ['sms-a', 'eu'], share: 0.92, bad: 44, total: 52 }]]);
    const asked = async (memories: Memories, known?: typeof causes) => {
      atMs += 10 * MINUTE_MS;
      await writeAlertStates(engine, [slo], memories, atMs, atMs, known);
      return answer(causeSql(slo, pair), atMs + 30_000);
    };
    const nothing = [{ slo: slo.name, leading: '', asked: 1 }];
    expect(await answer(causeSql(slo, pair), atMs + 60 * MINUTE_MS)).toEqual(nothing);
    expect(await asked(firing)).toEqual(nothing);
    expect(await asked(quiet, causes)).toEqual(nothing);
    expect(await asked(firing, causes)).toEqual([
      { slo: slo.name, leading: 'provider sms-a and region eu accounts for 92 % of the excess failures (44 of 52 failed).', asked: 1 },
    ]);
  });
});

describe('the SQL of an alert beside', () => {
  it.each(BESIDE_ALERTS.map((alert) => [alert.name, alert] as const))(
    '%s has a row per place while its finding is open',
    async (_, alert) => {
      const place = Object.fromEntries(alert.labels.map((label) => [label, `some-${label}`]));
      const finding = {
        id: `x:${alert.detector}`,
        kind: alert.kind,
        detector: alert.detector,
        severity: 'page' as const,
        startMs: START_MS,
        endMs: START_MS + MINUTE_MS,
        dimensions: { service: 'mfa-enrollment', ...place },
        evidence: {},
        attack: [],
        status: 'resolved' as const,
        verdict: '' as const,
        decidedMs: null,
      };
      await writeFindings(services.store.engine, [finding], START_MS);
      const sql = besideAlertSql(alert);
      expect(await answer(sql, START_MS + 1_000)).toMatchObject([{ severity: 'page', service: 'mfa-enrollment', ...place, firing: 1 }]);
      expect(await answer(sql, START_MS - 1_000)).toEqual([]);
      expect(await answer(sql, START_MS + 2 * MINUTE_MS)).toEqual([]);
    },
  );
});

describe('the files', () => {
  const { groups } = parse(grafanaAlertRules(slos, LINKS).text) as {
    groups: { folder: string; interval: string; rules: Record<string, unknown>[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  it('have one rule per pair and alert, with stable ids and titles of their own', () => {
    expect(rules).toHaveLength(slos.flatMap(({ pairs }) => pairs).length + BESIDE_ALERTS.length + 1);
    for (const key of ['uid', 'title']) expect(new Set(rules.map((rule) => rule[key])).size).toBe(rules.length);
    for (const { uid } of rules) expect(uid).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
  });

  it('say what happens without data and on errors, outside of queries expand nothing, and link to a page and a runbook', () => {
    for (const { data, annotations, labels, ...rule } of rules) {
      // Where nothing answers, one rule says so, and the others stay as they were.
      const isAbsence = labels !== undefined && (labels as { alert: string }).alert === ALERTS.monitoringAbsent;
      expect(rule).toMatchObject({ execErrState: isAbsence ? 'Alerting' : 'KeepLast', condition: 'B' });
      // Muster says when it ends; nothing is added to that.
      expect(rule).not.toHaveProperty('keepFiringFor');
      expect(isAbsence ? ['Alerting'] : ['KeepLast', 'OK']).toContain(rule.noDataState);
      // Grafana puts environment variables in place of `$NAME`, except in queries.
      expect(JSON.stringify({ annotations, labels, rule })).not.toContain('$');
      expect(annotations).toMatchObject({ runbook_url: expect.stringMatching(/\/runbooks\/[a-z-]+$/), dashboard_url: expect.any(String) });
      const refs = (data as { refId: string }[]).map(({ refId }) => refId);
      expect(refs).toEqual(JSON.stringify(annotations).includes('.Values.C') ? ['A', 'B', 'C'] : ['A', 'B']);
    }
  });

  it('tell whom the escalation matrix names', async () => {
    const escalation = await loadEscalation();
    const { contactPoints, policies } = parse(grafanaNotifications(escalation).text);
    expect(contactPoints.map(({ name }: { name: string }) => name)).toEqual(Object.keys(escalation.receivers));
    expect(policies[0].routes[1]).toMatchObject({ receiver: 'oncall', object_matchers: [['severity', '=', 'page']] });
    expect(policies[0].routes[0]).toMatchObject({ receiver: 'secops', continue: true });
  });
});
