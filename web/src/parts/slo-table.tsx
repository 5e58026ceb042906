/** The SLOs: state, figure, budget, burn, each day against the budget, and how long the budget lasts. */
import { budgetOf } from '../../../src/slo/wording/verdict.ts';
import type { OverviewSlo, SloState } from '../api.ts';
import { budget, burn, count, moment, objective, outlook, share } from './format.ts';
import { Icon } from './icons.tsx';
import { Panel } from './panel.tsx';

export const WORDS: Record<SloState, string> = {
  page: 'Paging',
  ticket: 'Ticket',
  too_few: 'Too few events',
  no_traffic: 'No data',
  frozen: 'Frozen',
  maintenance: 'Maintenance',
  missed: 'Objective missed',
  healthy: 'Healthy',
};
/** Order of the status language: the worst first. */
const ORDER: SloState[] = ['page', 'ticket', 'missed', 'too_few', 'no_traffic', 'frozen', 'maintenance', 'healthy'];

export function SloTable({ slos, now }: { slos: readonly OverviewSlo[]; now: number }) {
  const sorted = [...slos].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  return (
    <Panel title="SLOs" scope={ORDER.flatMap((state) => summary(slos, state)).join(' · ')} className="slos">
      <table>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">SLO</th>
            <th scope="col" className="right">
              Over its window
            </th>
            <th scope="col">Budget left (notch: 24 h ago)</th>
            <th scope="col" className="right">
              Burn 5 min
            </th>
            <th scope="col" className="right">
              1 h
            </th>
            <th scope="col" className="right">
              6 h
            </th>
            <th scope="col">Each day against budget</th>
            <th scope="col">At this rate</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((slo) => (
            <SloRow key={slo.slo} slo={slo} now={now} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function summary(slos: readonly OverviewSlo[], state: SloState): string[] {
  const n = slos.filter((slo) => slo.state === state).length;
  return n === 0 ? [] : [`${n} ${WORDS[state].toLowerCase()}`];
}

function SloRow({ slo, now }: { slo: OverviewSlo; now: number }) {
  const rate = (window: '5m' | '1h' | '6h') => {
    const value = slo.burnRates[window] ?? null;
    const isAbove = slo.state === 'page' && value !== null && value > 1;
    return <span className={isAbove ? 'over' : 'quiet'}>{burn(value)}</span>;
  };
  return (
    <tr className={slo.state}>
      <td className="state">
        <span className={`chip ${slo.state}`}>
          <Icon name={slo.state} />
          {WORDS[slo.state]}
        </span>
      </td>
      <td className="name">
        <strong>
          <a href={`/slos/${slo.slo}`}>{slo.slo}</a>
        </strong>
        <small>
          {slo.sli} · {slo.meaning}
        </small>
      </td>
      <td className="right desk" title={slo.good === null ? undefined : `${count(slo.good)} good of ${count(slo.total)}`}>
        <strong>{slo.good === null ? count(slo.total) : slo.sliValue === null ? '–' : share(slo.good, slo.total)}</strong>
        <small>
          {slo.objective === null ? 'counted' : `of ${objective(slo.objective)}`} · {slo.window}
        </small>
      </td>
      <td className="budget">
        <BudgetMeter slo={slo} />
      </td>
      <td className="right desk">{rate('5m')}</td>
      <td className="right desk">{rate('1h')}</td>
      <td className="right desk">{rate('6h')}</td>
      <td className="desk">
        <Sparkbar slo={slo} />
      </td>
      <td className="forecast">
        {outlook(slo.forecast, now)}
        {slo.since !== null && <small>since {moment(slo.since, now)}</small>}
      </td>
    </tr>
  );
}

/** The fill is what is left, the notch where it stood a day ago. Grey until 10 %, then amber; hatched once overspent. */
function BudgetMeter({ slo }: { slo: OverviewSlo }) {
  const left = slo.errorBudgetRemaining;
  if (left === null) return <span className="quiet">–</span>;
  if (budgetOf(slo) === 'too_few') return <span className="quiet">too few events</span>;
  const width = left < 0 ? 100 : Math.min(100, left * 100);
  const notch = slo.budgetYesterday === null ? undefined : Math.max(0, Math.min(99, slo.budgetYesterday * 100));
  return (
    <span className="meter">
      <span className="track">
        <span className={`left ${left < 0 ? 'spent' : left < 0.1 ? 'low' : ''}`} style={{ width: `${width}%` }} />
        {notch !== undefined && <span className="notch" style={{ left: `${notch}%` }} />}
      </span>
      <b>
        <span className="hidden">budget left </span>
        {budget(left)}
      </b>
    </span>
  );
}

const BAR = 3;
const GAP = 1;
const HEIGHT = 28;
/** The budget line stands here; a bar of twice the budget fills the height. */
const LINE = HEIGHT / 2;

/** Thirty days of error ratio against what the objective allows: grey under it, amber over, red over twice. */
function Sparkbar({ slo }: { slo: OverviewSlo }) {
  if (slo.objective === null) return <span className="quiet">–</span>;
  const allowed = 1 - slo.objective;
  const days = slo.daily.map(({ good, total }) => (total === 0 ? null : (total - good) / total / allowed));
  const over = days.filter((day) => day !== null && day > 1).length;
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${30 * (BAR + GAP)} ${HEIGHT}`}
      role="img"
      aria-label={`${over} of ${days.length} days over the budget`}
    >
      {days.map((day, index) => {
        if (day === null) return null;
        const height = Math.max(1, Math.min(HEIGHT, day * LINE));
        const fill = day > 2 ? 'var(--page)' : day > 1 ? 'var(--ticket)' : 'var(--context)';
        // biome-ignore lint/suspicious/noArrayIndexKey: a day is its position.
        return <rect key={index} x={index * (BAR + GAP)} y={HEIGHT - height} width={BAR} height={height} fill={fill} />;
      })}
      <line
        x1="0"
        x2={30 * (BAR + GAP)}
        y1={HEIGHT - LINE}
        y2={HEIGHT - LINE}
        stroke="var(--text-3)"
        strokeDasharray="2 2"
        strokeWidth="1"
      />
    </svg>
  );
}
