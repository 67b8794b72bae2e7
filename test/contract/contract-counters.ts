/** The authority's step for counters. */
import { describe, expect, test } from "vitest";
import { COUNTER_OPERATIONS, type CounterState, STAMP_BIT, type StoreName } from "../../src/stores/state.js";
import { counts } from "./contract-collections.js";
import { completeAdd, counterState, type MakeStore, operation, useHarness } from "./contract-harness.js";

/** What was counted with the store as the authority, and with the other one. */
export function partsOf(state: CounterState, store: StoreName): { own: number; other: number } {
  const { redisPart, postgresPart } = state;
  return store === "redis" ? { own: redisPart, other: postgresPart } : { own: postgresPart, other: redisPart };
}

/** A state in which the store counted `own` and the other one `other`. */
export function withParts(
  store: StoreName,
  own: number,
  other: number,
  rest: Partial<CounterState> = {},
): CounterState {
  return counterState({
    redisPart: store === "redis" ? own : other,
    postgresPart: store === "redis" ? other : own,
    ...rest,
  });
}

export function describeCounters(makeStore: MakeStore): void {
  describe("counting by the authority", () => {
    const calls = useHarness(makeStore);

    test("begins a generation in the store's own part", async () => {
      await calls().beAuthority();
      expect(await calls().count("a")).toEqual({ kind: "absent", compared: true });
      const state = await calls().add({ id: "a", by: 3, operationId: "first" });
      expect(partsOf(state, calls().store.name)).toEqual({ own: 3, other: 0 });
      expect(state).toMatchObject({ expiresAt: null, operations: ["first"] });
      expect(state.generation).toBeGreaterThan(0);
      expect(state.stamp % 2).toBe(STAMP_BIT[calls().store.name]);
      expect(await calls().count("a")).toMatchObject({ kind: "value", bypass: false, compared: true, ...state });
      expect(await calls().inspectCount("a")).toMatchObject({ kind: "value", bypass: false, compared: true, ...state });
    });

    test("makes the part grow within the generation, each time with a greater stamp", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 3 });
      const second = await calls().add({ id: "a", by: 4 });
      expect(partsOf(second, calls().store.name)).toEqual({ own: 7, other: 0 });
      expect(second.generation).toBe(first.generation);
      expect(second.stamp).toBeGreaterThan(first.stamp);
      expect(await calls().logged("a", counts)).toBe(second.stamp);
      expect(await calls().sum("a")).toBe(7);
    });

    test("leaves the part of the other store as it is", async () => {
      await calls().beMirror();
      const { name } = calls().store;
      await calls().applyCount("a", withParts(name, 2, 5));
      await calls().store.openFence(2);
      const state = await calls().add({ id: "a", by: 1 }, 2);
      expect(partsOf(state, name)).toEqual({ own: 3, other: 5 });
      expect(state.generation).toBe(1000);
      expect(await calls().sum("a")).toBe(8);
    });

    test("of several counters of one call happens together", async () => {
      await calls().beAuthority();
      const operationId = operation();
      const adds = ["day", "month", "year"].map((id, by) => completeAdd({ id, by: by + 1, operationId }));
      expect(await calls().store.addToCounters(counts, 1, adds)).toMatchObject({
        results: [{ kind: "added" }, { kind: "added" }, { kind: "added" }],
      });
      expect([await calls().sum("day"), await calls().sum("month"), await calls().sum("year")]).toEqual([1, 2, 3]);
    });

    test("in another term than the present happens not at all", async () => {
      await calls().beAuthority(2);
      const adds = [completeAdd({ id: "day" }), completeAdd({ id: "month" })];
      for (const term of [1, 3]) {
        expect(await calls().store.addToCounters(counts, term, adds)).toMatchObject({
          fenced: true,
          fence: { term: 2, role: "authority" },
        });
      }
      expect(await calls().sum("day")).toBe(0);
      expect(await calls().store.readLog(counts, 10)).toEqual([]);
    });
  });

  describe("a repeated increment", () => {
    const calls = useHarness(makeStore);

    test("counts once", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 3, operationId: "once" });
      expect(await calls().tryAdd({ id: "a", by: 3, operationId: "once" })).toEqual({ kind: "repeated", state: first });
      expect(await calls().sum("a")).toBe(3);
    });

    test("counts once beside others of the same call that are new", async () => {
      await calls().beAuthority();
      await calls().add({ id: "day", operationId: "once" });
      const adds = ["day", "month"].map((id) => completeAdd({ id, operationId: "once" }));
      expect(await calls().store.addToCounters(counts, 1, adds)).toMatchObject({
        results: [{ kind: "repeated" }, { kind: "added" }],
      });
      expect([await calls().sum("day"), await calls().sum("month")]).toEqual([1, 1]);
    });

    test("is recognised while fewer others than are remembered came after it", async () => {
      await calls().beAuthority();
      await calls().add({ id: "a", operationId: "once" });
      let last = await calls().add({ id: "a" });
      for (let n = 2; n < COUNTER_OPERATIONS; n++) last = await calls().add({ id: "a" });
      expect(last.operations).toHaveLength(COUNTER_OPERATIONS);
      expect(await calls().tryAdd({ id: "a", operationId: "once" })).toMatchObject({
        kind: "repeated",
        state: { stamp: last.stamp },
      });
      expect((await calls().add({ id: "a" })).operations).toHaveLength(COUNTER_OPERATIONS);
      expect(await calls().sum("a")).toBe(COUNTER_OPERATIONS + 1);
    });

    test("is recognised after a handover, for ids travel with the state", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 2, operations: ["elsewhere"] });
      await calls().store.openFence(2);
      expect(await calls().tryAdd({ id: "a", operationId: "elsewhere" }, 2)).toMatchObject({ kind: "repeated" });
      expect((await calls().add({ id: "a", operationId: "here" }, 2)).operations).toEqual(["elsewhere", "here"]);
      expect(await calls().sum("a")).toBe(3);
    });
  });

  describe("the life of a counter", () => {
    const calls = useHarness(makeStore);

    test("begins with its first increment", async () => {
      await calls().beAuthority();
      const before = await calls().store.now();
      const first = await calls().add({ id: "a", ttlMs: 60_000 });
      expect(first.expiresAt).toBeGreaterThanOrEqual(before + 60_000);
      expect(first.expiresAt).toBeLessThanOrEqual((await calls().store.now()) + 60_000);
      await calls().pass(await calls().store.now());
      expect((await calls().add({ id: "a", ttlMs: 60_000 })).expiresAt).toBe(first.expiresAt);
      expect(await calls().inspectCount("a")).toMatchObject({ expiresAt: first.expiresAt, bypass: false });
    });

    test("begins with its first increment also where a bypass writer's delete was taken over before", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 0, postgresPart: 0 });
      await calls().store.openFence(2);
      const before = await calls().store.now();
      expect((await calls().add({ id: "a", ttlMs: 60_000 }, 2)).expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    });

    test("begins anew with each increment that renews it", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", ttlMs: 60_000, renew: true });
      await calls().pass(await calls().store.now());
      const second = await calls().add({ id: "a", ttlMs: 60_000, renew: true });
      expect(second.expiresAt).toBeGreaterThan(first.expiresAt ?? Number.POSITIVE_INFINITY);
      expect(second.generation).toBe(first.generation);
    });

    test("ends at its moment: it counts 0 and its past is known", async () => {
      await calls().beAuthority();
      const state = await calls().add({ id: "a", by: 5, ttlMs: 40 });
      await calls().pass(state.expiresAt ?? Number.NaN);
      const expired = { kind: "absent", compared: true, last: { generation: state.generation, stamp: state.stamp } };
      expect(await calls().count("a")).toMatchObject(expired);
      expect(await calls().inspectCount("a")).toMatchObject(expired);
    });

    test("after it begins a greater generation, from nothing", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 5, ttlMs: 40 });
      await calls().pass(first.expiresAt ?? Number.NaN);
      const next = await calls().add({ id: "a", by: 2, ttlMs: 60_000 });
      expect(next.generation).toBeGreaterThan(first.generation);
      expect(next.stamp).toBeGreaterThan(first.stamp);
      expect(partsOf(next, calls().store.name)).toEqual({ own: 2, other: 0 });
      expect(next.expiresAt).toBeGreaterThan(first.expiresAt ?? Number.POSITIVE_INFINITY);
      expect(await calls().sum("a")).toBe(2);
    });

    test("that the other store began ends here too, both parts with it", async () => {
      await calls().beMirror();
      const { name } = calls().store;
      const expiresAt = await calls().soon();
      await calls().applyCount("a", withParts(name, 2, 5, { expiresAt }));
      await calls().pass(expiresAt);
      expect(await calls().sum("a")).toBe(0);
      await calls().store.openFence(2);
      const state = await calls().add({ id: "a" }, 2);
      expect(partsOf(state, name)).toEqual({ own: 1, other: 0 });
      expect(state.generation).toBeGreaterThan(1000);
    });
  });
}
