/** A record that the other store refuses for good goes aside with its reason, blocks nothing else, and can be sent again. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DualWriteStore, StrategyName } from "../../src/index.js";
import { closeContext, type MigrationContext } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { readStatus } from "../../src/migration/status/status.js";
import { verify } from "../../src/migration/verify/verify.js";
import { retrySetAside } from "../../src/strategy/set-aside.js";
import { GADGET_TABLES, gadgetCollections } from "../support/gadgets.js";
import { openPair, type Pair } from "../support/pair.js";
import { Past, untilAuthority } from "./support.js";

type Store = DualWriteStore<typeof gadgetCollections>;

let pair: Pair;
let past: Past;
let migration: MigrationContext;
const stores: Store[] = [];

beforeAll(async () => {
  pair = await openPair();
  past = new Past(pair);
  for (const table of GADGET_TABLES) await past.sql.unsafe(table);
  const urls = { redis: pair.redis.url, postgres: pair.databaseUrl };
  migration = await openContext({ ...urls, collections: gadgetCollections });
});
afterAll(async () => {
  if (migration) await closeContext(migration);
  await past?.end();
  await pair?.end();
});

beforeEach(async () => {
  for (const constraint of ["small", "kept"])
    await past.sql.unsafe(`ALTER TABLE gadgets DROP CONSTRAINT IF EXISTS ${constraint}`);
  await past.sql.unsafe("DELETE FROM clicks");
  await past.redis.del("threadr:clicks:home", "dual-write:{threadr:clicks:home}");
  await past.sql.unsafe("DELETE FROM dual_write_rejects").catch(() => {}); // The first store makes the table.
});

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

async function open(strategy: StrategyName): Promise<Store> {
  const store = await pair.open(strategy, { collections: gadgetCollections });
  stores.push(store);
  await untilAuthority(store as unknown as DualWriteStore, strategy.startsWith("POSTGRES") ? "postgres" : "redis");
  return store;
}

const collectionOf = (name: string) => {
  const found = migration.collections.find((collection) => collection.name === name);
  if (!found) throw new Error(`There is no ${name}.`);
  return found;
};
const listed = () => past.sql`SELECT collection, key, reason, value, attempts FROM dual_write_rejects ORDER BY key`;
const rowOf = async (id: string) => (await past.sql`SELECT size, sync_original FROM gadgets WHERE id = ${id}`)[0];
const inRedis = async (id: string) => JSON.parse((await past.redis.get(`threadr:gadget:${id}`)) ?? "null");

describe.each(["REDIS_PRIMARY", "DUAL_WRITE"] as const)("%s, Postgres refusing", (strategy) => {
  it("keeps the record with its reason, sends all others, and sends it when the constraint is gone", async () => {
    const store = await open(strategy);
    const told: unknown[] = [];
    store.on("rejected", (event) => told.push(event));
    await store.collections.gadgets.put("large", { size: 1 });
    await store.drain();
    await past.sql.unsafe("ALTER TABLE gadgets ADD CONSTRAINT small CHECK (size < 100) NOT VALID");

    await store.collections.gadgets.put("large", { size: 1000 });
    for (let n = 0; n < 20; n++) await store.collections.gadgets.put(`other-${n}`, { size: n });
    await store.drain();
    expect((await store.health()).repairLog.entries).toBe(0);
    expect(await rowOf("other-19")).toMatchObject({ size: 19 });
    expect(await rowOf("large")).toMatchObject({ size: 1 });
    const reason = expect.stringContaining('"small"');
    expect(await listed()).toMatchObject([
      { collection: "gadgets", key: "threadr:gadget:large", reason, value: Buffer.from('{"size":1000}'), attempts: 1 },
    ]);
    expect(told).toMatchObject([{ collection: "gadgets", reason }]);

    const { gadgets } = (await readStatus(migration)).collections;
    expect(gadgets).toMatchObject({ rejects: 1, rejectReasons: { [(told[0] as { reason: string }).reason]: 1 } });
    const report = await verify(migration, { collections: ["gadgets"] });
    expect(report.collections.gadgets).toMatchObject({
      clean: true,
      differences: {},
      setAside: 1,
      setAsideReasons: { [(told[0] as { reason: string }).reason]: 1 },
    });

    const gadgetsOf = collectionOf("gadgets");
    expect(await retrySetAside(migration, gadgetsOf, ["large"])).toMatchObject([{ outcome: "refused", reason }]);
    expect(await listed()).toMatchObject([{ attempts: 2 }]);

    await past.sql.unsafe("ALTER TABLE gadgets DROP CONSTRAINT small");
    expect(await retrySetAside(migration, gadgetsOf, ["large"])).toEqual([{ id: "large", outcome: "sent" }]);
    expect(await rowOf("large")).toMatchObject({ size: 1000 });
    expect(await listed()).toEqual([]);
    expect(await retrySetAside(migration, gadgetsOf, ["large"])).toEqual([{ id: "large", outcome: "sent" }]);
    expect((await verify(migration, { collections: ["gadgets"] })).collections.gadgets).toMatchObject({
      clean: true,
      setAside: 0,
    });
  });

  it("sends a value that a bypass writer put in its place", async () => {
    const store = await open(strategy);
    await past.sql.unsafe("ALTER TABLE gadgets ADD CONSTRAINT small CHECK (size < 100) NOT VALID");
    await store.collections.gadgets.put("mended", { size: 1000 });
    await store.drain();
    await past.redis.set("threadr:gadget:mended", '{"size":5}');
    await past.redis.del("dual-write:{threadr:gadget:mended}");
    expect(await retrySetAside(migration, collectionOf("gadgets"), ["mended"])).toEqual([
      { id: "mended", outcome: "sent" },
    ]);
    expect(await rowOf("mended")).toMatchObject({ size: 5 });
    expect(await listed()).toEqual([]);
  });

  it("leaves the list by a verify once the record was written again with an allowed value", async () => {
    const store = await open(strategy);
    await past.sql.unsafe("ALTER TABLE gadgets ADD CONSTRAINT small CHECK (size < 100) NOT VALID");
    await store.collections.gadgets.put("again", { size: 1000 });
    await store.drain();
    expect(await listed()).toHaveLength(1);
    await store.collections.gadgets.put("again", { size: 7 });
    await store.drain();
    expect(await verify(migration, { collections: ["gadgets"] })).toMatchObject({ clean: true });
    expect(await listed()).toEqual([]);
  });

  it("keeps a counter and a delete as it keeps a value", async () => {
    const store = await open(strategy);
    await store.collections.gadgets.put("undying", { size: 1 });
    await store.drain();
    await past.sql.unsafe(
      "ALTER TABLE gadgets ADD CONSTRAINT kept CHECK (id <> 'undying' OR sync_original IS NOT NULL)",
    );
    await past.sql.unsafe("ALTER TABLE clicks ADD CONSTRAINT few CHECK (sync_redis_part < 3)");
    await store.collections.gadgets.delete("undying");
    for (const by of [1, 4, 1]) await store.collections.clicks.add([{ id: "home", by }]);
    await store.drain();
    expect(await listed()).toMatchObject([
      { key: "threadr:clicks:home", value: Buffer.from("6") },
      { key: "threadr:gadget:undying", value: null },
    ]);
    expect(await verify(migration, { collections: ["gadgets", "clicks"] })).toMatchObject({
      clean: true,
      collections: { gadgets: { setAside: 1 }, clicks: { setAside: 1 } },
    });
    await past.sql.unsafe("ALTER TABLE gadgets DROP CONSTRAINT kept");
    await past.sql.unsafe("ALTER TABLE clicks DROP CONSTRAINT few");
    expect(await retrySetAside(migration, collectionOf("gadgets"), ["undying"])).toMatchObject([{ outcome: "sent" }]);
    expect(await retrySetAside(migration, collectionOf("clicks"), ["home"])).toMatchObject([{ outcome: "sent" }]);
    expect(await listed()).toEqual([]);
    expect(await rowOf("undying")).toMatchObject({ sync_original: null });
    await store.collections.clicks.add([{ id: "home", by: 1 }]);
    await store.drain();
    expect(await past.sql`SELECT sync_redis_part::int AS parts FROM clicks`).toEqual([{ parts: 7 }]);
  });

  it("blocks nothing else by a trigger's own error, or by a whole table that is gone", async () => {
    const store = await open(strategy);
    await past.sql.unsafe(`CREATE FUNCTION grumble() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF NEW.id = 'odd' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$`);
    await past.sql.unsafe("CREATE TRIGGER grumble BEFORE INSERT ON gadgets FOR EACH ROW EXECUTE FUNCTION grumble()");
    await past.sql.unsafe("ALTER TABLE clicks RENAME TO clicks_hidden");
    await store.collections.clicks.add([{ id: "home", by: 1 }]);
    await store.collections.gadgets.put("odd", { size: 1 });
    await store.collections.gadgets.put("even", { size: 2 });
    await store.usage.track({ userId: "u" });
    // What the other collections hold gets through; this one waits for its table.
    await expect(store.drain()).rejects.toThrow(/clicks/);
    expect(await rowOf("even")).toMatchObject({ size: 2 });
    expect(await listed()).toMatchObject([
      { key: "threadr:gadget:odd", reason: expect.stringContaining("not this one") },
    ]);
    await past.sql.unsafe("ALTER TABLE clicks_hidden RENAME TO clicks");
    await past.sql.unsafe("DROP FUNCTION grumble CASCADE");
    await store.drain();
    expect(await retrySetAside(migration, collectionOf("gadgets"), ["odd"])).toMatchObject([{ outcome: "sent" }]);
    expect(await past.sql`SELECT id FROM clicks`).toEqual([{ id: "home" }]);
  });
});

describe.each(["POSTGRES_PRIMARY", "POSTGRES_ONLY"] as const)("%s, Redis refusing", (strategy) => {
  beforeAll(async () => {
    const before = await open("DUAL_WRITE");
    await before.setStrategy("POSTGRES_PRIMARY", { force: true, reason: "a test" });
    await before.close();
  });

  it("keeps what stands under a key of another type, sends all others, and sends it when the key is free", async () => {
    const store = await open(strategy);
    await past.redis.del("threadr:gadget:odd", "dual-write:{threadr:gadget:odd}");
    await past.redis.hset("threadr:gadget:odd", "a", "hash");
    await store.collections.gadgets.put("odd", { size: 41 });
    await store.collections.gadgets.put("even", { size: 42 });
    await store.drain();
    expect((await store.health()).repairLog.entries).toBe(0);
    expect(await inRedis("even")).toEqual({ size: 42 });
    const reason = expect.stringContaining("another Redis type");
    expect(await listed()).toMatchObject([
      { key: "threadr:gadget:odd", reason, value: Buffer.from('{"size":41}'), attempts: 1 },
    ]);
    const report = await verify(migration, { collections: ["gadgets"] });
    expect(report.collections.gadgets).toMatchObject({ clean: true, setAside: 1 });
    expect(Object.keys(report.collections.gadgets?.setAsideReasons ?? {})).toEqual([reason]);

    const gadgets = collectionOf("gadgets");
    expect(await retrySetAside(migration, gadgets, ["odd"])).toMatchObject([{ outcome: "refused", reason }]);
    await past.redis.del("threadr:gadget:odd");
    expect(await retrySetAside(migration, gadgets, ["odd"])).toEqual([{ id: "odd", outcome: "sent" }]);
    expect(await inRedis("odd")).toEqual({ size: 41 });
    expect(await listed()).toEqual([]);
  });
});
