/** Shares by two labels; shaded only where failures prove, as an alert asks for it, that more fail than the objective allows. */
import { MIN_BAD, WILSON_Z, wilsonLowerBound } from '../../../src/slo/arithmetic/burn.ts';
import type { Overview, PanelRow, ShownPanel } from '../api.ts';
import { Panel, PanelState, Scroll, usePanel } from './panel.tsx';

const HOURS = 24;
const FEW = 30;
/** Comes after what has a name of its own. */
const LAST = 'on device';

/** The matrix of the overview. */
export function SuccessMatrix({ overview, evaluation }: { overview: Overview; evaluation: number }) {
  const loaded = usePanel('success-by-provider-region', HOURS, { overview, evaluation });
  return (
    <Panel
      title="Success by provider and region"
      scope={`last ${HOURS} h; shaded where more fail than the objective allows, 99 % sure`}
      className="wide"
      data={loaded.data}
    >
      <PanelState loaded={loaded} empty="No attempt has settled in the last 24 hours.">
        {(data) => <Matrix panel={data} rows={data.rows} />}
      </PanelState>
    </Panel>
  );
}

export function Matrix({ panel, rows }: { panel: Pick<ShownPanel, 'title' | 'matrix' | 'thresholds'>; rows: readonly PanelRow[] }) {
  const { row: across, column: down, value, count } = panel.matrix ?? { row: '', column: '', value: '', count: '' };
  const objective = panel.thresholds?.findLast(({ level }) => level === 'ok')?.from ?? 1;
  const names = (column: string) =>
    [...new Set(rows.map((row) => String(row[column])))].sort((a, b) => Number(a === LAST) - Number(b === LAST) || (a < b ? -1 : 1));
  const columns = names(down);
  return (
    <Scroll label={`${panel.title}, as a table`}>
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">{across.replace(/_name$/, '').replaceAll('_', ' ')}</th>
            {columns.map((name) => (
              <th key={name} scope="col">
                {name || `no ${down}`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names(across).map((name) => (
            <tr key={name}>
              <th scope="row" className="nowrap">
                {name || '–'}
              </th>
              {columns.map((column) => {
                const row = rows.find((each) => String(each[across]) === name && String(each[down]) === column);
                return <Cell key={column} objective={objective} total={Number(row?.[count] ?? 0)} ratio={Number(row?.[value] ?? 0)} />;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Cell({ total, ratio, objective }: { total: number; ratio: number; objective: number }) {
  if (total === 0) return <td className="few">–</td>;
  const good = Math.round(ratio * total);
  const bad = total - good;
  const isBad = bad >= MIN_BAD && wilsonLowerBound(bad, total, WILSON_Z) > 1 - objective;
  if (total < FEW)
    return (
      <td className={isBad ? 'bad' : 'few'}>
        {good} of {total}
      </td>
    );
  return (
    <td className={isBad ? (ratio < 0.5 ? 'worse' : 'bad') : ''}>
      {good === total ? '100' : (Math.floor(ratio * 1_000) / 10).toFixed(1)} %<span>{total}</span>
    </td>
  );
}
