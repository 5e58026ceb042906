/** One SLO: how its budget was spent, how fast it burns, what the alerts stand on, when they fired, and why it failed. */
import { useEffect, useState } from 'react';
import { companionWords } from '../../../src/slo/wording/companion-counts.ts';
import { countWords } from '../../../src/slo/wording/count-words.ts';
import { budgetOf } from '../../../src/slo/wording/verdict.ts';
import { get, type OverviewSlo, type SloDetail, type Suggestion } from '../api.ts';
import { BudgetChart } from '../parts/budget-chart.tsx';
import { BurnChart } from '../parts/burn-chart.tsx';
import { Flags } from '../parts/flags.tsx';
import { budget, burn, count, duration, moment, objective, outlook, percent, share } from '../parts/format.ts';
import { Icon } from '../parts/icons.tsx';
import { PairTable } from '../parts/pair-table.tsx';
import { Panel, Scroll } from '../parts/panel.tsx';
import { WORDS } from '../parts/slo-table.tsx';
import { Waiting } from '../parts/waiting.tsx';
import type { Live } from '../use-live.ts';

/** A period may be longer; a panel is asked about so much at most. */
const PERIOD_HOURS = 720;

export function SloPage({ name, live, now, theme }: { name: string; live: Live; now: number; theme: string }) {
  const { detail, suggestion, problem } = useDetail(name, live.evaluation);
  const { overview } = live;
  const slo = overview?.slos.find((each) => each.slo === name);
  if (overview && !slo) {
    return (
      <div className="verdict">
        <h1>No SLO is called {name}.</h1>
      </div>
    );
  }
  if (!overview || !slo || !detail) return <Waiting problem={problem ?? live.problem} />;
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>
            {slo.slo}{' '}
            <span className={`chip ${slo.state}`}>
              <Icon name={slo.state} />
              {WORDS[slo.state]}
            </span>
          </h1>
          <p>{detail.description}</p>
        </div>
        <a className="button" href="/runbooks/error-budget-burn">
          Runbook
        </a>
      </div>
      <Facts slo={slo} detail={detail} now={now} />
      {slo.objective !== null && detail.burnDown.length > 0 && (
        <Flags hours={PERIOD_HOURS} overview={overview} evaluation={live.evaluation}>
          <BudgetChart slo={slo} detail={detail} theme={theme} now={now} />
        </Flags>
      )}
      {slo.objective !== null && <Where detail={detail} />}
      {slo.objective !== null && detail.pairs.length > 0 && (
        <>
          <PairTable slo={slo} detail={detail} now={now} />
          <Flags hours={24} overview={overview} evaluation={live.evaluation}>
            <BurnChart detail={detail} theme={theme} />
          </Flags>
        </>
      )}
      {slo.objective !== null && <History detail={detail} now={now} />}
      {suggestion && suggestion.candidates.length > 0 && <Objectives suggestion={suggestion} current={slo.objective} />}
      <Planned detail={detail} now={now} />
    </>
  );
}

/** The detail of an SLO, asked again with each evaluation; the old one stays until the new is there. */
function useDetail(name: string, evaluation: number) {
  const [detail, setDetail] = useState<SloDetail>();
  const [suggestion, setSuggestion] = useState<Suggestion>();
  const [problem, setProblem] = useState<string>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: each evaluation asks again.
  useEffect(() => {
    let isGone = false;
    get<SloDetail>(`/api/slos/${encodeURIComponent(name)}/detail`).then(
      (found) => !isGone && setDetail(found),
      (error: Error) => !isGone && setProblem(error.message),
    );
    return () => {
      isGone = true;
    };
  }, [name, evaluation]);
  useEffect(() => {
    get<Suggestion>(`/api/slos/${encodeURIComponent(name)}/suggest`).then(setSuggestion, () => {});
  }, [name]);
  return { detail, suggestion, problem };
}

function Facts({ slo, detail, now }: { slo: OverviewSlo; detail: SloDetail; now: number }) {
  const hour = slo.windows['1h'];
  const bad = slo.total - (slo.good ?? 0);
  const rate = slo.burnRates['1h'] ?? null;
  const beside = [
    ...(detail.durations
      ? [
          `last day: half below ${duration(detail.durations.p50 / 1_000)}, 95 % below ${duration(detail.durations.p95 / 1_000)}, 99 % below ${duration(detail.durations.p99 / 1_000)}`,
        ]
      : []),
    ...companionWords(slo),
  ];
  if (slo.objective === null || slo.good === null) {
    return (
      <dl className="facts">
        <Fact
          label={`Last ${slo.window}`}
          value={count(slo.total)}
          note={['without an objective, reported only', ...countWords(slo)].join('; ')}
        />
      </dl>
    );
  }
  return (
    <dl className="facts">
      <Fact
        label={`Last ${slo.window}, of ${objective(slo.objective)}`}
        value={share(slo.good, slo.total)}
        note={`${count(bad)} of ${count(slo.total)} bad${slo.excludedMinutes > 0 ? `; ${duration(slo.excludedMinutes * 60)} excluded` : ''}${beside.map((words) => `; ${words}`).join('')}`}
      />
      <Fact
        label="Budget left"
        value={slo.errorBudgetRemaining === null ? '–' : budgetOf(slo) === 'too_few' ? 'too few events' : budget(slo.errorBudgetRemaining)}
        isOver={budgetOf(slo) === 'missed'}
        note={`${outlook(slo.forecast, now)}; ${slo.budgetYesterday === null ? 'nothing to compare with yet' : `${budget(slo.budgetYesterday)} a day ago`}`}
      />
      <Fact
        label="Burn, last hour"
        value={burn(rate)}
        isOver={slo.state === 'page' && (rate ?? 0) > 1}
        note={`${hour ? `${count(hour.total - hour.good)} of ${count(hour.total)} bad` : ''}`}
      />
      <Fact label="Deploys" value={slo.gate.isOpen ? 'Go out' : 'Held back'} note={slo.gate.reason} />
    </dl>
  );
}

