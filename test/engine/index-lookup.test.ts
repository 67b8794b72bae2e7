/** Whom a lookup by a second key asks, in which order, and when it says "none": only where somebody knows that there is none. */
import { describe, expect, test } from "vitest";
import { AuthorityReadError } from "../../src/engine/authority-read.js";
import type { EngineContext } from "../../src/engine/context.js";
import { findByIndex } from "../../src/engine/index-lookup.js";
import { AuthorityUnavailableError, ValidationError } from "../../src/errors.js";
import type { StoreName } from "../../src/stores/state.js";
import { item, items } from "../contract/contract-collections.js";
import { recordState } from "../contract/contract-harness.js";
import { away, cutOff, EngineFixture, fail, never, onVirtualTime, operation, slowly, write } from "./engine-fixture.js";

onVirtualTime();

const [RED, BLUE] = [item("red"), item("blue")];
/** The questions of a lookup, in short. */
const [RI, PI, RP, PP] = ["redis.findByIndex", "postgres.findByIndex", "redis.pageRecords", "postgres.pageRecords"];

interface Scene {
  readonly authority?: StoreName;
  readonly incomplete?: readonly StoreName[];
  /** Redis's index tells of all records. */
  readonly indexed?: boolean;
}
async function scene({ authority = "redis", incomplete = [], indexed = false }: Scene = {}): Promise<EngineFixture> {
  const engine = await new EngineFixture().reign(authority, 1, incomplete);
  if (indexed) await engine.redis.store.setIndexed(items);
  await engine.context.term.refresh();
  engine.calls.length = 0;
  return engine;
}

const asked = (engine: EngineFixture) => engine.calls.filter((one) => [RI, PI, RP, PP].includes(one));
const find = (engine: EngineFixture, more: Partial<EngineContext> = {}, color = "red") =>
  findByIndex({ ...engine.context, ...more }, items, "color", color, operation());
const rowInPostgres = (engine: EngineFixture) =>
  engine.postgres.store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 1000, bytes: RED }) }]);
const ALONE = { bypassWriters: false };

describe("there is none", () => {
  test.each<[string, Scene & { readonly bypassWriters?: boolean }, string[]]>([
    ["Redis's whole index", { indexed: true, bypassWriters: false }, [RI]],
    ["all of Redis, where others write it too", { indexed: true }, [RI, RP]],
    ["Postgres's index, where Redis's isn't whole", { bypassWriters: false }, [RI, PI]],
    ["all of Redis, whose index isn't whole and which others write", {}, [RI, PI, RP]],
    ["all of Redis, where neither has an index", { incomplete: ["postgres"], bypassWriters: false }, [RI, PI, RP]],
    ["Postgres's index, where Redis isn't whole", { incomplete: ["redis"], bypassWriters: false }, [RI, PI]],
    ["all of both, where neither is whole", { incomplete: ["redis", "postgres"] }, [RI, PI, RP, PP]],
    ["Postgres's index", { authority: "postgres" }, [PI]],
    [
      "Redis's index, where Postgres isn't whole",
      { authority: "postgres", incomplete: ["postgres"], indexed: true },
      [PI, RI],
    ],
    ["all of both, under Postgres", { authority: "postgres", incomplete: ["postgres"] }, [PI, RI, PP, RP]],
  ])("by %s", async (_what, { bypassWriters = true, ...rest }, questions) => {
    const engine = await scene(rest);
    expect(await find(engine, { bypassWriters })).toBeNull();
    expect(asked(engine)).toEqual(questions);
  });

  test("can't be said where the only store that is connected isn't whole", async () => {
    const engine = await scene({ authority: "postgres", incomplete: ["postgres"] });
    await expect(find(engine, { redis: null })).rejects.toThrow(AuthorityUnavailableError);
  });

  test.each<[string, () => unknown]>([
    ["fails", fail(away())],
    ["takes too long", () => new Promise((resolve) => setTimeout(resolve, 600))],
  ])("can't be said where a page of a store %s", async (_what, answer) => {
    const engine = await scene({ indexed: true });
    for (let n = 0; n < 1001; n++) engine.servers.redis.bypassSet(items.redisKey(`a${n}`), BLUE);
    engine.whenever("redis.pageRecords", answer);
    const lookup = find(engine);
    await expect(lookup).rejects.toThrow(AuthorityUnavailableError);
    await expect(lookup).rejects.toHaveProperty("cause", expect.any(Error));
  });

  test.each<[string, (engine: EngineFixture) => void]>([
    ["reigns in another term", (engine) => engine.loseRedis(2)],
    [
      "isn't agreed about any more",
      ({ servers: { redis } }) => {
        if (redis.control.fence) redis.control.fence = { ...redis.control.fence, agreed: false };
      },
    ],
    ["can't be asked for its fence", (engine) => engine.before("redis.readFence", fail(away()))],
  ])("can't be said where the store that was looked through %s", async (_what, meanwhile) => {
    const engine = await scene({ indexed: true });
    engine.before("redis.pageRecords", () => meanwhile(engine));
    await expect(find(engine)).rejects.toThrow(AuthorityUnavailableError);
  });
});

