/** A fast wrong answer counts for nothing: what was written stands in both stores, by their own word. */
import type postgres from "postgres";
import { type Item, idOf } from "./items.js";
import { itemKey, type Stage } from "./stage.js";

/** The first `count` records are the same bytes in both stores, under their own ids. The logs are drained. */
export async function checkItems(stage: Stage, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => idOf(i));
  const values = await stage.redis.mget(ids.map(itemKey));
  const rows = await sql(stage)<{ id: string; original: Buffer }[]>`
    SELECT id, sync_original AS original FROM bench_items WHERE id = ANY (${ids})`;
  const originals = new Map(rows.map(({ id, original }) => [id, original.toString()]));
  for (const [n, id] of ids.entries()) {
    const value = values[n];
    if (!value || value !== originals.get(id)) throw new Error(`${id}: the stores differ`);
    if (idOf((JSON.parse(value) as Item).amount) !== id) throw new Error(`${id} holds another record's value`);
  }
}

/** Each use was counted once for its day and once for its month. The logs are drained. */
export async function checkCounts(stage: Stage, counted: number): Promise<void> {
  const [row] = await sql(stage)<{ sum: string }[]>`
    SELECT coalesce(sum(sync_redis_part + sync_postgres_part), 0)::text AS sum FROM usage_tracking`;
  if (Number(row?.sum) !== counted * 2)
    throw new Error(`${counted} uses were counted, and ${row?.sum} stand, not twice that`);
}

function sql(stage: Stage): postgres.Sql {
  return stage.lanes[0] as postgres.Sql;
}
