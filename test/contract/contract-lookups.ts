/** Indexes, pages, leases and the clock. */
import { describe, expect, test } from "vitest";
import type { Lease, Page } from "../../src/stores/store.js";
import { counts, item, items } from "./contract-collections.js";
import { completeAdd, completeWrite, type MakeStore, useHarness } from "./contract-harness.js";

export function describeLookups(makeStore: MakeStore): void {
  describe("an index", () => {
    const calls = useHarness(makeStore);
    const find = async (color: string) => (await calls().store.findByIndex(items, "color", color)).ids;

    test("finds records by their value, the newest first", async () => {
      await calls().beAuthority();
      for (const id of ["b", "c", "a"]) {
        await calls().put({ id, bytes: item("red") });
        await calls().pass(await calls().store.now());
      }
      await calls().put({ id: "d", bytes: item("blue") });
      expect(await find("red")).toEqual(["a", "c", "b"]);
      expect(await find("blue")).toEqual(["d"]);
      expect(await find("green")).toEqual([]);
    });

    test("finds a record under its present value only", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("red") });
      await calls().put({ id: "a", bytes: item("blue") });
      expect(await find("blue")).toEqual(["a"]);
      expect(await find("red")).toEqual([]);
    });

    test("still finds a record when one that shared its value has left it", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("red") });
      await calls().put({ id: "b", bytes: item("red") });
      await calls().put({ id: "b", bytes: item("blue") });
      expect(await find("red")).toContain("a");
    });

    test("finds no deleted record", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("red") });
      await calls().put({ id: "a", bytes: null });
      expect(await find("red")).toEqual([]);
    });

    test("finds no record that has no value there", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: Buffer.from("{}") });
      expect(await find("null")).toEqual([]);
      expect(await find("undefined")).toEqual([]);
    });

    test("finds what was applied", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000, bytes: item("red") });
      expect(await find("red")).toEqual(["a"]);
    });

    test("is complete while nothing is known to be missing in the collection", async () => {
      await calls().beAuthority();
      await calls().harness.markIndexed?.();
      expect(await calls().store.findByIndex(items, "color", "red")).toMatchObject({ ids: [], complete: true });
      await calls().store.setComplete(items, false);
      expect(await calls().store.findByIndex(items, "color", "red")).toMatchObject({ ids: [], complete: false });
    });
  });

  describe("pages", () => {
    const calls = useHarness(makeStore);

    async function all<T>(turn: (after: string | null) => Promise<Page<T>>): Promise<T[]> {
      const found: T[] = [];
      for (let page = await turn(null); ; page = await turn(page.next)) {
        found.push(...page.items);
        if (page.next === null) return found;
      }
    }

    test("list every record exactly once when nothing moves, with what stands", async () => {
      await calls().beAuthority();
      const ids = Array.from({ length: 25 }, (_, n) => `id:${n}`);
      await calls().store.writeRecords(
        items,
        1,
        ids.map((id) => completeWrite({ id, bytes: item("red", id) })),
      );
      await calls().add({ id: "elsewhere" });
      const found = await all((after) => calls().store.pageRecords(items, after, 7));
      expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
      for (const { id, held } of found) expect(held).toMatchObject({ kind: "value", bytes: item("red", id) });
    });

    test("list every counter exactly once when nothing moves, with what stands", async () => {
      await calls().beAuthority();
      const ids = Array.from({ length: 25 }, (_, n) => `id:${n}`);
      await calls().store.addToCounters(
        counts,
        1,
        ids.map((id, n) => completeAdd({ id, by: n + 1 })),
      );
      await calls().put({ id: "elsewhere" });
      const found = await all((after) => calls().store.pageCounters(counts, after, 7));
      const sums = found.map(({ id, held }) => [id, held.kind === "value" ? held.redisPart + held.postgresPart : 0]);
      expect(Object.fromEntries(sums)).toEqual(Object.fromEntries(ids.map((id, n) => [id, n + 1])));
      expect(found).toHaveLength(25);
    });

    test("of nothing are one empty page, or several", async () => {
      await calls().beAuthority();
      expect(await all((after) => calls().store.pageRecords(items, after, 7))).toEqual([]);
      expect(await all((after) => calls().store.pageCounters(counts, after, 7))).toEqual([]);
    });
  });

  describe("leases", () => {
    const calls = useHarness(makeStore);
    const lease = (processId: string, stage = 1): Lease => ({
      processId,
      strategy: "DUAL_WRITE",
      stage,
      host: "host",
      pid: 7,
    });

    test("live until they are dropped", async () => {
      await calls().store.putLease(lease("one"), 60_000);
      await calls().store.putLease(lease("two"), 60_000);
      const leases = await calls().store.readLeases();
      expect(leases.sort((a, b) => a.processId.localeCompare(b.processId))).toEqual([lease("one"), lease("two")]);
      await calls().store.dropLease("one");
      await calls().store.dropLease("unknown");
      expect(await calls().store.readLeases()).toEqual([lease("two")]);
    });

    test("are one for each process, the last one put", async () => {
      await calls().store.putLease(lease("one", 1), 60_000);
      await calls().store.putLease(lease("one", 2), 60_000);
      expect(await calls().store.readLeases()).toEqual([lease("one", 2)]);
    });

    test("end when they aren't renewed", async () => {
      await calls().store.putLease(lease("one"), 40);
      await calls().store.putLease(lease("two"), 40);
      await calls().store.putLease(lease("two"), 60_000);
      await calls().pass(await calls().soon(40));
      expect(await calls().store.readLeases()).toEqual([lease("two")]);
    });
  });

  describe("the clock", () => {
    const calls = useHarness(makeStore);

    test("of the server tells whole milliseconds and goes on", async () => {
      const first = await calls().store.now();
      expect(Number.isInteger(first)).toBe(true);
      await calls().pass(first);
      expect(await calls().store.now()).toBeGreaterThan(first);
    });
  });
}
