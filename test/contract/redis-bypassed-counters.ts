/** Bypass writers of counters: their INCR counts, their DEL and SET begin a generation. */
import { describe, expect, test } from "vitest";
import { counts } from "./contract-collections.js";
import { counterState, useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";

const KEY = counts.redisKey("a");

export function describeBypassedCounters(makeStore: MakeRedis): void {
  describe("a bypass writer of counters", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("counts beside the library", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 2 });
      await bypass().incr(KEY, 3);
      expect(await calls().inspectCount("a")).toMatchObject({
        kind: "value",
        redisPart: 5,
        stamp: first.stamp,
        bypass: true,
      });
      const second = await calls().add({ id: "a", by: 4 });
      expect(second).toMatchObject({ generation: first.generation, redisPart: 9, postgresPart: 0 });
      expect(await calls().sum("a")).toBe(9);
    });

    test("has its increments adopted into the Redis part", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5, operations: ["once"] });
      await calls().store.openFence(2);
      await bypass().incr(KEY, 3);
      const adopted = await calls().inspectCount("a", "changed", 2);
      expect(adopted).toMatchObject({
        kind: "value",
        generation: 1000,
        redisPart: 5,
        postgresPart: 5,
        operations: ["once"],
        bypass: false,
      });
      expect((adopted as { stamp: number }).stamp).toBeGreaterThan(1000);
      expect(await calls().logged("a", counts)).toBe((adopted as { stamp: number }).stamp);
    });

    test("begins a generation from what stands when the sum fell", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 10 });
      await bypass().del(KEY);
      await bypass().incr(KEY, 4);
      expect(await calls().inspectCount("a")).toMatchObject({ kind: "value", bypass: true });
      expect(await calls().sum("a")).toBe(4);
      const adopted = await calls().inspectCount("a", "changed");
      expect(adopted).toMatchObject({ kind: "value", redisPart: 4, postgresPart: 0, bypass: false });
      expect((adopted as { generation: number }).generation).toBeGreaterThan(first.generation);
      expect(await calls().logged("a", counts)).toBe((adopted as { stamp: number }).stamp);
    });

    test("begins a generation also where the library counts on at once", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5 });
      await calls().store.openFence(2);
      await bypass().set(KEY, Buffer.from("3"));
      const fallen = await calls().inspectCount("a");
      expect(fallen).toMatchObject({ kind: "value", redisPart: 3, postgresPart: 0, bypass: true });
      const next = await calls().add({ id: "a", by: 1 }, 2);
      expect(next).toMatchObject({ redisPart: 4, postgresPart: 0 });
      expect(next.generation).toBeGreaterThan(1000);
    });

    test("that deleted has that adopted as a generation that counts nothing", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 10, operationId: "once" });
      await bypass().del(KEY);
      expect(await calls().count("a")).toMatchObject({
        kind: "absent",
        last: { generation: first.generation, redisPart: 10 },
      });
      const adopted = await calls().inspectCount("a", "changed");
      expect(adopted).toMatchObject({ kind: "absent", last: { redisPart: 0, postgresPart: 0, operations: ["once"] } });
      const { last } = adopted as { last: { generation: number; stamp: number } };
      expect(last.generation).toBeGreaterThan(first.generation);
      expect(await calls().logged("a", counts)).toBe(last.stamp);
      expect(await calls().add({ id: "a", by: 1 })).toMatchObject({ redisPart: 1, postgresPart: 0 });
    });

    test("that deleted a bare counter has that adopted where bare ones are", async () => {
      await calls().beAuthority();
      expect(await calls().inspectCount("a", "changed")).toEqual({ kind: "absent", compared: true });
      expect(await calls().inspectCount("a", "bare")).toMatchObject({
        kind: "absent",
        last: { redisPart: 0, postgresPart: 0 },
      });
      expect(await calls().logged("a", counts)).not.toBeNull();
    });

    test("has no delete adopted while something is known to be missing", async () => {
      await calls().beAuthority();
      const { generation } = await calls().add({ id: "a", by: 10 });
      await bypass().del(KEY);
      await calls().store.setComplete(counts, false);
      expect(await calls().inspectCount("a", "bare")).toMatchObject({ kind: "absent", last: { generation } });
      expect(await calls().inspectCount("b", "bare")).toEqual({ kind: "absent", compared: false });
    });

    test("isn't taken for a delete where the counter expired", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 10, ttlMs: 40 });
      await calls().store.clearLog(counts, [{ id: "a", stamp: first.stamp }]);
      await calls().pass(first.expiresAt ?? Number.NaN);
      expect(await calls().inspectCount("a", "changed")).toMatchObject({
        kind: "absent",
        last: { generation: first.generation },
      });
      expect(await calls().logged("a", counts)).toBeNull();
    });

    test("finds its own counter bare, and counted on from there", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, Buffer.from("41"));
      expect(await calls().count("a")).toMatchObject({
        kind: "value",
        generation: 0,
        redisPart: 41,
        postgresPart: 0,
        stamp: 0,
        bypass: true,
      });
      expect(await calls().inspectCount("a", "changed")).toMatchObject({ generation: 0, stamp: 0, bypass: true });
      const state = await calls().add({ id: "a" });
      expect(state).toMatchObject({ redisPart: 42, postgresPart: 0 });
      expect(state.generation).toBeGreaterThan(0);
    });

    test("has its bare counter adopted with its expiry, where bare ones are", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon(60_000);
      await bypass().set(KEY, Buffer.from("41"), expiresAt);
      const adopted = await calls().inspectCount("a", "bare");
      expect(adopted).toMatchObject({ kind: "value", redisPart: 41, postgresPart: 0, expiresAt, bypass: false });
      expect((adopted as { generation: number }).generation).toBeGreaterThan(0);
      expect(await calls().logged("a", counts)).toBe((adopted as { stamp: number }).stamp);
    });

    test("has a changed expiry seen and adopted", async () => {
      await calls().beAuthority();
      const first = await calls().add({ id: "a", by: 2, ttlMs: 60_000 });
      const expiresAt = await calls().soon(120_000);
      await bypass().expire(KEY, expiresAt);
      expect(await calls().inspectCount("a")).toMatchObject({ expiresAt, bypass: true });
      expect(await calls().inspectCount("a", "changed")).toMatchObject({
        generation: first.generation,
        redisPart: 2,
        expiresAt,
        bypass: false,
      });
    });

    test("has nothing adopted but by the open authority in its term", async () => {
      await calls().beAuthority(2);
      await bypass().set(KEY, Buffer.from("41"));
      const bare = { kind: "value", generation: 0, redisPart: 41, stamp: 0, bypass: true };
      expect(await calls().inspectCount("a", "bare", 1)).toMatchObject(bare);
      expect(await calls().inspectCount("a", "bare", 3)).toMatchObject(bare);
      await calls().store.closeFence(2);
      expect(await calls().inspectCount("a", "bare", 2)).toMatchObject(bare);
    });

    test.each(["", "many", "1.5", "12 ", "99999999999999999999"])(
      "that left %j makes the counter unreadable",
      async (text) => {
        await calls().beAuthority();
        await bypass().set(KEY, Buffer.from(text));
        expect(await calls().count("a")).toMatchObject({ kind: "unreadable", reason: expect.any(String) });
        expect(await calls().inspectCount("a", "bare")).toMatchObject({ kind: "unreadable" });
        expect(await calls().tryAdd({ id: "a" })).toMatchObject({ kind: "rejected", reason: expect.any(String) });
        await calls().store.raiseFence(2);
        const applied = await calls().store.applyCounters(counts, 2, [
          { id: "a", state: counterState({ redisPart: 1 }) },
          { id: "b", state: counterState({ redisPart: 1 }) },
        ]);
        expect(applied).toMatchObject({ results: [{ kind: "rejected" }, { kind: "applied" }] });
        expect((await bypass().get(KEY))?.bytes.toString()).toBe(text);
      },
    );

    test("that left another type makes the counter unreadable", async () => {
      await calls().beAuthority();
      await bypass().addMember(KEY, "member");
      expect(await calls().count("a")).toMatchObject({ kind: "unreadable" });
      expect(await calls().tryAdd({ id: "a" })).toMatchObject({ kind: "rejected" });
      expect(await bypass().members(KEY)).toEqual(["member"]);
    });
  });
}
