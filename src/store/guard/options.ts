/** What may follow a statement from outside: one FORMAT, filters of tables (ad-hoc filters of Grafana), and a shorter limit of time. */
import { TABLES } from '../../names.ts';
import { refused } from './query-error.ts';
import { quotedAt } from './quotes.ts';

/** A condition that every reading of a table gets. */
export interface TableFilter {
  table: string;
  /** The condition as a quoted text, as the engine's formatter wrote it. */
  quoted: string;
}

export interface Options {
  /** The statement without them. */
  statement: string;
  format: string | undefined;
  filters: readonly TableFilter[];
  /** Whole seconds; 0 is no limit of its own. */
  seconds: number;
}

/** Of filters, and of the text of each. */
const MAX_FILTERS = 20;
const MAX_FILTER_LENGTH = 4_000;

/**
 * Takes options off a statement.
 * @param canonical what the engine's formatter wrote: each clause on a line of its own, one way to quote
 * @throws QueryError for settings that are not taken here
 */
export function withoutOptions(canonical: string, database: string): Options {
  const lines = canonical.split('\n');
  const tail = lines.findIndex((line) => /^(INTO |FORMAT |SETTINGS )/.test(line));
  const options = tail < 0 ? [] : lines.slice(tail);
  const result: Options = {
    statement: (tail < 0 ? lines : lines.slice(0, tail)).join('\n'),
    format: undefined,
    filters: [],
    seconds: 0,
  };
  for (const line of options) {
    const format = /^FORMAT [`"]?(\w+)[`"]?$/.exec(line)?.[1];
    if (format !== undefined && result.format === undefined) result.format = format;
    else if (line.startsWith('SETTINGS ')) Object.assign(result, settingsOf(line.slice('SETTINGS '.length), database));
    else throw refused(`only SETTINGS and one FORMAT and its name may follow a SELECT here, not ${line.split(/[ =]/, 1)[0]}`);
  }
  return result;
}

const SETTING = /(\w+) = (\{|[\w.]+|')/y;

function settingsOf(text: string, database: string): Pick<Options, 'filters' | 'seconds'> {
  let filters: TableFilter[] = [];
  let seconds = 0;
  for (let at = 0; at < text.length; ) {
    SETTING.lastIndex = at;
    const [whole = '', name = '', value = ''] = SETTING.exec(text) ?? [];
    if (name === 'additional_table_filters' && value === '{') {
      const read = filtersAt(text, at + whole.length, database);
      filters = read.filters;
      at = read.end;
    } else if (name === 'max_execution_time' && /^\d{1,9}$/.test(value)) {
      seconds = Number(value);
      at += whole.length;
    } else
      throw refused(
        `settings cannot be changed here, but for additional_table_filters and max_execution_time: leave ${name || 'SETTINGS'} out`,
      );
    if (at < text.length && !text.startsWith(', ', at)) throw refused('these SETTINGS are not taken here');
    at += 2;
  }
  return { filters, seconds };
}

/** Filters as the engine writes them: `{'table':'condition','other':'condition'}`. @param from behind the opening bracket */
function filtersAt(text: string, from: number, database: string): { filters: TableFilter[]; end: number } {
  const filters: TableFilter[] = [];
  for (let at = from; ; ) {
    if (text[at] === '}') return { filters, end: at + 1 };
    const key = quotedAt(text, at);
    const value = key && text[key.end] === ':' ? quotedAt(text, key.end + 1) : undefined;
    if (!key || !value) throw refused("additional_table_filters: expected {'table':'condition'}");
    if (value.inner.length > MAX_FILTER_LENGTH) throw refused(`a filter is longer than ${MAX_FILTER_LENGTH} characters`);
    const [table = '', of = database] = key.inner.split('.').reverse();
    const isKnown = of === database && (TABLES as readonly string[]).includes(table);
    if (!isKnown && key.inner !== '') throw refused(`additional_table_filters: no table is called ${key.inner.slice(0, 60)}`);
    if (isKnown && value.inner.trim() !== '') filters.push({ table, quoted: text.slice(value.start, value.end) });
    else if (value.inner.trim() !== '') throw refused('additional_table_filters: a condition without a table');
    if (filters.length > MAX_FILTERS) throw refused(`at most ${MAX_FILTERS} filters are taken`);
    at = text[value.end] === ',' ? value.end + 1 : value.end;
  }
}

/** What the connection of a statement must be set to, beside its bounds: nothing can be set once it is open. */
export function settingsOfConnection(
  { filters, seconds }: Pick<Options, 'filters' | 'seconds'>,
  database: string,
): Record<string, string | number> {
  const map = filters.map(({ table, quoted }) => `'${database}.${table}':${quoted}`).join(',');
  return { ...(filters.length > 0 && { additional_table_filters: `{${map}}` }), ...(seconds > 0 && { max_execution_time: seconds }) };
}
