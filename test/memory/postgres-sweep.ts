/** What a Postgres removes when it is swept: what has been dead for the whole retention. */
import type { Collection } from "../../src/stores/collection.js";
import type { CounterState, RecordState } from "../../src/stores/state.js";
import { isComplete } from "./control.js";
import type { MemoryPostgresServer } from "./postgres-server.js";

type Row = RecordState | CounterState;

/** Until when a tombstone is kept. A row is replaced whole, so a later delete begins anew. Milliseconds since the epoch. */
const retained = new WeakMap<Row, number>();

export function sweep(
  server: MemoryPostgresServer,
  collection: Collection,
  limit: number,
): { begun: number; removed: number } {
  const { control, retentionMs } = server;
  const rows: Map<string, Row> =
    collection.kind === "records" ? server.records(collection) : server.counters(collection);
  // Where a full log left entries out, no entry says nothing.
  const isConfirmed = (id: string) =>
    !control.hasOverflowed(collection.name) && !control.logs.get(collection.name)?.has(id);
  const inOrder = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  const isTombstone = (row: Row) => "bytes" in row && row.bytes === null;

  const found = inOrder
    .filter(([id, row]) => isTombstone(row) && !retained.has(row) && isConfirmed(id))
    .slice(0, limit);
  for (const [, row] of found) retained.set(row, server.now() + retentionMs);

  const isOver = ([id, row]: [string, Row]) => {
    const endsAt = isTombstone(row) ? retained.get(row) : row.expiresAt;
    if (endsAt === undefined || endsAt === null) return false;
    const diedAt = isTombstone(row) ? endsAt - retentionMs : endsAt;
    return (
      diedAt < server.now() - retentionMs &&
      isConfirmed(id) &&
      !server.unfinishedBackfills().some((startedAt) => startedAt <= diedAt)
    );
  };
  // While it is incomplete a missing row means "look in the other store".
  const isWhole = control.fence !== null && isComplete(control.fence, collection.name);
  const dead = isWhole ? inOrder.filter(isOver).slice(0, limit) : [];
  for (const [id] of dead) rows.delete(id);
  return { begun: found.length, removed: dead.length };
}
