/** Clocks that are off: of the processes by an hour either way, of one server by seconds. Stamps, counters and the order of writes don't mind. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DualWriteStore } from "../../src/index.js";
import { type PostgresServer, startPostgres } from "../servers/postgres-server.js";
import { shiftedClock } from "../servers/shifted-clock.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, closeAll, drained, ledger, ledgers, openFleet, Past, STAGES, untilAuthority } from "./support.js";
import { Traffic } from "./traffic.js";
import { Writer } from "./writer.js";
import { expectWritersKept } from "./writers-kept.js";

const HOUR = 3_600_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function begin(postgres?: PostgresServer): Promise<[Pair, Past]> {
  const pair = await openPair(postgres ? { postgres: postgres.url } : {});
  ends.push(() => pair.end());
  const past = new Past(pair);
  ends.push(() => past.end());
  return [pair, past];
}

describe.each(STAGES)("%s, processes whose clocks are an hour ahead and an hour behind", (strategy) => {
  it("keep everything acknowledged, count on the server's day, and leave both stores equal", async () => {
    const [pair, past] = await begin();
    const [store] = (await openFleet(pair, [strategy], authorityOf(strategy))) as [DualWriteStore];
    await ledgers(store).put("shared", ledger());
    const start = async (name: string, clockShift: number) => {
      const writer = await Writer.start(pair, name, strategy, { clockShift });
      ends.push(() => writer.kill());
      return writer;
    };
    const writers = await Promise.all([start("ahead", HOUR), start("behind", -HOUR)]);
    // Their clocks really are off.
    const [ahead, behind] = writers.map(({ lines }) => lines[0]?.began as number) as [number, number];
    expect(Math.abs(ahead - behind - 2 * HOUR)).toBeLessThan(HOUR / 10);
    await waitFor(
      () =>
        writers.every((writer) =>
          (["append", "put", "delete", "count"] as const).every((kind) => writer.acknowledged(kind).length >= 15),
        ),
      { what: "both writers to be busy", timeoutMs: 20_000 },
    );
    await Promise.all(writers.map((writer) => writer.stop()));
    await drained(store);
    await expectWritersKept(past, writers);
    expect((await store.health()).counts.divergence).toBe(0);
  });
});

describe.each([7, -7])("Postgres's clock %i seconds ahead of Redis's", (seconds) => {
  let env: NodeJS.ProcessEnv | string;
  beforeAll(async () => {
    env = await shiftedClock(seconds);
  });

  it("every stage and handover keeps the order of writes, counters are exact, nothing is refused", async (context) => {
    if (typeof env === "string") return context.skip(env);
    const postgres = await startPostgres({ env, config: { fsync: "off" } });
    ends.push(() => postgres.stop());
    const [pair, past] = await begin(postgres);
    const [row] = await past.sql`select extract(epoch from clock_timestamp()) * 1000 as now`;
    expect(Math.abs(Number(row?.now) - Date.now() - seconds * 1000)).toBeLessThan(2000);
    const deadlines = { read: 5000, write: 10_000 };
    const stores = [await pair.open(STAGES[0], { deadlines }), await pair.open(STAGES[0], { deadlines })] as const;
    await untilAuthority(stores, "redis");
    await ledgers(stores[0]).put("shared", ledger());
    const traffic = new Traffic(stores);
    for (const stage of [1, 2, 3, 2, 1, 0]) {
      const strategy = STAGES[stage] as (typeof STAGES)[number];
      await traffic.some(30);
      for (const store of stores) await store.setStrategy(strategy, { reason: "a walk" });
      await untilAuthority(stores, authorityOf(strategy));
    }
    await traffic.some(30);
    await traffic.stop();
    await drained(stores[0]);
    traffic.expectServed();
    await traffic.expectKept(past);
    await closeAll(stores);
  }, 60_000);

  it("expiry is judged by the store that answers: the two differ by as much as their clocks", async (context) => {
    if (typeof env === "string") return context.skip(env);
    const postgres = await startPostgres({ env, config: { fsync: "off" } });
    ends.push(() => postgres.stop());
    const [pair, past] = await begin(postgres);
    const store = await pair.open("DUAL_WRITE");
    await untilAuthority(store, "redis");
    // Live for Redis now; over for a Postgres that is ahead.
    const expiresAt = Date.now() + 5000;
    await ledgers(store).put("expiring", ledger("first"), { expiresAt });
    await drained(store);
    expect(await ledgers(store).read("expiring")).toMatchObject({ kind: "hit", store: "redis" });
    const held = await past.record("expiring");
    expect(held.postgres.value).toEqual(seconds > 0 ? null : ledger("first"));
    // The moment itself is the same in both.
    const [row] = await past.sql`select (extract(epoch from sync_expires_at) * 1000)::bigint as at from user_sessions`;
    expect([held.redis.expiresAt, Number(row?.at)]).toEqual([expiresAt, expiresAt]);
    await pair.redisProxy.setMode("refuse");
    expect(await ledgers(store).read("expiring")).toMatchObject({
      kind: seconds > 0 ? "miss" : "hit",
      store: "postgres",
      fallback: true,
    });
  });
});
