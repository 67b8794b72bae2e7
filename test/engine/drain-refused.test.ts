/** Working off a repair log whose entries the other store refuses: tried again, then told and set aside. */
import { describe, expect, test } from "vitest";
import type { DrainOptions, Refusal } from "../../src/engine/drain.js";
import { Refusals } from "../../src/engine/refusals.js";
import type { LogEntry } from "../../src/stores/store.js";
import { type counts, items } from "../contract/contract-collections.js";
import { BLUE, inPostgres, log, toPostgres, unheard } from "./drain-fixture.js";
import { type EngineFixture, onVirtualTime, write } from "./engine-fixture.js";

onVirtualTime();

describe("what can't be taken", () => {
  const bad = Buffer.from("[1");
  async function refused() {
    const engine = await unheard("good");
    await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: bad })]);
    return engine;
  }
  /** As many rounds as make a refusal one for good. */
  async function rounds(
    engine: EngineFixture,
    more: Partial<DrainOptions>,
    collection: typeof items | typeof counts = items,
  ) {
    const refusals = new Refusals();
    const drained = [];
    for (let round = 0; round < 3; round++) drained.push(await toPostgres(engine, { ...more, refusals }, collection));
    return drained;
  }

  test("is tried again, then told and handed on with its reason; once it is set aside its entry goes", async () => {
    const engine = await refused();
    const told: Refusal[] = [];
    const refuse = async (refusal: Refusal) => {
      told.push(refusal);
      return true;
    };
    expect(await rounds(engine, { refuse })).toEqual([
      { done: 1, seen: 2, again: 1, fenced: false },
      { done: 0, seen: 1, again: 1, fenced: false },
      { done: 1, seen: 1, again: 0, fenced: false },
    ]);
    expect(told).toMatchObject([{ collection: items, id: "bad", reason: expect.any(String), value: bad }]);
    expect(engine.told.rejected).toMatchObject([{ collection: items.name, reason: told[0]?.reason }]);
    expect(await log(engine)).toEqual([]);
  });

  test("is handed on as it was refused, whatever a bypass writer made of it meanwhile", async () => {
    const engine = await refused();
    const told: Refusal[] = [];
    let sent = 0;
    engine.whenever("postgres.applyRecords", () => {
      if (++sent === 3) engine.servers.redis.bypassSet(items.redisKey("bad"), BLUE);
    });
    await rounds(engine, { refuse: async (one) => told.push(one) > 0 });
    expect(told).toMatchObject([{ id: "bad", value: bad }]);
  });

  test("keeps its entry where it wasn't set aside, and holds up nothing else", async () => {
    const engine = await refused();
    await rounds(engine, { refuse: async () => false });
    expect(engine.told.repair).toHaveLength(1);
    expect(await log(engine)).toEqual(["bad"]);
    expect(await inPostgres(engine, "good")).toMatchObject({ kind: "value" });
  });

  test("is set aside after as many tries where it is more than goes at once", async () => {
    const engine = await unheard();
    const ids = Array.from({ length: 600 }, (_, n) => `bad-${n}`);
    for (const id of ids) await engine.redis.store.writeRecords(items, 1, [write(id, { bytes: bad })]);
    const told: string[] = [];
    await rounds(engine, { refuse: async ({ id }) => told.push(id) > 0 });
    expect(told.sort()).toEqual(ids.sort());
    expect(await log(engine)).toEqual([]);
  });

  test("counts its tries anew after another write", async () => {
    const engine = await refused();
    const refusals = new Refusals();
    const told: Refusal[] = [];
    const refuse = async (refusal: Refusal) => told.push(refusal) > 0;
    for (let round = 0; round < 4; round++) {
      if (round === 2) await engine.redis.store.writeRecords(items, 1, [write("bad", { bytes: bad })]);
      await toPostgres(engine, { refusals, refuse });
    }
    expect(told).toEqual([]);
    await toPostgres(engine, { refusals, refuse });
    expect(told).toHaveLength(1);
  });

  test("is a key of another type, too", async () => {
    const engine = await unheard("a", "b");
    engine.servers.redis.bypassDel(items.redisKey("a"));
    engine.servers.redis.bypassAddMember(items.redisKey("a"), "member");
    expect(await toPostgres(engine)).toMatchObject({ done: 1, seen: 2, again: 1 });
    expect(await log(engine)).toEqual(["a"]);
    const told: Refusal[] = [];
    const reason = "the key holds another Redis type";
    const { stamp } = (await engine.redis.store.readLog(items, 1))[0] as LogEntry;
    await rounds(engine, { refuse: async (one) => told.push(one) > 0 });
    expect(told).toEqual([{ collection: items, id: "a", reason, value: null, stamp }]);
    expect(engine.told.rejected?.at(-1)).toMatchObject({ reason });
    expect(await log(engine)).toEqual([]);
  });
});
