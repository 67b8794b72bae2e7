/** What the statements need to know of a collection's table, worked out once from its Drizzle definition. */
import { getTableColumns, is, SQL } from "drizzle-orm";
import { getTableConfig, type PgColumn } from "drizzle-orm/pg-core";
import { COUNTER_SYNC_COLUMN_NAMES, SYNC_COLUMN_NAMES } from "../../schema/sync-columns.js";
import type { Collection } from "../collection.js";
import { neutralValue } from "./neutral-value.js";
import { castType, encoderOf, quoteName } from "./sql-text.js";

/** The text of a typed column in a row; undefined leaves the column to the database: its default in a new row, else what stands. */
export type Cell = string | null | undefined;

export interface TypedColumn {
  /** Name in the Drizzle table, and in what `project` gives. */
  readonly property: string;
  /** Quoted. */
  readonly name: string;
  readonly type: string;
  readonly encode: (value: unknown) => string | null;
  /** For a value that has nothing to say of this column. */
  readonly missing: Cell;
  /** For a tombstone. */
  readonly tombstone: (id: string) => Cell;
}

export interface TableLayout {
  /** Quoted, with its schema if it names one. */
  readonly table: string;
  readonly id: { readonly name: string; readonly type: string };
  readonly columns: readonly TypedColumn[];
  /** Property names of the sync columns → quoted names. */
  readonly sync: Readonly<
    Record<(typeof SYNC_COLUMN_NAMES)[number] | (typeof COUNTER_SYNC_COLUMN_NAMES)[number], string>
  >;
  /** The collection's statements by their name and variant, each generated once. */
  readonly statements: Map<string, string>;
}

const layouts = new WeakMap<Collection, TableLayout>();

export function tableLayout(collection: Collection): TableLayout {
  let layout = layouts.get(collection);
  if (!layout) {
    layout = makeLayout(collection);
    layouts.set(collection, layout);
  }
  return layout;
}

/** The statement of this name, generated at its first use. */
export function statement(layout: TableLayout, name: string, generate: (layout: TableLayout) => string): string {
  let text = layout.statements.get(name);
  if (text === undefined) {
    text = generate(layout);
    layout.statements.set(name, text);
  }
  return text;
}

function makeLayout({ table, idColumn, kind }: Collection): TableLayout {
  const config = getTableConfig(table);
  const syncNames: readonly string[] = kind === "records" ? SYNC_COLUMN_NAMES : COUNTER_SYNC_COLUMN_NAMES;
  const columns = Object.entries(getTableColumns(table) as Record<string, PgColumn>);
  return {
    table: (config.schema ? `${quoteName(config.schema)}.` : "") + quoteName(config.name),
    id: { name: quoteName(idColumn.name), type: castType(idColumn) },
    columns: columns
      .filter(([property, column]) => column !== idColumn && !syncNames.includes(property) && !isComputed(column))
      .map(([property, column]) => typedColumn(property, column)),
    sync: Object.fromEntries(
      columns.map(([property, column]) => [property, quoteName(column.name)]),
    ) as TableLayout["sync"],
    statements: new Map(),
  };
}

/** Columns that refuse to be given a value. */
function isComputed(column: PgColumn): boolean {
  return column.generated !== undefined || column.generatedIdentity?.type === "always";
}

function typedColumn(property: string, column: PgColumn): TypedColumn {
  const encode = encoderOf(column);
  const missing = defaultCell(column, encode);
  return {
    property,
    name: quoteName(column.name),
    type: castType(column),
    encode,
    missing,
    tombstone: (id) => {
      if (!column.notNull) return null;
      return missing === null ? neutralValue(column, id) : missing;
    },
  };
}

/** A constant default is written out, so that the column follows the value alone; a computed one is the database's matter. */
function defaultCell(column: PgColumn, encode: TypedColumn["encode"]): Cell {
  if (is(column.default, SQL) || column.columnType.includes("Serial") || column.generatedIdentity) return undefined;
  return encode(column.default);
}

/** The cells of a row; `values` is null for a tombstone. */
export function rowCells(layout: TableLayout, id: string, values: Readonly<Record<string, unknown>> | null): Cell[] {
  return layout.columns.map((column) => {
    if (values === null) return column.tombstone(id);
    const value = values[column.property];
    return value === undefined ? column.missing : column.encode(value);
  });
}
