/** The fence: its transitions, what it refuses, and whether a store is complete. */
import { describe, expect, test } from "vitest";
import { counts, items } from "./contract-collections.js";
import { completeAdd, completeWrite, type MakeStore, useHarness } from "./contract-harness.js";

export function describeFence(makeStore: MakeStore): void {
  describe("a store without a fence", () => {
    const calls = useHarness(makeStore);

    test("tells every reader so", async () => {
      const { store } = calls();
      expect(await store.readFence()).toBeNull();
      expect((await store.readRecords(items, ["a"])).fence).toBeNull();
      expect((await store.inspectRecords(items, ["a"], { term: 1, mode: "bare" })).fence).toBeNull();
      expect((await store.readCounters(counts, ["a"])).fence).toBeNull();
      expect((await store.inspectCounters(counts, ["a"], { term: 1, mode: "bare" })).fence).toBeNull();
      expect((await store.findByIndex(items, "color", "red")).fence).toBeNull();
    });

    test("refuses every write", async () => {
      const { store } = calls();
      expect(await store.writeRecords(items, 1, [completeWrite({ id: "a" })])).toEqual({ fenced: true, fence: null });
      expect(await store.addToCounters(counts, 1, [completeAdd({ id: "a" })])).toEqual({ fenced: true, fence: null });
      expect(await store.readLog(items, 10)).toEqual([]);
    });

    test("gets none by closing, opening, raising or marking", async () => {
      const { store } = calls();
      expect(await store.closeFence(1)).toBe(false);
      expect(await store.openFence(1)).toBe(false);
      await store.raiseFence(1);
      await store.setComplete(null, true);
      expect(await store.readFence()).toBeNull();
    });
  });

  describe("a fence", () => {
    const calls = useHarness(makeStore);

    test("is created once, and whoever comes second gets the one that stands", async () => {
      const { store } = calls();
      expect(await store.createFence({ term: 4, role: "mirror", complete: false })).toMatchObject({
        term: 4,
        role: "mirror",
        complete: false,
      });
      expect(await store.createFence({ term: 9, role: "authority", complete: true })).toMatchObject({
        term: 4,
        role: "mirror",
        complete: false,
      });
      expect(await store.readFence()).toMatchObject({ term: 4, role: "mirror", complete: false });
    });

    test("is created once by many at the same time", async () => {
      const { store } = calls();
      const terms = Array.from({ length: 8 }, (_, n) => n + 1);
      const fences = await Promise.all(
        terms.map((term) => store.createFence({ term, role: "authority", complete: true })),
      );
      expect(new Set(fences.map(({ term }) => term)).size).toBe(1);
    });

    test("comes with every read", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      const fence = { term: 4, role: "authority", complete: true };
      expect((await store.readRecords(items, ["a"])).fence).toMatchObject(fence);
      expect((await store.inspectRecords(items, ["a"])).fence).toMatchObject(fence);
      expect((await store.readCounters(counts, ["a"])).fence).toMatchObject(fence);
      expect((await store.inspectCounters(counts, ["a"])).fence).toMatchObject(fence);
      expect((await store.findByIndex(items, "color", "red")).fence).toMatchObject(fence);
    });

    test("refuses writes in another term than its own", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      for (const term of [3, 5]) {
        const refused = await store.writeRecords(items, term, [completeWrite({ id: "a" })]);
        expect(refused).toMatchObject({ fenced: true, fence: { term: 4, role: "authority" } });
      }
      expect(await calls().read("a")).toEqual({ kind: "absent" });
      expect(await store.readLog(items, 10)).toEqual([]);
    });

    test("of a mirror refuses writes in its own term", async () => {
      const { store } = calls();
      await calls().beMirror(4);
      expect(await store.writeRecords(items, 4, [completeWrite({ id: "a" })])).toMatchObject({
        fenced: true,
        fence: { role: "mirror" },
      });
      expect(await store.addToCounters(counts, 4, [completeAdd({ id: "a" })])).toMatchObject({
        fenced: true,
        fence: { role: "mirror" },
      });
    });

    test("is closed at exactly its term, again and again", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      expect(await store.closeFence(3)).toBe(false);
      expect(await store.closeFence(5)).toBe(false);
      expect(await store.readFence()).toMatchObject({ term: 4, role: "authority" });
      expect(await store.closeFence(4)).toBe(true);
      expect(await store.closeFence(4)).toBe(true);
      expect(await store.readFence()).toMatchObject({ term: 4, role: "closed" });
    });

    test("of a mirror can't be closed", async () => {
      await calls().beMirror(4);
      expect(await calls().store.closeFence(4)).toBe(false);
      expect(await calls().store.readFence()).toMatchObject({ term: 4, role: "mirror" });
    });

    test("that is closed refuses writes, and serves reads and logs", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      const { stamp } = await calls().put({ id: "a" }, 4);
      await calls().add({ id: "a" }, 4);
      await store.closeFence(4);
      expect(await store.writeRecords(items, 4, [completeWrite({ id: "a" })])).toMatchObject({
        fenced: true,
        fence: { term: 4, role: "closed" },
      });
      expect(await store.addToCounters(counts, 4, [completeAdd({ id: "a" })])).toMatchObject({
        fenced: true,
        fence: { term: 4, role: "closed" },
      });
      expect(await calls().read("a")).toMatchObject({ kind: "value", stamp });
      expect(await calls().inspect("a", "changed", 4)).toMatchObject({ kind: "value", stamp });
      expect(await calls().sum("a")).toBe(1);
      expect(await store.readLog(items, 10)).toEqual([{ id: "a", stamp }]);
      await store.clearLog(items, [{ id: "a", stamp }]);
      expect(await store.logStatus(items)).toMatchObject({ entries: 0 });
    });

    test("is opened only from a lower term, again and again", async () => {
      const { store } = calls();
      await calls().beMirror(4);
      expect(await store.openFence(3)).toBe(false);
      expect(await store.openFence(4)).toBe(false);
      expect(await store.readFence()).toMatchObject({ term: 4, role: "mirror" });
      expect(await store.openFence(5)).toBe(true);
      expect(await store.openFence(5)).toBe(true);
      expect(await store.readFence()).toMatchObject({ term: 5, role: "authority" });
      expect(await store.openFence(4)).toBe(false);
    });

    test("that is closed is opened again only in a higher term", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      await store.closeFence(4);
      expect(await store.openFence(4)).toBe(false);
      expect(await store.openFence(5)).toBe(true);
      await calls().put({ id: "a" }, 5);
    });

    test("is raised only from a lower term, as a mirror", async () => {
      const { store } = calls();
      await calls().beAuthority(4);
      await store.raiseFence(3);
      await store.raiseFence(4);
      expect(await store.readFence()).toMatchObject({ term: 4, role: "authority" });
      await store.raiseFence(6);
      await store.raiseFence(6);
      expect(await store.readFence()).toMatchObject({ term: 6, role: "mirror" });
    });
  });

  describe("whether a store is complete", () => {
    const calls = useHarness(makeStore);
    const seen = async () => ({
      items: (await calls().store.readRecords(items, ["a"])).fence?.complete,
      counts: (await calls().store.readCounters(counts, ["a"])).fence?.complete,
      all: (await calls().store.readFence())?.complete,
    });

    test("is told for one collection, or for all", async () => {
      await calls().beMirror(1, true);
      expect(await seen()).toEqual({ items: true, counts: true, all: true });
      await calls().store.setComplete(items, false);
      expect(await seen()).toEqual({ items: false, counts: true, all: false });
      await calls().store.setComplete(items, true);
      expect(await seen()).toEqual({ items: true, counts: true, all: true });
    });

    test("becomes true for one while the rest is incomplete", async () => {
      await calls().beMirror(1, false);
      await calls().store.setComplete(counts, true);
      await calls().store.setComplete(counts, true);
      expect(await seen()).toEqual({ items: false, counts: true, all: false });
    });

    test("is marked for all at once, whatever each was", async () => {
      await calls().beMirror(1, false);
      await calls().store.setComplete(counts, true);
      await calls().store.setComplete(null, false);
      expect(await seen()).toEqual({ items: false, counts: false, all: false });
      await calls().store.setComplete(items, true);
      await calls().store.setComplete(null, true);
      expect(await seen()).toEqual({ items: true, counts: true, all: true });
    });

    test("outlives closing, opening and raising", async () => {
      await calls().beAuthority(1);
      await calls().store.setComplete(items, false);
      await calls().store.closeFence(1);
      expect(await seen()).toEqual({ items: false, counts: true, all: false });
      await calls().store.openFence(2);
      expect(await seen()).toEqual({ items: false, counts: true, all: false });
      await calls().store.raiseFence(3);
      expect(await seen()).toEqual({ items: false, counts: true, all: false });
    });
  });
}
