/** The repair log: for each key the greatest stamp that the mirror may lack. */
import { describe, expect, test } from "vitest";
import type { PostgresSide, RedisSide } from "../../src/stores/sides.js";
import type { Store } from "../../src/stores/store.js";
import { counts, items } from "./contract-collections.js";
import { completeWrite, type MakeStore, useHarness } from "./contract-harness.js";

/** By which a full copy forgets what a full log left out. */
type Copied = Pick<RedisSide, "forgetOverflow"> & Pick<PostgresSide, "takeOverflow" | "settleOverflow">;

export function describeRepairLog(makeStore: MakeStore): void {
  describe("the repair log", () => {
    const calls = useHarness(makeStore);

    test("holds the greatest stamp of each key", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a" });
      const a = await calls().put({ id: "a", bytes: null });
      const b = await calls().put({ id: "b" });
      const log = await calls().store.readLog(items, 10);
      expect(new Map(log.map(({ id, stamp }) => [id, stamp]))).toEqual(
        new Map([
          ["a", a.stamp],
          ["b", b.stamp],
        ]),
      );
    });

    test("names the collections of which it holds something, known to this process or not", async () => {
      await calls().beAuthority();
      const names = async () => (await calls().store.loggedCollections()).sort();
      const collections = [items.name, counts.name, "others"];
      const lease = { processId: "p", strategy: "DUAL_WRITE", stage: 1, host: "h", pid: 1, collections };
      await calls().store.putLease(lease, 10_000);
      await calls().store.dropLease("p");
      expect(await names()).toEqual([]);
      const { stamp } = await calls().put({ id: "a" });
      await calls().add({ id: "a" });
      expect(await names()).toEqual([counts.name, items.name].sort());
      await calls().store.clearLog(items, [{ id: "a", stamp }]);
      expect(await names()).toEqual([counts.name]);
    });

    test("gives the oldest first, as many as asked for", async () => {
      await calls().beAuthority();
      const stamps: number[] = [];
      for (const id of ["c", "a", "b"]) {
        stamps.push((await calls().put({ id })).stamp);
        await calls().pass(await calls().store.now());
      }
      const entries = ["c", "a", "b"].map((id, n) => ({ id, stamp: stamps[n] }));
      expect(await calls().store.readLog(items, 10)).toEqual(entries);
      expect(await calls().store.readLog(items, 2)).toEqual(entries.slice(0, 2));
    });

    test("is each collection's own", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a" });
      const { stamp } = await calls().add({ id: "b" });
      expect(await calls().store.readLog(counts, 10)).toEqual([{ id: "b", stamp }]);
      await calls().store.clearLog(counts, [{ id: "b", stamp }]);
      expect(await calls().store.logStatus(items)).toMatchObject({ entries: 1 });
      expect(await calls().store.logStatus(counts)).toMatchObject({ entries: 0 });
    });

    test("loses an entry only to a stamp that isn't below it", async () => {
      await calls().beAuthority();
      const first = await calls().put({ id: "a" });
      const second = await calls().put({ id: "a" });
      await calls().store.clearLog(items, [{ id: "a", stamp: first.stamp }]);
      expect(await calls().logged("a")).toBe(second.stamp);
      await calls().store.clearLog(items, [{ id: "a", stamp: second.stamp }]);
      expect(await calls().logged("a")).toBeNull();
      await calls().put({ id: "a", bytes: null });
      await calls().store.clearLog(items, [{ id: "a", stamp: Number.MAX_SAFE_INTEGER }]);
      expect(await calls().logged("a")).toBeNull();
    });

    test("clears many at once, and minds no id that it doesn't hold", async () => {
      await calls().beAuthority();
      const [a, b] = [await calls().put({ id: "a" }), await calls().put({ id: "b" })];
      const c = await calls().put({ id: "c" });
      await calls().store.clearLog(items, [
        { id: "a", stamp: a.stamp },
        { id: "unknown", stamp: c.stamp },
        { id: "b", stamp: b.stamp },
      ]);
      await calls().store.clearLog(items, []);
      expect(await calls().store.readLog(items, 10)).toEqual([{ id: "c", stamp: c.stamp }]);
    });

    test("keeps a tombstone known after it was confirmed", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", bytes: null });
      await calls().store.clearLog(items, [{ id: "a", stamp }]);
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone", stamp });
    });

    test("has no entry of what wasn't written", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", operationId: "once" });
      await calls().store.clearLog(items, [{ id: "a", stamp }]);
      await calls().write({ id: "a", operationId: "once" });
      await calls().write({ id: "a", expected: { stamp: 2, bytes: null } });
      await calls().store.writeRecords(items, 2, [completeWrite({ id: "a" })]);
      expect(await calls().store.readLog(items, 10)).toEqual([]);
    });

    test("tells how many entries it has and how old the oldest is", async () => {
      await calls().beAuthority();
      expect(await calls().store.logStatus(items)).toEqual({ entries: 0, lagMs: 0, overflowed: false });
      await calls().put({ id: "a" });
      await calls().pass((await calls().store.now()) + 20);
      await calls().put({ id: "b" });
      const status = await calls().store.logStatus(items);
      expect(status).toMatchObject({ entries: 2, overflowed: false });
      expect(status.lagMs).toBeGreaterThanOrEqual(20);
      expect(status.lagMs).toBeLessThan(20_000);
    });
  });

  describe("a repair log that is full", () => {
    const calls = useHarness(makeStore, { logLimit: 3 });
    let left = 0;
    const fill = async () => {
      await calls().beAuthority();
      for (const id of ["a", "b", "c", "d", "e"]) left = (await calls().put({ id })).stamp;
    };
    /** What a full copy does at its end, in Redis and in Postgres. */
    const copied = async () => {
      const store: Store & Partial<Copied> = calls().store;
      await store.forgetOverflow?.(items, String(left));
      await store.takeOverflow?.(items, "copy");
      await store.settleOverflow?.(items, "copy");
    };

    test("becomes one mark, and writes go on", async () => {
      await fill();
      expect(await calls().store.logStatus(items)).toMatchObject({ entries: 3, overflowed: true });
      const { held } = await calls().store.readRecords(items, ["a", "b", "c", "d", "e"]);
      expect(held.every(({ kind }) => kind === "value")).toBe(true);
    });

    test("still raises the entries it has", async () => {
      await fill();
      const { stamp } = await calls().put({ id: "a" });
      expect(await calls().logged("a")).toBe(stamp);
    });

    test("isn't marked as long as everything has found its place", async () => {
      await calls().beAuthority();
      for (const id of ["a", "b", "c", "a"]) await calls().put({ id });
      expect(await calls().store.logStatus(items)).toMatchObject({ entries: 3, overflowed: false });
    });

    test("takes entries again once it was worked off, and stays marked until told", async () => {
      await fill();
      await calls().store.clearLog(items, await calls().store.readLog(items, 10));
      const { stamp } = await calls().put({ id: "f" });
      expect(await calls().logged("f")).toBe(stamp);
      expect(await calls().store.logStatus(items)).toMatchObject({ overflowed: true });
      await copied();
      expect(await calls().store.logStatus(items)).toMatchObject({ entries: 1, overflowed: false });
    });

    test("keeps its authority open where it has to be intact, until what it left out was copied", async () => {
      await fill();
      const { store } = calls();
      expect(await store.closeFence(1, [counts, items])).toBe(false);
      expect(await store.readFence()).toMatchObject({ role: "authority", term: 1 });
      await copied();
      expect(await store.closeFence(1, [counts, items])).toBe(true);
    });

    test("keeps no authority open that has to hand over whatever it left out, and none that another log belongs to", async () => {
      await fill();
      expect(await calls().store.closeFence(1, [counts])).toBe(true);
      expect(await calls().store.closeFence(1, [counts, items])).toBe(true);
    });

    test("of counters is marked alike, and on its own", async () => {
      await calls().beAuthority();
      for (const id of ["a", "b", "c", "d"]) await calls().add({ id });
      expect(await calls().store.logStatus(counts)).toMatchObject({ entries: 3, overflowed: true });
      expect(await calls().store.logStatus(items)).toMatchObject({ overflowed: false });
      expect(await calls().sum("d")).toBe(1);
    });
  });
}
