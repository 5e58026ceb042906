/** Success by provider and region; shaded only where even the upper end of the interval is below the objective. */
import type { Overview, PanelData } from './api.ts';
import { wilson } from './format.ts';
import { Panel, PanelState, usePanel } from './panel.tsx';

const HOURS = 24;
const FEW = 30;

export function SuccessMatrix({ overview, evaluation }: { overview: Overview; evaluation: number }) {
  const loaded = usePanel('success-by-provider-region', HOURS, evaluation, overview.at);
  const objective = overview.slos.find(({ sli }) => sli === 'M1')?.objective ?? 1;
  return (
    <Panel
      title="Success by provider and region"
      scope={`last ${HOURS} h; shaded where the 95 % interval is below the objective`}
      className="wide"
      data={loaded.data}
    >
      <PanelState loaded={loaded} empty="No attempt has settled in the last 24 hours.">
        {(data) => <Matrix data={data} objective={objective} />}
      </PanelState>
    </Panel>
  );
}

function Matrix({ data, objective }: { data: PanelData; objective: number }) {
  const regions = [...new Set(data.rows.map(({ region }) => String(region)))].sort();
  const providers = [...new Set(data.rows.map(({ provider_name: name }) => String(name)))].sort(
    (a, b) => Number(a === 'on device') - Number(b === 'on device') || (a < b ? -1 : 1),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="scroll" tabIndex={0} aria-label="Success by provider and region, as a table">
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col">Provider</th>
            {regions.map((region) => (
              <th key={region} scope="col">
                {region || 'no region'}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {providers.map((provider) => (
            <tr key={provider}>
              <th scope="row" className="nowrap">
                {provider}
              </th>
              {regions.map((region) => {
                const row = data.rows.find((each) => each.provider_name === provider && String(each.region) === region);
                return <Cell key={region} objective={objective} total={Number(row?.attempts ?? 0)} ratio={Number(row?.success ?? 0)} />;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell({ total, ratio, objective }: { total: number; ratio: number; objective: number }) {
  if (total === 0) return <td className="few">–</td>;
  const good = Math.round(ratio * total);
  const [, high] = wilson(good, total);
  const isBad = high < objective;
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