function Fact({ label, value, note, isOver = false }: { label: string; value: string; note: string; isOver?: boolean }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className={isOver ? 'over' : undefined}>
        {value}
        <small>{note}</small>
      </dd>
    </div>
  );
}

/** Which values account for the failures of the last alert, or of the last day. */
function Where({ detail }: { detail: SloDetail }) {
  const rows = detail.explanation.slice(0, 7);
  return (
    <Panel title="Where it fails" scope="of the excess; values overlap" className="side lines">
      {rows.length === 0 ? (
        <p className="note">Nothing fails beyond what the time before makes expect.</p>
      ) : (
        <Scroll label="Excess by value">
          <table>
            <tbody>
              {rows.map((row) => (
                <tr key={`${row.dimension}=${row.value}`} className={row.isSignificant ? undefined : 'dim'}>
                  <td className="grow">
                    {row.values.join(' and ')}
                    <small>{row.dimension.replaceAll('_', ' ').split(',').join(' and ')}</small>
                  </td>
                  <td className="right">
                    {Math.max(0, Math.round(row.excessShare * 100))} %
                    <small>
                      {count(row.bad)} of {count(row.total)}
                    </small>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

/** Every alert of the period, by what is known now and by what the evaluator knew then. */
function History({ detail, now }: { detail: SloDetail; now: number }) {
  const rows = detail.history.slice(0, 12);
  return (
    <Panel title="Alert history" scope="as settled: by what is known now; as alerted: by what was known then" className="half lines">
      {rows.length === 0 ? (
        <p className="note">No alert in this period.</p>
      ) : (
        <Scroll label="Alerts">
          <table>
            <thead>
              <tr>
                <th scope="col">Alert</th>
                <th scope="col">Burned since</th>
                <th scope="col">Fired</th>
                <th scope="col">Lasted</th>
                <th scope="col" className="right">
                  Cost
                </th>
                <th scope="col">Pair</th>
                <th scope="col">As</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={`${row.pair}-${row.start}-${row.by}`}>
                  <td>{row.severity === 'page' ? 'Page' : 'Ticket'}</td>
                  <td>{moment(row.since, now)}</td>
                  <td>{moment(row.start, now)}</td>
                  <td>{duration((Date.parse(row.end) - Date.parse(row.start)) / 1_000)}</td>
                  <td className="right">{row.cost === null ? '–' : `${budget(row.cost)} of the budget`}</td>
                  <td>{row.pair}</td>
                  <td>{row.by}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {detail.restated.map((each) => (
        <p key={`${each.pair}-${each.at}`} className="key">
          {moment(each.at, now)}, {each.window}: alerted on {count(each.alerted.total - each.alerted.good)} bad of{' '}
          {count(each.alerted.total)}; settled as {count(each.settled.total - each.settled.good)} of {count(each.settled.total)}.
        </p>
      ))}
    </Panel>
  );
}

/** What other objectives would have caused over the last thirty days. */
function Objectives({ suggestion, current }: { suggestion: Suggestion; current: number | null }) {
  return (
    <Panel title="Backtest" scope="what each objective would have caused in the last 30 d" className="half lines">
      <Scroll label="Objectives">
        <table>
          <thead>
            <tr>
              <th scope="col">Objective</th>
              <th scope="col" className="right">
                Pages
              </th>
              <th scope="col" className="right">
                Tickets
              </th>
              <th scope="col" className="right">
                Budget left
              </th>
              <th scope="col" />
            </tr>
          </thead>
          <tbody>
            {suggestion.candidates.map((each) => (
              <tr key={each.objective}>
                <td>{objective(each.objective)}</td>
                <td className="right">{each.pages}</td>
                <td className="right">{each.tickets}</td>
                <td className="right">{each.budgetLeft === null ? '–' : budget(each.budgetLeft)}</td>
                <td className="grow dim">
                  {each.objective === current ? 'now' : ''}
                  {each.objective === suggestion.suggested ? ' suggested' : ''}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {suggestion.value !== null && <p className="key">{percent(suggestion.value)} was good.</p>}
    </Panel>
  );
}

function Planned({ detail, now }: { detail: SloDetail; now: number }) {
  if (detail.maintenance.length === 0) return null;
  return (
    <Panel title="Maintenance and exclusions" scope="their minutes count in no budget" className="lines">
      <Scroll label="Windows">
        <table>
          <tbody>
            {detail.maintenance.map((window) => (
              <tr key={window.id}>
                <td>
                  {moment(window.start, now)} to {moment(window.end, now)}
                </td>
                <td className="grow">{window.reason}</td>
                <td className="dim">{window.actor}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
