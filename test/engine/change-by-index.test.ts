/** A change of a record that is known by its second key: which truth it believes, and how it ends where others come first. */
import { describe, expect, test } from "vitest";
import { changeByIndex } from "../../src/engine/change-by-index.js";
import { ConflictError } from "../../src/errors.js";
import { item, items } from "../contract/contract-collections.js";
import { cutOff, EngineFixture, fail, onVirtualTime, operation, slowly, write } from "./engine-fixture.js";

onVirtualTime();

const RED = item("red");
const BLUE = item("blue");

/** Redis reigns with a whole index and holds a red record, which Postgres wasn't told of yet. */
async function indexed(): Promise<EngineFixture> {
  const engine = await new EngineFixture().reign("redis");
  await engine.redis.store.setIndexed(items);
  await engine.redis.store.writeRecords(items, 1, [write("a", { bytes: RED })]);
  return engine;
}
/** Gives the red record another label. */
const relabel = ({ context }: Pick<EngineFixture, "context">, one = operation()) =>
  changeByIndex(context, items, "color", "red", one, () => ({ bytes: item("red", "new"), expiresAt: "keep" }));

describe("a change by a second key", () => {
  test("waits for the authority's own answer, and doesn't take the mirror's for it", async () => {
    const engine = await indexed();
    engine.before("redis.findByIndex", fail(cutOff()));
    const context = { ...engine.context, bypassWriters: false };
    expect(await relabel({ context })).toMatchObject({ id: "a", kind: "written" });
  });

  test("that is repeated under its operation id is told so, and changes nothing", async () => {
    const engine = await indexed();
    await relabel(engine, operation(1000, "once"));
    const { held } = await engine.redis.store.readRecords(items, ["a"]);
    expect(await relabel(engine, operation(1000, "once"))).toMatchObject({ id: "a", kind: "repeated" });
    expect((await engine.redis.store.readRecords(items, ["a"])).held).toEqual(held);
  });

  test("finds none where the record was deleted after the lookup", async () => {
    const engine = await indexed();
    engine.before("redis.writeRecords", () => engine.redis.store.writeRecords(items, 1, [write("a", { bytes: null })]));
    expect(await relabel(engine)).toBeNull();
  });

  test("gives up at its deadline where the key keeps wandering between lookup and change", async () => {
    const engine = await indexed();
    const one = operation(1000, "mine");
    let moves = 0;
    Object.defineProperty(one, "expired", { get: () => moves === 3 });
    engine.whenever("redis.readRecords", async () => {
      if (engine.calls.at(-2) === "redis.findByIndex") return;
      await slowly();
      const [holder, next] = moves++ % 2 === 0 ? ["a", "b"] : ["b", "a"];
      await engine.redis.store.writeRecords(items, 1, [write(holder, { bytes: BLUE }), write(next, { bytes: RED })]);
    });
    const error = await relabel(engine, one).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ operationId: "mine" });
  });
});
