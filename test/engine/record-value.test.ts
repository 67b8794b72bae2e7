/** Reading one value: the authority's plain word is enough while it is complete; everything else goes the thorough way. */
import { describe, expect, test } from "vitest";
import type { EngineContext } from "../../src/engine/context.js";
import { readValue } from "../../src/engine/record-reader.js";
import { item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import { away, EngineFixture, fail, onVirtualTime, operation, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");

const read = (engine: EngineFixture, id = "a", context: Partial<EngineContext> = {}) =>
  readValue({ ...engine.context, ...context }, items, id, operation());

/** Both stores hold it. */
async function held(authority: "redis" | "postgres" = "redis") {
  const engine = await new EngineFixture().reign(authority);
  const other = authority === "redis" ? engine.postgres : engine.redis;
  await engine[authority].store.writeRecords(items, 1, [write("a", { bytes: RED })]);
  await other.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 5000, bytes: RED }) }]);
  await engine.context.term.refresh();
  engine.calls.length = 0;
  return engine;
}

describe.each(["redis", "postgres"] as const)("a complete %s that reigns", (authority) => {
  test("is asked once, for a value and for a miss", async () => {
    const engine = await held(authority);
    expect(await read(engine)).toEqual({ kind: "hit", value: RED, store: authority, fallback: false });
    expect(await read(engine, "never")).toEqual({ kind: "miss", store: authority, fallback: false });
    expect(engine.calls).toEqual([`${authority}.readValues`, `${authority}.readValues`]);
  });

  test("that is away leaves the answer to the other store, after one try", async () => {
    const engine = await held(authority);
    engine.whenever(`${authority}.readValues`, fail(away()));
    expect(await read(engine)).toMatchObject({ kind: "hit", value: RED, fallback: true });
    expect(engine.calls).not.toContain(`${authority}.readRecords`);
  });
});

describe("the thorough way", () => {
  test("is taken where the store isn't the authority any more", async () => {
    const engine = await held("redis");
    await engine.postgres.store.applyRecords(items, 1, [{ id: "b", state: recordState({ stamp: 7000, bytes: RED }) }]);
    engine.move("postgres", 2);
    expect(await read(engine, "b")).toMatchObject({ kind: "hit", value: RED, store: "postgres", fallback: false });
  });

  test("is taken where the authority is incomplete: a miss is looked up", async () => {
    const engine = await held("redis");
    engine.loseRedis(2);
    expect(await read(engine)).toMatchObject({ kind: "hit", value: RED, store: "redis", fallback: false });
    expect(engine.calls).toContain("postgres.inspectRecords");
  });

  test("is taken for a value that an incomplete authority can't vouch for", async () => {
    const engine = await held("redis");
    engine.loseRedis(2, false);
    engine.servers.redis.bypassSet(items.redisKey("a"), item("old"));
    expect(await read(engine)).toMatchObject({ kind: "hit", value: RED, fallback: false });
  });

  test("is taken for a miss where every miss is looked up", async () => {
    const engine = await held("redis");
    await read(engine, "never", { lookElsewhere: "always" });
    expect(engine.calls).toContain("postgres.inspectRecords");
  });

  test("tells a key of another type from a miss", async () => {
    const engine = await held("redis");
    engine.servers.redis.bypassAddMember(items.redisKey("odd"), "member");
    expect(await read(engine, "odd")).toMatchObject({ kind: "error", store: "redis" });
  });
});
