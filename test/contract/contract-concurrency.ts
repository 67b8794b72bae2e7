/** Steps that are sent at the same time: each is one atomic step. */
import { describe, expect, test } from "vitest";
import { counts, item, items } from "./contract-collections.js";
import {
  completeAdd,
  completeWrite,
  counterState,
  type MakeStore,
  operation,
  recordState,
  useHarness,
} from "./contract-harness.js";

export function describeConcurrency(makeStore: MakeStore): void {
  describe("at the same time", () => {
    const calls = useHarness(makeStore);
    const many = <T>(amount: number, turn: (n: number) => Promise<T>) =>
      Promise.all(Array.from({ length: amount }, (_, n) => turn(n)));

    test("of compare-and-sets of the same state exactly one writes", async () => {
      await calls().beAuthority();
      const expected = await calls().put({ id: "a" });
      const results = await many(16, (n) => calls().write({ id: "a", bytes: item("blue", `${n}`), expected }));
      expect(results.filter(({ kind }) => kind === "written")).toHaveLength(1);
      expect(results.filter(({ kind }) => kind === "conflict")).toHaveLength(15);
    });

    test("writes of one key get stamps that differ, and the greatest stands", async () => {
      await calls().beAuthority();
      const results = await many(16, (n) => calls().put({ id: "a", bytes: item("blue", `${n}`) }));
      const stamps = results.map(({ stamp }) => stamp);
      expect(new Set(stamps).size).toBe(16);
      const last = results.find(({ stamp }) => stamp === Math.max(...stamps));
      expect(await calls().read("a")).toMatchObject({ stamp: last?.stamp, bytes: last?.bytes });
      expect(await calls().logged("a")).toBe(last?.stamp);
    });

    test("one operation sent several times is applied once", async () => {
      await calls().beAuthority();
      const operationId = operation();
      const results = await many(8, () => calls().write({ id: "a", operationId }));
      expect(results.filter(({ kind }) => kind === "written")).toHaveLength(1);
      expect(results.filter(({ kind }) => kind === "repeated")).toHaveLength(7);
      const adds = await many(8, () => calls().tryAdd({ id: "a", operationId }));
      expect(adds.filter(({ kind }) => kind === "added")).toHaveLength(1);
      expect(await calls().sum("a")).toBe(1);
    });

    test("all increments count", async () => {
      await calls().beAuthority();
      await many(40, () => calls().add({ id: "a", by: 2 }));
      expect(await calls().sum("a")).toBe(80);
    });

    test("changes of the same records in any order don't stand in each other's way", async () => {
      await calls().beAuthority();
      const ids = ["a", "b", "c", "d"];
      const turned = (n: number) => (n % 2 === 0 ? ids : [...ids].reverse());
      const writes = many(20, (n) =>
        calls().store.writeRecords(
          items,
          1,
          turned(n).map((id) => completeWrite({ id })),
        ),
      );
      const adds = many(20, (n) =>
        calls().store.addToCounters(
          counts,
          1,
          turned(n).map((id) => completeAdd({ id })),
        ),
      );
      for (const answer of [...(await writes), ...(await adds)]) expect(answer).toMatchObject({ fenced: false });
      for (const id of ids) expect(await calls().sum(id)).toBe(20);
    });

    test("states of one record leave the newest, in whatever order they come", async () => {
      await calls().beMirror();
      const order = [5, 9, 1, 7, 3, 10, 2, 8, 6, 4];
      await many(10, (n) => calls().apply("a", { stamp: 1000 * (order[n] ?? 0), bytes: item("blue", `${order[n]}`) }));
      expect(await calls().read("a")).toMatchObject({ stamp: 10_000, bytes: item("blue", "10") });
      await many(10, (n) =>
        calls().applyCount("a", { redisPart: order[n] ?? 0, postgresPart: 11 - (order[n] ?? 0), stamp: order[n] ?? 0 }),
      );
      expect(await calls().sum("a")).toBe(20);
    });

    test("states of the same records in any order don't stand in each other's way", async () => {
      await calls().beMirror();
      const ids = ["a", "b", "c", "d"];
      const turned = (n: number) => (n % 2 === 0 ? ids : [...ids].reverse());
      const stamp = (n: number) => 1000 + n;
      await Promise.all([
        many(20, (n) =>
          calls().store.applyRecords(
            items,
            1,
            turned(n).map((id) => ({ id, state: recordState({ stamp: stamp(n) }) })),
          ),
        ),
        many(20, (n) =>
          calls().store.applyCounters(
            counts,
            1,
            turned(n).map((id) => ({ id, state: counterState({ redisPart: n, stamp: stamp(n) }) })),
          ),
        ),
      ]);
      for (const id of ids) {
        expect(await calls().read(id)).toMatchObject({ stamp: stamp(19) });
        expect(await calls().sum(id)).toBe(19);
      }
    });

    test("as the fence is closed a write is either refused or in the log that is read after the close", async () => {
      await calls().beAuthority();
      const ids = Array.from({ length: 40 }, (_, n) => `id:${n}`);
      const writing = ids.map((id) => calls().store.writeRecords(items, 1, [completeWrite({ id })]));
      expect(await calls().store.closeFence(1)).toBe(true);
      const logged = new Set((await calls().store.readLog(items, 1000)).map(({ id }) => id));
      const answers = await Promise.all(writing);
      const written = ids.filter((_, n) => answers[n]?.fenced === false);
      for (const id of written) expect(logged).toContain(id);
      expect(logged.size).toBe(written.length);
    });

    test("as the term rises a state of the old term is either refused or applied before", async () => {
      await calls().beMirror();
      const applying = many(20, (n) =>
        calls().store.applyRecords(items, 1, [{ id: `id:${n}`, state: recordState({ stamp: 1000 }) }]),
      );
      await calls().store.raiseFence(2);
      const { held } = await calls().store.readRecords(
        items,
        Array.from({ length: 20 }, (_, n) => `id:${n}`),
      );
      const applied = (await applying).map(({ fenced }) => !fenced);
      expect(held.map(({ kind }) => kind === "value")).toEqual(applied);
    });
  });

  describe("steps of nothing", () => {
    const calls = useHarness(makeStore);

    test("give the fence and no results", async () => {
      await calls().beAuthority();
      const { store } = calls();
      const fence = { term: 1, role: "authority" };
      expect(await store.readRecords(items, [])).toMatchObject({ fence, held: [] });
      expect(await store.inspectRecords(items, [])).toMatchObject({ fence, held: [] });
      expect(await store.readCounters(counts, [])).toMatchObject({ fence, held: [] });
      expect(await store.writeRecords(items, 1, [])).toMatchObject({ fenced: false, results: [] });
      expect(await store.applyRecords(items, 1, [])).toMatchObject({ fenced: false, results: [] });
      expect(await store.addToCounters(counts, 1, [])).toMatchObject({ fenced: false, results: [] });
      expect(await store.applyCounters(counts, 1, [])).toMatchObject({ fenced: false, results: [] });
    });
  });
}
