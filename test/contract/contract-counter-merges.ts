/** The mirror's step for counters: the greater generation whole, else the greater of each part. */
import { describe, expect, test } from "vitest";
import { counts } from "./contract-collections.js";
import { counterState, type MakeStore, useHarness } from "./contract-harness.js";

export function describeCounterMerges(makeStore: MakeStore): void {
  describe("a mirror of counters", () => {
    const calls = useHarness(makeStore);

    test("takes a state whole where it held none", async () => {
      await calls().beMirror();
      const state = counterState({
        redisPart: 2,
        postgresPart: 5,
        expiresAt: await calls().soon(60_000),
        operations: ["one"],
      });
      expect(await calls().applyCount("a", state)).toMatchObject({ kind: "applied" });
      expect(await calls().inspectCount("a")).toMatchObject({ kind: "value", bypass: false, compared: true, ...state });
      expect(await calls().sum("a")).toBe(7);
    });

    test("takes the greater of each part within a generation", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5, stamp: 2000 });
      expect(await calls().applyCount("a", { redisPart: 4, postgresPart: 1, stamp: 3000 })).toMatchObject({
        kind: "applied",
      });
      expect(await calls().count("a")).toMatchObject({ generation: 1000, redisPart: 4, postgresPart: 5, stamp: 3000 });
      expect(await calls().applyCount("a", { redisPart: 1, postgresPart: 6, stamp: 2500 })).toMatchObject({
        kind: "applied",
      });
      expect(await calls().count("a")).toMatchObject({ generation: 1000, redisPart: 4, postgresPart: 6, stamp: 3000 });
    });

    test("keeps what it holds from a state that adds nothing", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 4, postgresPart: 5, stamp: 3000 });
      expect(await calls().applyCount("a", { redisPart: 2, postgresPart: 5, stamp: 2000 })).toMatchObject({
        kind: "kept",
        stamp: 3000,
      });
      expect(await calls().count("a")).toMatchObject({ redisPart: 4, postgresPart: 5, stamp: 3000 });
    });

    test("finds a state that comes again to be the same", async () => {
      await calls().beMirror();
      const state = counterState({ redisPart: 2, postgresPart: 5, expiresAt: await calls().soon(60_000) });
      await calls().applyCount("a", state);
      expect(await calls().applyCount("a", state)).toEqual({ kind: "kept", stamp: 1000, same: true });
      expect(await calls().sum("a")).toBe(7);
    });

    test("takes a greater generation whole, though it counts less", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 40, postgresPart: 50, operations: ["old"] });
      const later = { generation: 2000, redisPart: 1, stamp: 2000, operations: ["new"] };
      expect(await calls().applyCount("a", later)).toMatchObject({ kind: "applied" });
      // With its operations: one that it doesn't know is no part of what it counts.
      expect(await calls().count("a")).toMatchObject({ redisPart: 1, postgresPart: 0, operations: ["new"] });
      expect(await calls().sum("a")).toBe(1);
    });

    test("keeps its generation from a lesser one, though it counts more", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { generation: 2000, redisPart: 1, stamp: 2000 });
      expect(await calls().applyCount("a", { redisPart: 40, postgresPart: 50 })).toMatchObject({
        kind: "kept",
        stamp: 2000,
      });
      expect(await calls().count("a")).toMatchObject({ generation: 2000, redisPart: 1, postgresPart: 0 });
    });

    test("keeps its generation with its life from a lesser one, though that one's stamp is greater", async () => {
      await calls().beMirror();
      const [early, late] = [await calls().soon(60_000), await calls().soon(120_000)];
      await calls().applyCount("a", { generation: 2000, redisPart: 1, stamp: 2000, expiresAt: late });
      await calls().applyCount("a", { generation: 1000, redisPart: 40, stamp: 3000, expiresAt: early });
      expect(await calls().inspectCount("a")).toMatchObject({ generation: 2000, redisPart: 1, expiresAt: late });
    });

    test("takes the growth of a counter that was never stamped", async () => {
      await calls().beMirror();
      const copied = { generation: 0, stamp: 0 };
      expect(await calls().applyCount("a", { ...copied, redisPart: 5 })).toMatchObject({ kind: "applied" });
      expect(await calls().applyCount("a", { ...copied, redisPart: 8 })).toMatchObject({ kind: "applied" });
      expect(await calls().applyCount("a", { ...copied, redisPart: 7 })).toMatchObject({ kind: "kept", stamp: 0 });
      expect(await calls().sum("a")).toBe(8);
    });

    test("takes the operations of both", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 1, operations: ["one"] });
      await calls().applyCount("a", { redisPart: 1, postgresPart: 2, stamp: 2000, operations: ["two"] });
      await calls().store.openFence(2);
      for (const operationId of ["one", "two"]) {
        expect(await calls().tryAdd({ id: "a", operationId }, 2)).toMatchObject({ kind: "repeated" });
      }
      expect(await calls().sum("a")).toBe(3);
    });

    test("forgets the oldest of them first, whichever came last", async () => {
      await calls().beMirror();
      const ids = (from: string) => Array.from({ length: 40 }, (_, n) => `${from}${n}`);
      await calls().applyCount("a", { redisPart: 2, stamp: 2000, operations: ids("new") });
      await calls().applyCount("a", { redisPart: 1, postgresPart: 1, stamp: 1500, operations: ids("old") });
      expect(await calls().count("a")).toMatchObject({ operations: [...ids("old").slice(16), ...ids("new")] });
    });

    test("takes the newer state's where it knows those held, or has as many as are kept", async () => {
      await calls().beMirror();
      const ids = (from: string) => Array.from({ length: 64 }, (_, n) => `${from}${n}`);
      await calls().applyCount("a", { redisPart: 2, stamp: 1000, operations: ["b", "a"] });
      await calls().applyCount("a", { redisPart: 3, stamp: 2000, operations: ["b", "a", "c"] });
      expect(await calls().count("a")).toMatchObject({ operations: ["b", "a", "c"] });
      await calls().applyCount("a", { redisPart: 90, stamp: 3000, operations: ids("new") });
      await calls().applyCount("a", { redisPart: 1, postgresPart: 1, stamp: 1500, operations: ids("old") });
      expect(await calls().count("a")).toMatchObject({ operations: ids("new") });
    });

    test("takes a life that was renewed", async () => {
      await calls().beMirror();
      const [early, late] = [await calls().soon(), await calls().soon(60_000)];
      await calls().applyCount("a", { redisPart: 1, expiresAt: early });
      await calls().applyCount("a", { redisPart: 2, stamp: 2000, expiresAt: late });
      await calls().pass(early);
      expect(await calls().inspectCount("a")).toMatchObject({ kind: "value", redisPart: 2, expiresAt: late });
    });

    test("takes a life that was renewed though nothing was counted", async () => {
      await calls().beMirror();
      const [early, late] = [await calls().soon(60_000), await calls().soon(120_000)];
      await calls().applyCount("a", { redisPart: 1, expiresAt: early });
      expect(await calls().applyCount("a", { redisPart: 1, stamp: 2000, expiresAt: late })).toMatchObject({
        kind: "applied",
      });
      expect(await calls().inspectCount("a")).toMatchObject({ redisPart: 1, stamp: 2000, expiresAt: late });
    });

    test("keeps no repair-log entry of what it was told", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 1 });
      expect(await calls().store.readLog(counts, 10)).toEqual([]);
    });

    test("raises its fence to a higher term and refuses a lower one", async () => {
      await calls().beMirror(3);
      expect(await calls().applyCount("a", { redisPart: 1 }, 5)).toMatchObject({ kind: "applied" });
      expect(await calls().store.readFence()).toMatchObject({ term: 5, role: "mirror" });
      const refused = await calls().store.applyCounters(counts, 4, [
        { id: "b", state: counterState({ redisPart: 1 }) },
      ]);
      expect(refused).toMatchObject({ fenced: true, fence: { term: 5 } });
      expect(await calls().count("b")).toMatchObject({ kind: "absent" });
    });

    test("without a fence refuses", async () => {
      const refused = await calls().store.applyCounters(counts, 1, [
        { id: "a", state: counterState({ redisPart: 1 }) },
      ]);
      expect(refused).toEqual({ fenced: true, fence: null });
    });

    test("says which it left alone of one, two or three states", async () => {
      await calls().beMirror();
      await calls().applyCount("b", { redisPart: 9, stamp: 2000 });
      const state = counterState({ redisPart: 1 });
      for (const ids of [["b"], ["a", "b"], ["b", "c"], ["d", "b", "e"]]) {
        const answer = await calls().store.applyCounters(
          counts,
          1,
          ids.map((id) => ({ id, state })),
        );
        const results = ids.map((id) => ({ kind: id === "b" ? "kept" : "applied" }));
        expect(answer).toMatchObject({ fenced: false, results });
      }
    });

    test("answers each of several states by itself, in their order", async () => {
      await calls().beMirror();
      await calls().applyCount("b", { redisPart: 9, stamp: 2000 });
      const answer = await calls().store.applyCounters(counts, 1, [
        { id: "a", state: counterState({ redisPart: 1 }) },
        { id: "b", state: counterState({ redisPart: 2 }) },
      ]);
      expect(answer).toMatchObject({ results: [{ kind: "applied" }, { kind: "kept", stamp: 2000 }] });
    });
  });
}
