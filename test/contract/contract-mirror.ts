/** The mirror's step for records: what is newer is applied. */
import { describe, expect, test } from "vitest";
import { item, items } from "./contract-collections.js";
import { type MakeStore, recordState, useHarness } from "./contract-harness.js";

export function describeMirror(makeStore: MakeStore): void {
  describe("a mirror", () => {
    const calls = useHarness(makeStore);

    test("takes a state whole where it held none", async () => {
      await calls().beMirror();
      const state = {
        stamp: 1000,
        bytes: item("red"),
        expiresAt: await calls().soon(60_000),
        operations: ["one", "two"],
      };
      const result = await calls().apply("a", state);
      expect(result.kind).toBe("applied");
      expect((result as { overwrote?: boolean }).overwrote ?? false).toBe(false);
      expect(await calls().inspect("a")).toMatchObject({ kind: "value", bypass: false, compared: true, ...state });
    });

    test("takes a newer state over the one held", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000, bytes: item("red") });
      expect(await calls().apply("a", { stamp: 1001, bytes: item("blue") })).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ bytes: item("blue"), stamp: 1001 });
    });

    test("keeps what it holds from an older state", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1001, bytes: item("red") });
      expect(await calls().apply("a", { stamp: 1000, bytes: item("blue") })).toEqual({
        kind: "kept",
        stamp: 1001,
        same: false,
      });
      expect(await calls().read("a")).toMatchObject({ bytes: item("red"), stamp: 1001 });
    });

    test("finds a state that comes again to be the same", async () => {
      await calls().beMirror();
      const state = { stamp: 1000, expiresAt: await calls().soon(60_000) };
      await calls().apply("a", state);
      expect(await calls().apply("a", state)).toEqual({ kind: "kept", stamp: 1000, same: true });
      await calls().apply("b", { stamp: 1000, bytes: null });
      expect(await calls().apply("b", { stamp: 1000, bytes: null })).toEqual({ kind: "kept", stamp: 1000, same: true });
    });

    test("lets a tombstone win and lose by stamp like any state", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000 });
      expect(await calls().apply("a", { stamp: 2000, bytes: null })).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone", stamp: 2000 });
      expect(await calls().apply("a", { stamp: 1500 })).toMatchObject({ kind: "kept", stamp: 2000, same: false });
      expect(await calls().apply("a", { stamp: 3000 })).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ kind: "value", stamp: 3000 });
    });

    test("takes a tombstone of what it never had", async () => {
      await calls().beMirror();
      expect(await calls().apply("a", { stamp: 1000, bytes: null })).toMatchObject({ kind: "applied" });
      expect(await calls().apply("a", { stamp: 0 })).toMatchObject({ kind: "kept", stamp: 1000, same: false });
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone", stamp: 1000 });
    });

    test("takes stamp 0 only where nothing stands and nothing is known", async () => {
      await calls().beMirror();
      expect(await calls().apply("a", { stamp: 0, bytes: item("red") })).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ kind: "value", stamp: 0, bytes: item("red") });
      expect(await calls().apply("a", { stamp: 0, bytes: item("blue") })).toEqual({
        kind: "kept",
        stamp: 0,
        same: false,
      });
      expect(await calls().apply("a", { stamp: 0, bytes: item("red") })).toEqual({
        kind: "kept",
        stamp: 0,
        same: true,
      });
      await calls().apply("b", { stamp: 1000, expiresAt: await calls().soon(-1000) });
      expect(await calls().apply("b", { stamp: 0 })).toMatchObject({ kind: "kept", stamp: 1000, same: false });
    });

    test("takes any stamped state over stamp 0", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 0, bytes: item("red") });
      expect(await calls().apply("a", { stamp: 1000, bytes: item("blue") })).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ stamp: 1000, bytes: item("blue") });
    });

    test("says which it left alone of one, two or three states", async () => {
      await calls().beMirror();
      await calls().apply("b", { stamp: 2000 });
      const state = recordState({ stamp: 1000 });
      for (const ids of [["b"], ["a", "b"], ["b", "c"], ["d", "b", "e"]]) {
        const answer = await calls().store.applyRecords(
          items,
          1,
          ids.map((id) => ({ id, state })),
        );
        const results = ids.map((id) => ({ kind: id === "b" ? "kept" : "applied" }));
        expect(answer).toMatchObject({ fenced: false, results });
      }
    });

    test("answers each of several states by itself, in their order", async () => {
      await calls().beMirror();
      await calls().apply("b", { stamp: 2000 });
      const answer = await calls().store.applyRecords(items, 1, [
        { id: "a", state: recordState({ stamp: 1000 }) },
        { id: "b", state: recordState({ stamp: 1000, bytes: null }) },
        { id: "c", state: recordState({ stamp: 1000, bytes: null }) },
      ]);
      expect(answer).toMatchObject({
        results: [{ kind: "applied" }, { kind: "kept", stamp: 2000 }, { kind: "applied" }],
      });
      const { held } = await calls().store.readRecords(items, ["a", "b", "c"]);
      expect(held.map(({ kind }) => kind)).toEqual(["value", "value", "tombstone"]);
    });

    test("keeps no repair-log entry of what it was told", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000 });
      expect(await calls().store.readLog(items, 10)).toEqual([]);
    });

    test("raises its fence to a higher term", async () => {
      await calls().beMirror(3);
      expect(await calls().apply("a", { stamp: 1000 }, 5)).toMatchObject({ kind: "applied" });
      expect(await calls().store.readFence()).toMatchObject({ term: 5, role: "mirror" });
    });

    test("refuses a lower term and stays as it was", async () => {
      await calls().beMirror(3);
      const refused = await calls().store.applyRecords(items, 2, [{ id: "a", state: recordState({ stamp: 1000 }) }]);
      expect(refused).toMatchObject({ fenced: true, fence: { term: 3, role: "mirror" } });
      expect(await calls().read("a")).toEqual({ kind: "absent" });
    });

    test("without a fence refuses", async () => {
      const refused = await calls().store.applyRecords(items, 1, [{ id: "a", state: recordState({ stamp: 1000 }) }]);
      expect(refused).toEqual({ fenced: true, fence: null });
      expect(await calls().store.readFence()).toBeNull();
    });

    test("is what an authority becomes that hears of a higher term", async () => {
      await calls().beAuthority(1);
      await calls().put({ id: "a", bytes: item("red") });
      expect(await calls().apply("b", { stamp: 1000 }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().store.readFence()).toMatchObject({ term: 2, role: "mirror" });
      expect(await calls().read("a")).toMatchObject({ kind: "value", bytes: item("red") });
    });
  });
}
