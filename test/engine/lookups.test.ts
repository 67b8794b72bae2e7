/** Lookups by a second key, and changes of what they find, on in-memory stores. */
import { describe, expect, test } from "vitest";
import { changeByIndex } from "../../src/engine/change-by-index.js";
import { findByIndex } from "../../src/engine/index-lookup.js";
import { AuthorityUnavailableError } from "../../src/errors.js";
import { item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import { cutOff, EngineFixture, fail, onVirtualTime, operation, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");
const BLUE = item("blue");
const find = (engine: EngineFixture, color = "red") => findByIndex(engine.context, items, "color", color, operation());
const overwrite = () => ({ bytes: BLUE, expiresAt: "keep" }) as const;

async function indexed(): Promise<EngineFixture> {
  const engine = await new EngineFixture().reign("redis");
  await engine.redis.store.setIndexed(items);
  return engine;
}

describe("a lookup in Redis", () => {
  test("finds what a bypass writer wrote without an entry", async () => {
    const engine = await indexed();
    engine.servers.redis.bypassSet(items.redisKey("a"), RED);
    expect(await find(engine)).toMatchObject({ id: "a" });
    expect(await find(engine, "blue")).toBeNull();
  });

  test("believes a whole index where there are no bypass writers", async () => {
    const engine = await indexed();
    engine.servers.redis.bypassSet(items.redisKey("a"), RED);
    const context = { ...engine.context, bypassWriters: false };
    expect(await findByIndex(context, items, "color", "red", operation())).toBeNull();
  });

  test("that lost its memory looks through all of Postgres too, whose index isn't whole either", async () => {
    const engine = await new EngineFixture().reign("redis", 1, ["postgres"]);
    await engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 1000, bytes: RED }) }]);
    engine.loseRedis(2);
    engine.whenever("postgres.findByIndex", () => {
      throw new Error("no such index");
    });
    expect(await find(engine)).toMatchObject({ id: "a" });
  });
});

describe("what a lookup found by looking through all records", () => {
  /** A snapshot came back; of `a` Postgres knows what was written since. */
  async function restored() {
    const engine = await new EngineFixture().reign("redis", 1, ["postgres"]);
    await engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 1000, bytes: BLUE }) }]);
    engine.loseRedis(2, false);
    engine.servers.redis.bypassSet(items.redisKey("a"), RED);
    return engine;
  }

  test("is held against the other store where the authority lost its memory", async () => {
    expect(await find(await restored())).toBeNull();
    expect(await find(await restored(), "blue")).toMatchObject({ id: "a", bytes: BLUE });
  });

  test("is told all the same where that one is away: it may be old, as a fallback may be", async () => {
    const engine = await restored();
    engine.outage("postgres");
    expect(await find(engine)).toMatchObject({ id: "a" });
  });
});

describe("a lookup that the authority didn't answer", () => {
  test("looks through both stores where the authority isn't whole", async () => {
    const engine = await new EngineFixture().reign("postgres", 1, ["postgres"]);
    engine.servers.redis.bypassSet(items.redisKey("a"), RED);
    engine.before("postgres.findByIndex", fail(cutOff()));
    expect(await find(engine)).toMatchObject({ id: "a" });
  });
});

describe("a lookup that finds nothing by looking through all records", () => {
  test("fails where the authority lost its memory before the end", async () => {
    const engine = await indexed();
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: BLUE })]);
    engine.before("redis.pageRecords", () => engine.servers.redis.flush());
    await expect(find(engine)).rejects.toThrow(AuthorityUnavailableError);
  });
});

describe("a change of what a lookup found", () => {
  test("isn't made under a key that the record lost meanwhile", async () => {
    const engine = await indexed();
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
    engine.before("redis.writeRecords", () => engine.redis.store.writeRecords(items, 1, [write("a", { bytes: BLUE })]));
    const changed: string[] = [];
    const result = await changeByIndex(engine.context, items, "color", "red", operation(), (id) => {
      changed.push(id);
      return { bytes: item("green"), expiresAt: "keep" };
    });
    expect(result).toBeNull();
    expect((await engine.redis.store.readRecords(items, ["a"])).held[0]).toMatchObject({ bytes: BLUE });
    expect(changed).toEqual(["a"]);
  });

  test("is made to the one that has the key by then", async () => {
    const engine = await indexed();
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
    engine.before("redis.writeRecords", () =>
      engine.redis.store.writeRecords(items, 1, [write("a", { bytes: BLUE }), write("b", { bytes: RED })]),
    );
    expect(await changeByIndex(engine.context, items, "color", "red", operation(), overwrite)).toMatchObject({
      id: "b",
      kind: "written",
    });
  });
});