describe("there is one", () => {
  test.each<[string, (engine: EngineFixture) => unknown, string[]]>([
    ["Redis's index", (engine) => engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]), [RI]],
    [
      "Postgres's index, where Redis has no entry",
      async (engine) => {
        engine.servers.redis.bypassSet(items.redisKey("a"), RED);
        await rowInPostgres(engine);
      },
      [RI, PI],
    ],
    [
      "the second page of Redis",
      ({ servers: { redis } }) => {
        for (let n = 0; n < 1000; n++) redis.bypassSet(items.redisKey(`0${n}`), BLUE);
        redis.bypassSet(items.redisKey("a"), RED);
      },
      [RI, PI, RP, RP],
    ],
  ])("by %s", async (_what, prepare, questions) => {
    const engine = await scene();
    await prepare(engine);
    engine.calls.length = 0;
    expect(await find(engine)).toEqual({ id: "a", bytes: RED });
    expect(asked(engine)).toEqual(questions);
    // Of all that was looked through only this one is read.
    expect(engine.called("redis.readRecords")).toBe(1);
  });

  test.each<[string, () => unknown]>([
    ["can't be asked", fail(away())],
    ["is silent", never],
  ])("in Redis, without an entry, although Postgres %s", async (_what, answer) => {
    const engine = await scene();
    engine.servers.redis.bypassSet(items.redisKey("a"), RED);
    engine.whenever("postgres.findByIndex", answer);
    expect(await find(engine, ALONE)).toMatchObject({ id: "a" });
  });

  test("only if the record that an entry leads to has the value by then", async () => {
    const engine = await scene({ indexed: true });
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
    engine.after("redis.findByIndex", () => engine.redis.store.writeRecords(items, 1, [write("a", { bytes: BLUE })]));
    expect(await find(engine, ALONE)).toBeNull();
  });

  test("unless the record that an entry leads to can't be read: that is an error", async () => {
    const engine = await scene({ indexed: true });
    await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
    engine.after("redis.findByIndex", () => {
      engine.servers.redis.bypassDel(items.redisKey("a"));
      engine.servers.redis.bypassAddMember(items.redisKey("a"), "member");
    });
    await expect(find(engine, ALONE)).rejects.toThrow("another Redis type");
  });
});

test.each(["postgres.findByIndex", "redis.pageRecords", "redis.readFence"] as const)(
  "a lookup waits a moment for the answer of %s",
  async (method) => {
    const engine = await scene();
    engine.whenever(method, slowly);
    expect(await find(engine)).toBeNull();
    expect(await find(engine, ALONE)).toBeNull();
    expect(asked(engine)).toEqual([RI, PI, RP, RI, PI]);
  },
);

describe("while the authority is away, the other store's index", () => {
  async function fallback() {
    const engine = await scene();
    await rowInPostgres(engine);
    engine.outage("redis");
    engine.calls.length = 0;
    return engine;
  }

  test("tells what there is, and what there isn't where nobody else writes", async () => {
    const engine = await fallback();
    expect(await find(engine)).toMatchObject({ id: "a" });
    expect(await find(engine, ALONE, "blue")).toBeNull();
    await expect(find(engine, {}, "blue")).rejects.toThrow(AuthorityUnavailableError);
  });

  test("isn't asked for those who want the authority's answer", async () => {
    const engine = await fallback();
    const lookup = findByIndex(engine.context, items, "color", "red", operation(), "authority");
    await expect(lookup).rejects.toThrow(AuthorityReadError);
    expect(engine.called("postgres.findByIndex")).toBe(0);
  });

  test.each<[string, readonly StoreName[]]>([
    ["whole", []],
    ["not whole", ["postgres"]],
  ])(
    "is asked once (%s), and says nothing of what the authority lacks: both are looked through",
    async (_what, incomplete) => {
      const engine = await scene({ incomplete });
      engine.before("redis.findByIndex", fail(cutOff()));
      expect(await find(engine)).toBeNull();
      expect(asked(engine)).toEqual([RI, PI, RP, PP]);
    },
  );

  test("proves nothing where it has no fence", async () => {
    const engine = await scene({ authority: "postgres" });
    engine.servers.redis.flush();
    engine.before("postgres.findByIndex", fail(cutOff()));
    await expect(find(engine)).rejects.toThrow(AuthorityUnavailableError);
  });
});

test.each([
  [{}, "none"],
  [items.indexes, "color"],
  [{ ...items.indexes, label: items.indexes.color }, "color, label"],
])("an index that isn't there is refused, with those that are: %#", async (indexes, names) => {
  const engine = await scene();
  const lookup = findByIndex(engine.context, { ...items, indexes } as typeof items, "size", "1", operation());
  await expect(lookup).rejects.toThrow(ValidationError);
  await expect(lookup).rejects.toThrow(`no index "size"; it has: ${names}`);
  expect(engine.calls).toEqual([]);
});
