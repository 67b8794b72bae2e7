/** Reading and changing the fence. Each change is one call of a function that first locks out the writes in flight; see the migration. */
import type { Collection } from "../../collection.js";
import type { Fence } from "../../store.js";
import type { PostgresConnection, Row } from "../connection.js";
import { textArray } from "../sql-text.js";
import { fenceOf, wholeSql } from "./gate.js";

/** For one collection, or for all: complete if none is known to lack anything. */
const READ = `SELECT f.term, f.role, CASE WHEN $1::text IS NULL THEN f.complete_all AND f.incomplete = '{}' ELSE ${wholeSql("f", "$1::text")} END,
  f.redis_given_up FROM dual_write_fence f WHERE f.id = 1`;

export async function readFence(connection: PostgresConnection, collection: string | null): Promise<Fence | null> {
  const [row] = await connection.run(READ, [collection]);
  return row ? fenceOf(row, 0) : null;
}

/** For some collections: complete if none of them is known to lack anything. */
const READ_OF = `SELECT f.term, f.role, (SELECT coalesce(bool_and(${wholeSql("f", "c.name")}), true) FROM unnest($1::text[]) c(name)),
  f.redis_given_up FROM dual_write_fence f WHERE f.id = 1`;

export async function readFenceOf(
  connection: PostgresConnection,
  collections: readonly Collection[],
): Promise<Fence | null> {
  const [row] = await connection.run(READ_OF, [textArray(collections.map(({ name }) => name))]);
  return row ? fenceOf(row, 0) : null;
}

export async function createFence(connection: PostgresConnection, fence: Fence): Promise<void> {
  await connection.run("SELECT dual_write_create_fence($1::bigint, $2::text, $3::boolean, $4::boolean)", [
    fence.term,
    fence.role,
    fence.complete,
    fence.redisGivenUp ?? false,
  ]);
}

/** For a rehearsal, which is taken back at once. No effect where a fence stands. */
export function createFenceSql({ term, role, complete }: Fence): string {
  return `SELECT dual_write_create_fence(${Math.trunc(term)}, '${role}', ${complete}, false)`;
}

export async function closeFence(
  connection: PostgresConnection,
  term: number,
  intact: readonly string[],
): Promise<boolean> {
  const closed = await connection.run("SELECT dual_write_close_fence($1::bigint, $2::text[])", [
    term,
    textArray(intact),
  ]);
  return only(closed) === true;
}

export async function openFence(connection: PostgresConnection, term: number): Promise<boolean> {
  return only(await connection.run("SELECT dual_write_open_fence($1::bigint)", [term])) === true;
}

export async function raiseFence(connection: PostgresConnection, term: number): Promise<void> {
  await connection.run("SELECT dual_write_raise_fence($1::bigint)", [term]);
}

export async function raiseTerm(connection: PostgresConnection, from: number): Promise<number | null> {
  const raised = only(await connection.run("SELECT dual_write_raise_term($1::bigint)", [from]));
  return raised === null ? null : Number(raised);
}

export async function setComplete(
  connection: PostgresConnection,
  collection: string | null,
  complete: boolean,
): Promise<void> {
  await connection.run("SELECT dual_write_set_complete($1::text, $2::boolean)", [collection, complete]);
}

export async function setRedisGivenUp(connection: PostgresConnection, givenUp: boolean): Promise<void> {
  await connection.run("SELECT dual_write_set_redis_given_up($1::boolean)", [givenUp]);
}

function only(rows: readonly Row[]): unknown {
  return rows[0]?.[0];
}
