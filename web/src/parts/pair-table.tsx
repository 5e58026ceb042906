/** The window pairs of an SLO, each on a shared log scale against its threshold, with the evidence and what state it is in. */
import { hasEvidence, MIN_BAD, MIN_USERS, WILSON_Z, wilsonLowerBound } from '../../../src/slo/arithmetic/burn.ts';
import { outageMinutes } from '../../../src/slo/arithmetic/pairs.ts';
import { burnTimes } from '../../../src/slo/measure/alert-words.ts';
import type { OverviewSlo, SloDetail } from '../api.ts';
import { burn, count, duration, moment, percent } from './format.ts';
import { Icon } from './icons.tsx';
import { Panel, Scroll } from './panel.tsx';
import { WORDS } from './slo-table.tsx';

type Pair = SloDetail['pairs'][number];

const SCALE = { from: 0.1, to: 200, width: 240, height: 22 };

/** Position of a burn rate on the log scale. */
function place(rate: number): number {
  const { from, to, width } = SCALE;
  const share = Math.log(Math.min(to, Math.max(from, rate)) / from) / Math.log(to / from);
  return 6 + share * (width - 12);
}

export function PairTable({ slo, detail, now }: { slo: OverviewSlo; detail: SloDetail; now: number }) {
  return (
    <Panel
      title="Burn rates against their thresholds"
      scope="one alert per severity fires when long and short are above and the evidence holds; filled: long, hollow: short"
      className="lines"
    >
      <Scroll label="Window pairs">
        <table>
          <thead>
            <tr>
              <th scope="col">Window pair</th>
              <th scope="col" className="right">
                Above
              </th>
              <th scope="col">0.1× to 200×, log</th>
              <th scope="col" className="right">
                Long
              </th>
              <th scope="col" className="right">
                Short
              </th>
              <th scope="col">Evidence, 99 % sure</th>
              <th scope="col" className="right">
                Outage fires in
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {detail.pairs.map((pair) => (
              <PairRow key={pair.name} pair={pair} slo={slo} detail={detail} now={now} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function PairRow({ pair, slo, detail, now }: { pair: Pair; slo: OverviewSlo; detail: SloDetail; now: number }) {
  const alert = slo.alerts.find((each) => each.pair === pair.name);
  const long = slo.burnRates[pair.long] ?? null;
  const short = slo.burnRates[pair.short] ?? null;
  const state = alert?.state ?? 'inactive';
  const isInEpisode = state === 'firing' || state === 'joined';
  const shown = isInEpisode ? pair.severity : state === 'inactive' ? 'healthy' : state;
  const word = state === 'inactive' ? 'Quiet' : state === 'joined' ? 'Joined' : WORDS[shown];
  const shortMoment = (time: string) => moment(time, now);
  return (
    <tr className={state === 'firing' && pair.severity === 'page' ? 'firing' : undefined}>
      <td>
        {pair.long} and {pair.short}
        <small>
          {pair.severity}, {Number((pair.fittedBudgetShare * 100).toPrecision(3))} % of the budget
          {pair.isFitted ? `; fitted from ${burn(pair.factor)}` : ''}
        </small>
      </td>
      <td className="right">{burn(pair.fittedFactor)}</td>
      <td className="grow">
        <Scale pair={pair} long={long} short={short} />
      </td>
      <td className="right">{burn(long)}</td>
      <td className="right">{burn(short)}</td>
      <td>
        <Evidence pair={pair} slo={slo} fresh={alert?.evidence} isSliced={detail.isSliced} />
      </td>
      <td className="right">{duration(outageMinutes(pair) * 60)}</td>
      <td>
        <span className={`chip ${shown}`}>
          <Icon name={shown} />
          {word}
        </span>
        {alert?.since && (
          <small>{isInEpisode ? burnTimes(alert, { first: shortMoment, later: shortMoment }) : `since ${moment(alert.since, now)}`}</small>
        )}
      </td>
    </tr>
  );
}

function Scale({ pair, long, short }: { pair: Pair; long: number | null; short: number | null }) {
  const { width, height } = SCALE;
  const middle = height / 2;
  const limit = place(pair.fittedFactor);
  const colour = pair.severity === 'page' ? 'var(--page)' : 'var(--ticket)';
  return (
    <svg className="scale" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <rect x={limit} y="3" width={width - limit} height={height - 6} fill={colour} opacity="0.14" />
      <line x1={limit} x2={limit} y1="2" y2={height - 2} stroke={colour} strokeWidth="1.5" />
      {long !== null && short !== null && <line x1={place(long)} x2={place(short)} y1={middle} y2={middle} stroke="var(--text-3)" />}
      {long !== null && <circle cx={place(long)} cy={middle} r="4" fill="var(--text)" />}
      {short !== null && <circle cx={place(short)} cy={middle} r="3.5" fill="var(--surface)" stroke="var(--text)" strokeWidth="1.5" />}
    </svg>
  );
}

/** What is new in the long window proves, or what is missing for it. */
function Evidence({
  pair,
  slo,
  fresh,
  isSliced,
}: {
  pair: Pair;
  slo: OverviewSlo;
  fresh: OverviewSlo['alerts'][number]['evidence'] | undefined;
  isSliced: boolean;
}) {
  const counts = slo.windows[pair.long];
  if (!counts || counts.total === 0 || slo.objective === null) return <span className="dim">no data</span>;
  const all = counts.total - counts.good;
  const { bad, usersBad } = fresh ?? { bad: all, usersBad: counts.usersBad };
  const told = all > bad ? `; ${count(all - bad)} more were told of before` : '';
  const least = percent(wilsonLowerBound(bad, counts.total, WILSON_Z));
  const users = isSliced ? '' : ` of ${count(usersBad)} people`;
  if (hasEvidence({ good: counts.total - bad, total: counts.total, usersBad }, slo.objective, isSliced)) {
    return (
      <>
        holds: at least {least} fail
        <small>
          {count(bad)} bad{users}
          {told}
        </small>
      </>
    );
  }
  const missing =
    bad < MIN_BAD
      ? `${bad} bad, ${MIN_BAD} needed`
      : !isSliced && usersBad < MIN_USERS
        ? `${usersBad} people, ${MIN_USERS} needed`
        : `at least ${least} fail`;
  return (
    <span className="dim">
      does not hold: {missing}
      {told}
    </span>
  );
}
