/** A panel: title, scope, its SQL and its table, and the states that every panel has. */
import { type CSSProperties, type ReactNode, useEffect, useId, useState } from 'react';
import { get, type Overview, type PanelData, type PanelRow } from '../api.ts';
import { moment } from './format.ts';

interface PanelProps {
  title: string;
  scope?: string;
  className?: string;
  /** Of the page's twelve columns, with the class `spanned`. */
  columns?: number;
  /** What it answers, and what to do. */
  help?: string;
  /** Whether a table says more than the panel itself. @default true */
  hasTable?: boolean;
  data?: PanelData | undefined;
  tools?: ReactNode;
  children: ReactNode;
}

export function Panel({ title, scope, className, columns, help, hasTable = true, data, tools, children }: PanelProps) {
  const [shown, setShown] = useState<'help' | 'sql' | 'table' | undefined>();
  const id = useId();
  const toggle = (what: 'help' | 'sql' | 'table') => setShown((now) => (now === what ? undefined : what));
  return (
    <section
      className={`panel ${className ?? ''}`}
      style={columns === undefined ? undefined : ({ '--columns': columns } as CSSProperties)}
      aria-labelledby={id}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <span className="quiet">{scope}</span>
        {tools}
        {help && (
          <button type="button" className="tool" aria-expanded={shown === 'help'} onClick={() => toggle('help')}>
            About<span className="hidden"> {title}</span>
          </button>
        )}
        {data && (
          <>
            {hasTable && (
              <button type="button" className="tool" aria-expanded={shown === 'table'} onClick={() => toggle('table')}>
                Table<span className="hidden"> of {title}</span>
              </button>
            )}
            <button type="button" className="tool" aria-expanded={shown === 'sql'} onClick={() => toggle('sql')}>
              SQL<span className="hidden"> of {title}</span>
            </button>
          </>
        )}
      </header>
      <div className="body">
        {shown === 'help' && <p className="help">{help}</p>}
        {data && shown === 'sql' && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
          <pre className="sql" tabIndex={0}>
            {data.sql}
          </pre>
        )}
        {data && shown === 'table' && <PlainTable title={`${data.title} as a table`} rows={data.rows} />}
        {children}
      </div>
    </section>
  );
}

/** A box that scrolls sideways when its table is too wide, and down from `height` pixels on; by keyboard too (WCAG 2.1.1). */
export function Scroll({ label, height, children }: { label: string; height?: number; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="scroll" tabIndex={0} aria-label={label} style={{ maxHeight: height }}>
      {children}
    </section>
  );
}

export function PlainTable({ title, rows }: { title: string; rows: readonly PanelRow[] }) {
  const columns = Object.keys(rows[0] ?? {});
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="table-view" tabIndex={0} aria-label={title}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column.replaceAll('_', ' ')}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={JSON.stringify(row)}>
              {columns.map((column) => (
                <td key={column}>{plain(row[column])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Lists and maps as they are written in JSON. */
const plain = (value: unknown) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as string | number));

/** A panel that had no answer is asked for again after this: the next evaluation may be a minute away. */
const RETRY_MS = 3_000;

export type Loaded = { data: PanelData | undefined; problem: string | undefined };

/**
 * The rows of a panel over the `hours` up to the overview's moment, asked again when that moves on, and with each evaluation while history
 * is filled in. The old rows stay until the new are there, but never for another range; what is no longer wanted is not waited for.
 */
export function usePanel(name: string, hours: number, { overview, evaluation }: { overview: Overview; evaluation: number }): Loaded {
  const { at, fill } = overview;
  const renewal = fill ? evaluation : 0;
  const range = `${name} ${hours}`;
  const [loaded, setLoaded] = useState<Loaded & { range: string }>({ range, data: undefined, problem: undefined });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a renewal asks again, though the address is the same.
  useEffect(() => {
    const leaving = new AbortController();
    const to = new Date(at);
    const from = new Date(to.getTime() - hours * 3_600_000);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = () =>
      get<PanelData>(`/api/panels/${name}?from=${from.toISOString()}&to=${to.toISOString()}`, leaving.signal).then(
        (data) => setLoaded({ range, data, problem: undefined }),
        (error: Error) => {
          if (leaving.signal.aborted) return;
          setLoaded((known) => ({ range, data: known.range === range ? known.data : undefined, problem: error.message }));
          timer = setTimeout(load, RETRY_MS);
        },
      );
    void load();
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [name, hours, range, at, renewal]);
  return loaded.range === range ? loaded : { data: undefined, problem: undefined };
}

/** The one place for: still loading, failed, nothing there. */
export function PanelState({ loaded, empty, children }: { loaded: Loaded; empty: string; children: (data: PanelData) => ReactNode }) {
  if (!loaded.data) {
    return loaded.problem ? (
      <p className="note">
        <b>This panel has no answer.</b>
        {loaded.problem}
      </p>
    ) : (
      <div className="skeleton" />
    );
  }
  return (
    <>
      {loaded.problem && (
        <p className="key" role="status">
          Not renewed since {moment(loaded.data.to, Date.now())}: {loaded.problem}
        </p>
      )}
      {loaded.data.rows.length === 0 ? <p className="note">{empty}</p> : children(loaded.data)}
    </>
  );
}

/** The names of a table's columns. */
export function Head({ names }: { names: readonly string[] }) {
  return (
    <thead>
      <tr>
        {names.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
