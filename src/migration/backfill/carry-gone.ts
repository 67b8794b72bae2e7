/**
 * Tells Postgres that what Redis has no trace of is gone. The companion of what expired is forgotten after the retention; if a full log
 * had left its end out, Postgres still has what was there before, and no listing of Redis tells it.
 */
import type { HeldCounter, HeldRecord, Page } from "../../stores/store.js";
import { keysThere } from "../keyspace/keys-there.js";
import { PageSize } from "../keyspace/page-size.js";
import { type BothStores, type BoundCollection, PAGE_MS } from "../migration-context.js";
import { redisReign } from "../redis-authority.js";
import { Pace, rest } from "../run/pace.js";
import { persist } from "../run/persist.js";
import type { ResolvedRun } from "../run/run-options.js";
import { carryDeletes } from "./carry-deletes.js";

type Held = HeldRecord | HeldCounter;
type Rows = Page<{ id: string; held: Held }>;

/** Looks through Postgres's rows; returns how many it hadn't heard the end of. @throws the signal's reason */
export async function carryGone(context: BothStores, collection: BoundCollection, run: ResolvedRun): Promise<number> {
  const pace = new Pace({ rate: run.rate });
  const size = new PageSize(run.pageSize, pace);
  let carried = 0;
  let after: string | null = null;
  do {
    run.signal?.throwIfAborted();
    const began = performance.now();
    const at: string | null = after;
    const limit = size.keys;
    const page: Rows = await persist("Reading Postgres", run, () => pageOf(context, collection, at, limit));
    size.met(page.items.length, bytesOf(page));
    const ids = page.items.flatMap(({ id, held }) => (held.kind === "value" ? [id] : []));
    carried += await persist("Telling Postgres what is gone", run, () => carry(context, collection, ids));
    after = page.next;
    await rest(pace.restAfter(page.items.length, performance.now() - began), run.signal);
  } while (after !== null);
  return carried;
}

async function carry(context: BothStores, collection: BoundCollection, ids: readonly string[]): Promise<number> {
  const { term } = await redisReign(context);
  if ((await keysThere(context, collection, ids)) === ids.length) return 0;
  const held = await inRedis(context, collection, ids);
  const gone = ids.filter((_, i) => held[i]?.kind !== "value" && held[i]?.kind !== "unreadable");
  return carryDeletes(context, new Map([[collection, gone]]), term, "bare");
}

async function inRedis(
  { redis }: BothStores,
  collection: BoundCollection,
  ids: readonly string[],
): Promise<readonly Held[]> {
  const { held } = await (collection.kind === "records"
    ? redis.attempt((store) => store.inspectRecords(collection, ids), PAGE_MS)
    : redis.attempt((store) => store.inspectCounters(collection, ids), PAGE_MS));
  return held;
}

function pageOf(
  { postgres }: BothStores,
  collection: BoundCollection,
  after: string | null,
  limit: number,
): Promise<Rows> {
  return collection.kind === "records"
    ? postgres.attempt((store) => store.pageRecords(collection, after, limit), PAGE_MS)
    : postgres.attempt((store) => store.pageCounters(collection, after, limit), PAGE_MS);
}

function bytesOf({ items }: Rows): number {
  return items.reduce((sum, { held }) => sum + (held.kind === "value" && "bytes" in held ? held.bytes.length : 0), 0);
}
