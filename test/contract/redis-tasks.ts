/** What migration and recovery ask of a Redis beside its data. */

import { describe, expect, test } from "vitest";
import { REFILL } from "../../src/stores/sides.js";
import { counts, item, items } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";
import { loseAll } from "./redis-memory-loss.js";

const ALL = [items, counts];

export function describeRedisTasks(makeStore: MakeRedis): void {
  describe("the mark of a full log", () => {
    const calls = useHarness(makeStore, { logLimit: 1 });
    const isMarked = async () => (await calls().store.logStatus(items)).overflowed;

    test("goes only while it is the one that was seen", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a" });
      const first = await calls().put({ id: "b" });
      await calls().pass(await calls().store.now());
      const second = await calls().put({ id: "c" });
      expect(await calls().store.forgetOverflow(items, String(first.stamp))).toBe(false);
      expect(await isMarked()).toBe(true);
      expect(await calls().store.forgetOverflow(items, String(second.stamp))).toBe(true);
      expect(await isMarked()).toBe(false);
      expect(await calls().store.forgetOverflow(items, "")).toBe(true);
    });
  });

  describe("an index in Redis", () => {
    const calls = useHarness(makeStore);
    const find = () => calls().store.findByIndex(items, "color", "red");

    test("can't tell that there is nothing before it was built", async () => {
      await calls().beAuthority();
      expect(await find()).toMatchObject({ ids: [], complete: false });
      await calls().store.setIndexed(items);
      expect(await find()).toMatchObject({ ids: [], complete: true });
      await calls().store.setComplete(items, false);
      expect(await find()).toMatchObject({ complete: false });
    });

    test("finds what bypass writers wrote once that was indexed, after what the library wrote", async () => {
      await calls().beAuthority();
      await calls().harness.bypass.set(items.redisKey("bare"), item("red"));
      await calls().put({ id: "a", bytes: item("red") });
      expect((await find()).ids).toEqual(["a"]);
      await calls().store.indexRecords(items, [
        { id: "bare", bytes: item("red") },
        { id: "a", bytes: item("red") },
        { id: "gone", bytes: item("red") },
      ]);
      expect((await find()).ids).toEqual(["a", "bare"]);
    });

    test("is left as it is by an adoption", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("blue") });
      await calls().harness.bypass.set(items.redisKey("a"), item("red"));
      await calls().harness.bypass.set(items.redisKey("b"), item("red"));
      expect(await calls().inspect("a", "bare")).toMatchObject({ kind: "value", bypass: false });
      expect(await calls().inspect("b", "bare")).toMatchObject({ kind: "value", bypass: false });
      expect((await find()).ids).toEqual([]);
    });

    test("has to be built again after a full loss", async () => {
      await calls().beAuthority();
      await calls().store.setIndexed(items);
      await loseAll(calls());
      await calls().store.setComplete(null, true);
      expect(await find()).toMatchObject({ complete: false });
    });
  });

  describe("a Redis in recovery", () => {
    const calls = useHarness(makeStore);

    test("remembers the last term, whoever's run it was", async () => {
      expect(await calls().store.lastFence()).toBeNull();
      await calls().beAuthority(4);
      expect((await calls().store.lastFence())?.term).toBe(4);
      await calls().harness.bypass.restart();
      expect((await calls().store.lastFence())?.term).toBe(4);
      await calls().harness.bypass.flush();
      expect(await calls().store.lastFence()).toBeNull();
    });

    const refillerOf = (owner: string) => calls().store.claimTask(REFILL, owner, 60_000);

    test("is marked complete only in the term that it was refilled in", async () => {
      expect(await calls().store.setCompleteInTerm(ALL, 2, "one")).toBe(false);
      await loseAll(calls());
      expect(await refillerOf("one")).toBe(true);
      expect(await calls().store.setCompleteInTerm(ALL, 1, "one")).toBe(false);
      expect(await calls().store.setCompleteInTerm(ALL, 3, "one")).toBe(false);
      expect(await calls().store.readFence(ALL)).toMatchObject({ complete: false });
      expect(await calls().store.setCompleteInTerm(ALL, 2, "one")).toBe(true);
      expect(await calls().store.readFence(ALL)).toMatchObject({ complete: true });
      expect((await calls().store.readRecords(items, [])).fence).toMatchObject({ complete: true });
    });

    test("is complete for what was copied alone: another process may know more collections", async () => {
      await loseAll(calls());
      expect(await refillerOf("one")).toBe(true);
      expect(await calls().store.setCompleteInTerm([counts], 2, "one")).toBe(true);
      expect((await calls().store.readCounters(counts, [])).fence).toMatchObject({ complete: true });
      expect((await calls().store.readRecords(items, [])).fence).toMatchObject({ complete: false });
      expect(await calls().store.readFence([counts])).toMatchObject({ complete: true });
      expect(await calls().store.readFence(ALL)).toMatchObject({ complete: false });
      expect(await calls().store.readFence()).toMatchObject({ complete: false });
      expect(await calls().store.setCompleteInTerm(ALL, 2, "one")).toBe(true);
      expect(await calls().store.readFence(ALL)).toMatchObject({ complete: true });
      expect((await calls().store.readRecords(items, [])).fence).toMatchObject({ complete: true });
    });

    test("is marked complete only by whoever filled all of this memory", async () => {
      await loseAll(calls());
      expect(await calls().store.setCompleteInTerm(ALL, 2, "one")).toBe(false);
      expect(await refillerOf("one")).toBe(true);
      expect(await calls().store.setCompleteInTerm(ALL, 2, "two")).toBe(false);
      // Another loss, told under a term that was raised before, and then raised to the same one.
      await calls().harness.bypass.flush();
      await calls().store.claimMemory({ term: 1, role: "authority", complete: false, agreed: true });
      await calls().store.raiseFence(2);
      expect(await calls().store.renewTask(REFILL, "one", 60_000)).toBe(false);
      expect(await calls().store.setCompleteInTerm(ALL, 2, "one")).toBe(false);
      // A claim to a memory that came back with the task in it.
      expect(await refillerOf("one")).toBe(true);
      await calls().harness.bypass.restart();
      await calls().store.claimMemory({ term: 3, role: "mirror", complete: false, agreed: true });
      expect(await calls().store.setCompleteInTerm(ALL, 3, "one")).toBe(false);
      expect(await calls().store.readFence()).toMatchObject({ complete: false });
    });

    test("is empty when nothing but the library's own keys stands", async () => {
      expect(await calls().store.isEmpty()).toBe(true);
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: null });
      expect(await calls().store.isEmpty()).toBe(true);
      await calls().harness.bypass.set("another", Buffer.from("value"));
      expect(await calls().store.isEmpty()).toBe(false);
    });

    test("has a task renewed by its owner only, and only while he has it", async () => {
      const { store } = calls();
      expect(await store.renewTask("sweep", "one", 60_000)).toBe(false);
      expect(await store.claimTask("sweep", "one", 60_000)).toBe(true);
      expect(await store.renewTask("sweep", "two", 60_000)).toBe(false);
      expect(await store.renewTask("sweep", "one", 40)).toBe(true);
      await calls().pass(await calls().soon(40));
      expect(await store.renewTask("sweep", "one", 60_000)).toBe(false);
      expect(await store.claimTask("sweep", "two", 60_000)).toBe(true);
      expect(await store.renewTask("sweep", "two", 0)).toBe(true);
      expect(await store.claimTask("sweep", "one", 60_000)).toBe(true);
    });

    test("gives a task to one owner at a time, as long as he renews it", async () => {
      const { store } = calls();
      expect(await store.claimTask("sweep", "one", 60_000)).toBe(true);
      expect(await store.claimTask("sweep", "two", 60_000)).toBe(false);
      expect(await store.claimTask("other", "two", 60_000)).toBe(true);
      expect(await store.claimTask("sweep", "one", 40)).toBe(true);
      await calls().pass(await calls().soon(40));
      expect(await store.claimTask("sweep", "two", 60_000)).toBe(true);
      expect(await store.claimTask("sweep", "one", 60_000)).toBe(false);
    });
  });
}
