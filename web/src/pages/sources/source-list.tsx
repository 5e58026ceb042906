/** Sources: who sends, how late, what was refused, and what each can answer. */
import type { ShownSource } from '../../api.ts';
import { count, duration, moment } from '../../parts/format.ts';
import { Icon } from '../../parts/icons.tsx';
import { Head, Panel, Scroll } from '../../parts/panel.tsx';
import { Waiting } from '../../parts/waiting.tsx';
import { useAnswer } from '../../use-answer.ts';
import type { Live } from '../../use-live.ts';

/** SLIs in their order, and what each says in a word. */
const SLIS = [
  ['M1', 'done'],
  ['M1S', 'system'],
  ['A1', 'answers'],
  ['M2', 'in 60 s'],
  ['M3', 'backlog'],
  ['M4', 'recovery'],
  ['M5', 'errors'],
  ['M6', 'latency'],
  ['M7', 'fallback'],
  ['M8', 'tickets'],
  ['M9', 'blocked'],
  ['M10', 'rollback'],
] as const;
const KINDS = { connector: 'read as a product', mapping: 'by a mapping file', events: 'events of its own' } as const;

export function SourceList({ live, now }: { live: Live; now: number }) {
  const { answer, problem } = useAnswer<ShownSource[]>('/api/sources', live.evaluation);
  if (!answer) return <Waiting problem={problem} />;
  const seen = answer.filter(({ last }) => last !== null);
  const unread = answer.filter(({ last }) => last === null);
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>{headlineOf(seen)}</h1>
          <p>{standingOf(seen)}</p>
        </div>
      </div>
      <Seen sources={seen} now={now} />
      <Answers sources={seen} />
      <Unread sources={unread} />
    </>
  );
}

const whyOf = (missing: string): string => (missing === '' ? '–' : `tells of ${missing}`);

function headlineOf(seen: readonly ShownSource[]): string {
  const heard = seen.filter(({ records }) => records > 0).length;
  if (seen.length === 0) return 'No source has sent anything in thirty days.';
  if (heard === seen.length)
    return heard === 1 ? 'The one source sent something in 24 hours.' : `All ${count(heard)} sources sent something in 24 hours.`;
  return `${count(heard)} of ${count(seen.length)} sources sent something in 24 hours.`;
}

function standingOf(seen: readonly ShownSource[]): string {
  const names = seen.filter(({ feeds }) => feeds.includes('M1')).map(({ source }) => source);
  if (names.length > 0) return `The success rate of enrollment stands on ${names.join(', ')}.`;
  return 'No source tells of starts and ends: the success rate of enrollment says nothing.';
}

function Seen({ sources, now }: { sources: readonly ShownSource[]; now: number }) {
  return (
    <Panel title="Sources" scope="sent something in thirty days" className="lines">
      {sources.length === 0 ? (
        <p className="note">
          <b>No source yet.</b>
          Muster’s own core counts at once. Take in a file of another with <code>muster import SOURCE FILE</code>.
        </p>
      ) : (
        <Scroll label="Sources">
          <table>
            <Head names={['State', 'Source', 'Newest record', 'In 24 h', 'Refused', 'Feeds']} />
            <tbody>
              {sources.map((each) => (
                <tr key={each.source}>
                  <td>
                    <span className="sending">
                      <Icon name={each.records > 0 ? 'healthy' : 'no_traffic'} />
                      {each.records > 0 ? 'Receiving' : 'Silent'}
                    </span>
                  </td>
                  <td className="grow">
                    {each.source}
                    <small>{KINDS[each.kind]}</small>
                  </td>
                  <td>
                    {each.last === null ? '–' : moment(each.last, now)}
                    <small>came in after {duration(Math.max(0, each.lagSeconds ?? 0))}</small>
                  </td>
                  <td>{count(each.records)}</td>
                  <td>{each.refused === 0 ? <span className="dim">none</span> : count(each.refused)}</td>
                  <td>{each.feeds.length === 0 ? <span className="dim">no SLI</span> : each.feeds.join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

/** Which SLI stands on which source, and what is not told. */
function Answers({ sources }: { sources: readonly ShownSource[] }) {
  if (sources.length === 0) return null;
  return (
    <Panel title="What each source can answer" scope="SLIs">
      <Scroll label="What each source can answer">
        <table className="matrix answers">
          <thead>
            <tr>
              <th scope="col">Source</th>
              {SLIS.map(([id, word]) => (
                <th key={id} scope="col">
                  {id}
                  <small>{word}</small>
                </th>
              ))}
              <th scope="col">Why not more</th>
            </tr>
          </thead>
          <tbody>
            {sources.map(({ source, feeds, missing, records }) => (
              <tr key={source}>
                <th scope="row">{source}</th>
                {SLIS.map(([id]) => (
                  <Answered key={id} feeds={feeds.includes(id)} isSilent={records === 0} />
                ))}
                <td className="why">{whyOf(missing)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="key">
        A source that reports no starts would read 100 % in M1: its registrations count for people and detections, and for no such SLI.
      </p>
    </Panel>
  );
}

function Answered({ feeds, isSilent }: { feeds: boolean; isSilent: boolean }) {
  if (!feeds) return <td className="few">·</td>;
  return isSilent ? <td className="few stopped">stopped</td> : <td>feeds</td>;
}

function Unread({ sources }: { sources: readonly ShownSource[] }) {
  return (
    <Panel title="What can be read beside them" scope="muster import SOURCE FILE" className="lines">
      <Scroll label="What can be read beside them">
        <table>
          <Head names={['Source', 'Feeds', 'Why not more']} />
          <tbody>
            {sources.map(({ source, kind, feeds, missing, refused }) => (
              <tr key={source}>
                <td className="grow">
                  {source}
                  <small>{refused > 0 ? `${count(refused)} refused in 24 h` : KINDS[kind]}</small>
                </td>
                <td>{feeds.length === 0 ? <span className="dim">no SLI</span> : feeds.join(', ')}</td>
                <td>{whyOf(missing)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
