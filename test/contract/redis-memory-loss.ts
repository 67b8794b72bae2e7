/** A Redis that lost its memory: found out, claimed, and suspect until it is refilled. */
import { describe, expect, test } from "vitest";
import { counts, item, items } from "./contract-collections.js";
import { type Calls, completeAdd, completeWrite, recordState, useHarness } from "./contract-harness.js";
import type { MakeRedis, RedisHarness } from "./redis-contract.js";

/** Everything goes; the same server is then an incomplete authority in `term`. */
export async function loseAll(calls: Calls<RedisHarness>, term = 2): Promise<void> {
  await calls.harness.bypass.flush();
  await calls.store.claimMemory({ term, role: "authority", complete: false, agreed: true });
}

/** The server comes back as from a snapshot; it is then an incomplete authority in `term`. */
export async function loseSome(calls: Calls<RedisHarness>, term = 2): Promise<void> {
  await calls.harness.bypass.restart();
  await calls.store.claimMemory({ term, role: "authority", complete: false, agreed: true });
}

export function describeMemoryLoss(makeStore: MakeRedis): void {
  describe("a lost memory", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;
    const claim = { role: "authority", complete: false, agreed: true } as const;

    test("is all lost with the fence, and none while the fence is this server's", async () => {
      await calls().beAuthority();
      expect(await calls().store.memoryLost()).toBe("no");
      await bypass().flush();
      expect(await calls().store.memoryLost()).toBe("all");
      await calls().store.claimMemory({ ...claim, term: 2 });
      expect(await calls().store.memoryLost()).toBe("no");
    });

    test("is found out after a restart, though the fence is there", async () => {
      await calls().beAuthority();
      await bypass().restart();
      expect(await calls().store.memoryLost()).toBe("some");
      await calls().store.claimMemory({ ...claim, term: 2 });
      expect(await calls().store.memoryLost()).toBe("no");
    });

    test("refuses every step until it is claimed", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a" });
      await bypass().restart();
      const { store } = calls();
      expect(await store.writeRecords(items, 1, [completeWrite({ id: "a" })])).toMatchObject({ fenced: true });
      expect(await store.addToCounters(counts, 1, [completeAdd({ id: "a" })])).toMatchObject({ fenced: true });
      expect(await store.applyRecords(items, 2, [{ id: "b", state: recordState({ stamp: 1000 }) }])).toMatchObject({
        fenced: true,
      });
      expect((await store.readRecords(items, ["a"])).fence).toBeNull();
      expect(await store.readFence()).toBeNull();
      expect(await store.closeFence(1)).toBe(false);
      expect(await store.openFence(2)).toBe(false);
    });

    test("is claimed with exactly the fence given", async () => {
      const { store } = calls();
      const fence = { term: 7, role: "mirror", complete: false, agreed: false } as const;
      expect(await store.claimMemory(fence)).toMatchObject(fence);
      expect(await store.readFence()).toMatchObject(fence);
    });

    test("is claimed from a lower term, and neither in its own nor from a higher one", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      expect(await store.claimMemory({ ...claim, term: 3 })).toMatchObject({ term: 4, complete: true });
      expect(await store.claimMemory({ ...claim, term: 4 })).toMatchObject({ term: 4, complete: true });
      expect(await store.claimMemory({ ...claim, term: 5, role: "mirror" })).toMatchObject({
        term: 5,
        role: "mirror",
        complete: false,
      });
    });

    test("is claimed in its own term where Postgres hadn't been asked", async () => {
      const { store } = calls();
      await store.claimMemory({ ...claim, term: 1, agreed: false });
      expect(await store.claimMemory({ ...claim, term: 1, role: "mirror" })).toMatchObject({
        term: 1,
        role: "mirror",
        agreed: true,
      });
      expect(await store.claimMemory({ ...claim, term: 1 })).toMatchObject({ term: 1, role: "mirror", agreed: true });
    });

    test("is claimed once by several that found it out together", async () => {
      const { store } = calls();
      await calls().beAuthority();
      await bypass().flush();
      await Promise.all([store.claimMemory({ ...claim, term: 2 }), store.claimMemory({ ...claim, term: 2 })]);
      await calls().put({ id: "a", compared: true }, 2);
      expect(await store.claimMemory({ ...claim, term: 2 })).toMatchObject({ term: 2, role: "authority" });
    });
  });

  describe("an authority that lost its memory", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("says of what it holds and doesn't hold that it is uncompared", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a" });
      await calls().put({ id: "b", bytes: null });
      await calls().add({ id: "c" });
      await loseSome(calls());
      expect(await calls().read("a")).toMatchObject({ kind: "value", compared: false });
      expect(await calls().inspect("a")).toMatchObject({ kind: "value", compared: false });
      expect(await calls().read("b")).toMatchObject({ kind: "tombstone", compared: false });
      expect(await calls().count("c")).toMatchObject({ kind: "value", compared: false });
      expect(await calls().count("d")).toMatchObject({ kind: "absent", compared: false });
      expect((await calls().store.readRecords(items, ["z"])).fence).toMatchObject({ complete: false });
    });

    test("writes nothing that wasn't compared", async () => {
      await calls().beAuthority();
      const held = await calls().put({ id: "a", bytes: item("red") });
      await bypass().set(items.redisKey("bare"), item("blue"));
      await loseSome(calls());
      expect(await calls().write({ id: "a", bytes: item("green") }, 2)).toEqual({ kind: "suspect" });
      expect(await calls().write({ id: "a", expected: held }, 2)).toEqual({ kind: "suspect" });
      expect(await calls().write({ id: "bare" }, 2)).toEqual({ kind: "suspect" });
      expect(await calls().write({ id: "absent", bytes: null }, 2)).toEqual({ kind: "suspect" });
      expect(await calls().read("a")).toMatchObject({ bytes: item("red"), stamp: held.stamp });
    });

    test("still recognises an operation that it remembers", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", operationId: "once" });
      await calls().add({ id: "a", operationId: "once" });
      await loseSome(calls());
      expect(await calls().write({ id: "a", operationId: "once" }, 2)).toMatchObject({ kind: "repeated" });
      expect(await calls().tryAdd({ id: "a", operationId: "once" }, 2)).toMatchObject({ kind: "repeated" });
    });

    test("writes what the caller compared, and knows it from then on", async () => {
      await loseAll(calls());
      await calls().put({ id: "a", compared: true }, 2);
      expect(await calls().read("a")).toMatchObject({ kind: "value", compared: true });
      await calls().put({ id: "a" }, 2);
      await calls().add({ id: "a", compared: true }, 2);
      expect(await calls().count("a")).toMatchObject({ kind: "value", compared: true });
      expect(await calls().add({ id: "a" }, 2)).toMatchObject({ redisPart: 2 });
    });

    test("writes what was applied since", async () => {
      await loseAll(calls());
      await calls().apply("a", { stamp: 1001 }, 2);
      expect(await calls().read("a")).toMatchObject({ kind: "value", stamp: 1001, compared: true });
      await calls().put({ id: "a", expected: { stamp: 1001, bytes: item("red") } }, 2);
    });

    test("suspects nothing any more once it is complete, for one collection or all", async () => {
      await loseAll(calls());
      await calls().store.setComplete(items, true);
      await calls().put({ id: "a" }, 2);
      expect(await calls().tryAdd({ id: "a" }, 2)).toEqual({ kind: "suspect" });
      await calls().store.setComplete(null, true);
      await calls().add({ id: "a" }, 2);
    });

    test("writes none of an operation's records while one of them is suspect", async () => {
      await loseAll(calls());
      await calls().put({ id: "known", bytes: item("red"), compared: true }, 2);
      const write = (id: string, operationId: string) => completeWrite({ id, bytes: item("green"), operationId });
      const answer = await calls().store.writeRecords(items, 2, [
        write("known", "both"),
        write("lost", "both"),
        completeWrite({ id: "other", bytes: item("blue"), compared: true }),
      ]);
      expect(answer).toMatchObject({ results: [{ kind: "suspect" }, { kind: "suspect" }, { kind: "written" }] });
      expect(await calls().read("known")).toMatchObject({ bytes: item("red") });
    });

    test("counts none of a call's counters while one of them is suspect", async () => {
      await loseAll(calls());
      await calls().applyCount("day", { redisPart: 4 }, 2);
      const adds = [completeAdd({ id: "day", operationId: "once" }), completeAdd({ id: "month", operationId: "once" })];
      const answer = await calls().store.addToCounters(counts, 2, adds);
      expect(answer).toMatchObject({ fenced: false, results: [{ kind: "suspect" }, { kind: "suspect" }] });
      expect(await calls().sum("day")).toBe(4);
    });
  });
}
