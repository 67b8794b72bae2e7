/** What only a Postgres has: values that its table refuses, the term it raises alone, and a Redis given up. */
import { describe, expect, test } from "vitest";
import type { PostgresSide } from "../../src/stores/sides.js";
import { counts, item, items } from "./contract-collections.js";
import {
  completeAdd,
  completeWrite,
  type MakeStore,
  recordState,
  type StoreHarness,
  useHarness,
} from "./contract-harness.js";

export function describePostgresContract(name: string, makeStore: MakeStore<StoreHarness<PostgresSide>>): void {
  describe(`${name} as a Postgres`, () => {
    const calls = useHarness(makeStore);
    const broken = Buffer.from("[1, 2");

    test("refuses a value that isn't the collection's, beside others that it writes", async () => {
      await calls().beAuthority();
      const answer = await calls().store.writeRecords(items, 1, [
        completeWrite({ id: "a", bytes: broken }),
        completeWrite({ id: "b" }),
      ]);
      expect(answer).toMatchObject({
        results: [{ kind: "rejected", reason: expect.any(String) }, { kind: "written" }],
      });
      expect(await calls().read("a")).toEqual({ kind: "absent" });
      expect(await calls().logged("a")).toBeNull();
    });

    test("refuses a state that isn't the collection's, beside others that it applies", async () => {
      await calls().beMirror();
      const answer = await calls().store.applyRecords(items, 1, [
        { id: "a", state: recordState({ stamp: 1000, bytes: broken }) },
        { id: "b", state: recordState({ stamp: 1000 }) },
      ]);
      expect(answer).toMatchObject({
        results: [{ kind: "rejected", reason: expect.any(String) }, { kind: "applied" }],
      });
      expect(await calls().read("a")).toEqual({ kind: "absent" });
    });

    test("raises its term from exactly the one given, and stays what it is", async () => {
      await calls().beAuthority(4);
      expect(await calls().store.raiseTerm(3)).toBeNull();
      expect(await calls().store.raiseTerm(4)).toBe(5);
      expect(await calls().store.raiseTerm(4)).toBeNull();
      expect(await calls().store.readFence()).toMatchObject({ term: 5, role: "authority" });
      await calls().store.raiseFence(6);
      expect(await calls().store.raiseTerm(6)).toBe(7);
      expect(await calls().store.readFence()).toMatchObject({ term: 7, role: "mirror" });
    });

    test("raises its term for one of many at the same time", async () => {
      await calls().beMirror(4);
      const raised = await Promise.all(Array.from({ length: 8 }, () => calls().store.raiseTerm(4)));
      expect(raised.filter((term) => term === 5)).toHaveLength(1);
      expect(raised.filter((term) => term === null)).toHaveLength(7);
    });

    test("keeps no repair log while Redis is given up", async () => {
      await calls().beAuthority();
      expect((await calls().store.readFence())?.redisGivenUp ?? false).toBe(false);
      await calls().store.setRedisGivenUp(true);
      expect(await calls().store.readFence()).toMatchObject({ redisGivenUp: true });
      await calls().put({ id: "a", bytes: item("red") });
      await calls().add({ id: "a" });
      expect(await calls().store.logStatus(items)).toMatchObject({ entries: 0, overflowed: false });
      expect(await calls().store.logStatus(counts)).toMatchObject({ entries: 0, overflowed: false });
      await calls().store.setRedisGivenUp(false);
      const { stamp } = await calls().put({ id: "a", bytes: item("blue") });
      expect(await calls().logged("a")).toBe(stamp);
    });

    test("asks for what it misses of an incomplete collection, before it writes or counts", async () => {
      await calls().beAuthority(1, false);
      expect(await calls().write({ id: "a" })).toEqual({ kind: "suspect" });
      expect(await calls().tryAdd({ id: "a" })).toEqual({ kind: "suspect" });
      expect(await calls().count("a")).toMatchObject({ kind: "absent", compared: false });
      await calls().apply("b", { stamp: 1001 });
      await calls().applyCount("b", { redisPart: 1 });
      const answer = await calls().store.addToCounters(counts, 1, [
        ...["a", "b"].map((id) => completeAdd({ id, operationId: "one" })),
        completeAdd({ id: "c", compared: true }),
      ]);
      expect(answer).toMatchObject({ results: [{ kind: "suspect" }, { kind: "suspect" }, { kind: "added" }] });
      await calls().put({ id: "b" });
      await calls().add({ id: "b" });
      await calls().put({ id: "a", compared: true });
      await calls().add({ id: "a", compared: true });
    });

    test("writes none of an operation's records while it asks for what it misses of one", async () => {
      await calls().beAuthority(1, false);
      await calls().apply("known", { stamp: 1001, bytes: item("red") });
      const write = (id: string, operationId: string) => completeWrite({ id, bytes: item("green"), operationId });
      const answer = await calls().store.writeRecords(items, 1, [
        write("known", "both"),
        write("missing", "both"),
        completeWrite({ id: "other", bytes: item("blue"), compared: true }),
      ]);
      expect(answer).toMatchObject({ results: [{ kind: "suspect" }, { kind: "suspect" }, { kind: "written" }] });
      expect(await calls().read("known")).toMatchObject({ bytes: item("red") });
    });

    test("has no bypass writers: an exact look adopts nothing", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a" });
      expect(await calls().inspect("a", "bare")).toMatchObject({ kind: "value", stamp, bypass: false });
      expect(await calls().inspect("b", "bare")).toEqual({ kind: "absent" });
      expect(await calls().inspectCount("c", "bare")).toMatchObject({ kind: "absent" });
      expect(await calls().store.readLog(counts, 10)).toEqual([]);
    });
  });
}
