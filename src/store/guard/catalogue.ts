/**
 * What SQL from outside sees of the engine's catalogue. The engine lets everybody read `system.tables` and its like, paths, statements and
 * tables of Muster's own among them, so a statement that names them reads views of ours in their place.
 */
import { TABLES } from '../../names.ts';
import { replaceParts } from './quotes.ts';

/** Columns that are shown, of the tables of the catalogue. */
const SHOWN = {
  databases: ['name', 'engine', 'comment'],
  tables: [
    'database',
    'name',
    'engine',
    'is_temporary',
    'comment',
    'total_rows',
    'total_bytes',
    'primary_key',
    'sorting_key',
    'partition_key',
    // Where they lie is nobody's to know.
    "CAST([], 'Array(String)') AS data_paths",
  ],
  // Clients look up which they may set: none.
  settings: ['name', 'value', 'changed', 'description', 'readonly', 'type', 'default'],
  columns: [
    'database',
    'table',
    'name',
    'type',
    'position',
    'default_kind',
    // What it is made of may name tables that are not shown.
    "'' AS default_expression",
    'comment',
    'is_in_partition_key',
    'is_in_primary_key',
    'is_in_sorting_key',
    'character_octet_length',
    'numeric_precision',
    'numeric_precision_radix',
    'numeric_scale',
    'datetime_precision',
  ],
} as const;
type Shown = keyof typeof SHOWN;

/** Rows that are shown. */
const FILTERS: Record<Shown, string> = {
  databases: 'name = currentDatabase()',
  settings: '0',
  tables: `database = currentDatabase() AND name IN (${TABLES.map((name) => `'${name}'`).join(', ')})`,
  columns: `database = currentDatabase() AND table IN (${TABLES.map((name) => `'${name}'`).join(', ')})`,
};

const viewOf = (table: string) => `outside_${table}`;

/** Names of the views that stand for the catalogue. */
export const CATALOGUE_VIEWS: readonly string[] = Object.keys(SHOWN).map(viewOf);

/** The statements that make them. */
export const CATALOGUE_VIEW_SQL: readonly string[] = (Object.keys(SHOWN) as Shown[]).map(
  (table) => `CREATE OR REPLACE VIEW ${viewOf(table)} AS SELECT ${SHOWN[table].join(', ')} FROM system.${table} WHERE ${FILTERS[table]}`,
);

/** A statement with the catalogue's tables replaced by the views that stand for them. What it quotes stays. */
export function withCatalogueViews(canonical: string, database: string): string {
  return replaceParts(canonical, {
    quoted: ({ start, end }) => canonical.slice(start, end),
    plain: (text) =>
      text.replace(/(?<![\w.])system\.(databases|settings|tables|columns)\b/g, (_, table: string) => `${database}.${viewOf(table)}`),
  });
}
