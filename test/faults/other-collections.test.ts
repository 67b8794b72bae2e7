/** Two programs share both stores, and only one of them knows a collection: what the other one does for the fleet leaves it whole. */
import { afterEach, describe, expect, it } from "vitest";
import type { DualWriteStore, StrategyName } from "../../src/index.js";
import { Migration } from "../../src/migration/migration.js";
import { GADGET_TABLES, gadgetCollections } from "../support/gadgets.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, ledger, ledgers, Past, untilAuthority } from "./support.js";

let pair: Pair;
let past: Past;

afterEach(async () => {
  await past?.end();
  await pair?.end();
});

// Time for a busy machine.
const deadlines = { read: 8000, write: 15_000, mirror: 8000 };
const openWhole = (strategy: StrategyName) => pair.open(strategy, { collections: gadgetCollections, deadlines });
const openPart = (strategy: StrategyName) => pair.open(strategy, { deadlines });

/** A gadget, three clicks and a session stand in both stores. */
async function begin(strategy: StrategyName): Promise<void> {
  pair = await openPair();
  past = new Past(pair);
  for (const text of GADGET_TABLES) await past.sql.unsafe(text);
  const whole = await openWhole(strategy);
  await untilAuthority(whole as unknown as DualWriteStore, authorityOf(strategy));
  await whole.collections.gadgets.put("g", { size: 7 });
  for (let n = 0; n < 3; n++) await whole.collections.clicks.add([{ id: "c", by: 1 }]);
  await ledgers(whole as unknown as DualWriteStore).put("s", ledger("a"));
  await whole.drain();
  await whole.close();
}

/** Redis lost everything and whoever is there has brought back what he knows. */
async function loseRedis(): Promise<void> {
  await past.redis.flushall();
  await waitFor(() => past.redisIsComplete(), { what: "Redis to be filled" });
}

async function expectWhole(strategy: StrategyName): Promise<void> {
  const whole = await openWhole(strategy);
  expect(await whole.collections.gadgets.read("g")).toMatchObject({ kind: "hit", value: { size: 7 }, fallback: false });
  expect(await whole.collections.clicks.get("c")).toBe(3);
  expect(await whole.collections.clicks.add([{ id: "c", by: 1 }])).toEqual(new Map([["c", 4]]));
  expect(await ledgers(whole as unknown as DualWriteStore).get("s")).toEqual(ledger("a"));
}

describe("Redis loses everything while only a program runs that doesn't know every collection", () => {
  it.each(["REDIS_PRIMARY", "DUAL_WRITE"] as const)(
    "%s: what it doesn't know isn't a miss afterwards",
    async (strategy) => {
      await begin(strategy);
      await openPart(strategy);
      await loseRedis();
      await expectWhole(strategy);
    },
  );

  it("DUAL_WRITE: the tool that was told of no collections of the user's own leaves them whole", async () => {
    await begin("DUAL_WRITE");
    await past.redis.flushall();
    const migration = await Migration.open({ redis: pair.redis.url, postgres: pair.databaseUrl });
    await migration.verify().finally(() => migration.close());
    await expectWhole("DUAL_WRITE");
  });

  it("whoever knows more fills in what is missing afterwards", async () => {
    await begin("DUAL_WRITE");
    await openPart("DUAL_WRITE");
    await loseRedis();
    const completeFor = async (name: string) => {
      const [, , , complete, exceptions = ""] = ((await past.redis.get("dual-write:fence")) as string).split(" ");
      return (complete === "1") !== exceptions.split(",").includes(name);
    };
    expect(await completeFor("gadgets")).toBe(false);
    await openWhole("DUAL_WRITE");
    await waitFor(() => completeFor("gadgets"), { what: "the gadgets to be filled" });
    expect(await completeFor("user_sessions")).toBe(true);
    expect(await past.redis.get("threadr:gadget:g")).toBe('{"size":7}');
  });
});

describe("a program that doesn't know every collection", () => {
  it("keeps nobody from working off the log of what it doesn't know", async () => {
    pair = await openPair();
    past = new Past(pair);
    for (const text of GADGET_TABLES) await past.sql.unsafe(text);
    const part = await openPart("REDIS_PRIMARY");
    await waitFor(async () => (await past.redis.keys("dual-write:task:drain:*")).length > 0, { what: "it to drain" });
    const whole = await openWhole("REDIS_PRIMARY");
    await whole.collections.gadgets.put("g", { size: 1 });
    await waitFor(async () => (await past.sql`select from gadgets`).length === 1, { what: "the gadget in Postgres" });
    await ledgers(part).put("s", ledger("a"));
    await waitFor(async () => (await past.record("s")).postgres.value, { what: "the session in Postgres" });
  });

  it("doesn't move the authority while a log of what it doesn't know has something left, and another one does", async () => {
    await begin("DUAL_WRITE");
    const whole = await openWhole("DUAL_WRITE");
    // As a failed mirror call leaves it, and a process that is killed then.
    await past.sql.unsafe("ALTER TABLE gadgets RENAME TO away");
    await whole.collections.gadgets.put("g", { size: 8 });
    await whole.close();
    await past.sql.unsafe("ALTER TABLE away RENAME TO gadgets");

    const part = await openPart("POSTGRES_PRIMARY");
    await waitFor(async () => /knows gadgets/.test((await part.health()).waitingFor ?? ""), {
      what: "it to wait for one that knows gadgets",
    });
    expect((await part.health()).authority).toBe("redis");
    const again = await openWhole("POSTGRES_PRIMARY");
    await untilAuthority([part, again as unknown as DualWriteStore], "postgres");
    expect(await again.collections.gadgets.read("g")).toMatchObject({
      kind: "hit",
      value: { size: 8 },
      store: "postgres",
    });
  });

  it("leaves the move to the one that knows more", async () => {
    await begin("DUAL_WRITE");
    const whole = await openWhole("DUAL_WRITE");
    const part = await openPart("POSTGRES_PRIMARY");
    await waitFor(async () => /to cross/.test((await part.health()).waitingFor ?? ""), { what: "it to wait" });
    await whole.setStrategy("POSTGRES_PRIMARY");
    await untilAuthority([part, whole as unknown as DualWriteStore], "postgres");
    const [made] = await past.sql`select process from dual_write_decisions where what = 'handover'`;
    const [own] = await past.sql`select process from dual_write_decisions where what = 'flip'`;
    expect(made?.process).toBe(own?.process);
  });
});
