/** Bypass writers beside a mirror: any stamped state beats what they did, and that is reported. */
import { describe, expect, test } from "vitest";
import { counts, item, items } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";

const KEY = items.redisKey("a");

export function describeBypassedMirror(makeStore: MakeRedis): void {
  describe("a bypass writer beside a mirror", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("is overwritten by a newer state, which is reported", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000, bytes: item("red") });
      await bypass().set(KEY, item("blue"));
      expect(await calls().apply("a", { stamp: 2000, bytes: item("green") })).toEqual({
        kind: "applied",
        overwrote: true,
      });
      expect(await bypass().get(KEY)).toMatchObject({ bytes: item("green") });
      expect(await calls().inspect("a")).toMatchObject({ stamp: 2000, bypass: false });
    });

    test("is overwritten by the very state that it changed", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000, bytes: item("red") });
      await bypass().set(KEY, item("blue"));
      expect(await calls().apply("a", { stamp: 1000, bytes: item("red") })).toEqual({
        kind: "applied",
        overwrote: true,
      });
      expect(await bypass().get(KEY)).toMatchObject({ bytes: item("red") });
    });

    test("isn't overwritten by a state older than the one it changed", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 2000, bytes: item("red") });
      await bypass().set(KEY, item("blue"));
      expect(await calls().apply("a", { stamp: 1000, bytes: item("green") })).toMatchObject({
        kind: "kept",
        stamp: 2000,
        same: false,
      });
      expect(await bypass().get(KEY)).toMatchObject({ bytes: item("blue") });
    });

    test("is overwritten where its value is bare, but not by stamp 0", async () => {
      await calls().beMirror();
      await bypass().set(KEY, item("blue"));
      expect(await calls().apply("a", { stamp: 0, bytes: item("red") })).toMatchObject({ kind: "kept", same: false });
      expect(await calls().apply("a", { stamp: 1000, bytes: item("red") })).toEqual({
        kind: "applied",
        overwrote: true,
      });
      expect(await bypass().get(KEY)).toMatchObject({ bytes: item("red") });
    });

    test("isn't reported as overwritten where it wrote what the state says", async () => {
      await calls().beMirror();
      await bypass().set(KEY, item("red"));
      const result = await calls().apply("a", { stamp: 1000, bytes: item("red") });
      expect(result.kind).toBe("applied");
      expect((result as { overwrote?: boolean }).overwrote ?? false).toBe(false);
    });

    test("isn't adopted", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000, bytes: item("red") });
      await bypass().set(KEY, item("blue"));
      expect(await calls().inspect("a", "bare")).toMatchObject({ stamp: 1000, bypass: true });
      expect(await calls().store.readLog(items, 10)).toEqual([]);
    });

    test("that made a counter fall is overwritten, which is reported", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5 });
      await bypass().set(counts.redisKey("a"), Buffer.from("4"));
      expect(await calls().applyCount("a", { redisPart: 2, postgresPart: 6, stamp: 2000 })).toEqual({
        kind: "applied",
        overwrote: true,
      });
      expect(await calls().sum("a")).toBe(8);
    });

    test("that let a counter live on is overwritten by the very state that it changed, which is reported", async () => {
      await calls().beMirror();
      const [key, expiresAt] = [counts.redisKey("a"), await calls().soon(60_000)];
      await calls().applyCount("a", { redisPart: 2, expiresAt });
      await bypass().expire(key, expiresAt + 60_000);
      expect(await calls().applyCount("a", { redisPart: 2, expiresAt })).toEqual({ kind: "applied", overwrote: true });
      expect(await bypass().get(key)).toMatchObject({ expiresAt });
      expect(await calls().applyCount("a", { redisPart: 2, expiresAt })).toMatchObject({ kind: "kept", same: true });
    });

    test("that counted anew what is over is overwritten by that, though it came to the same", async () => {
      await calls().beMirror();
      const [key, expiresAt] = [counts.redisKey("a"), await calls().soon(-60_000)];
      await calls().applyCount("a", { redisPart: 2, expiresAt });
      await bypass().incr(key, 2);
      expect(await calls().applyCount("a", { redisPart: 2, expiresAt })).toEqual({ kind: "applied", overwrote: true });
      expect(await calls().sum("a")).toBe(0);
    });

    test("that counted is overwritten, which is reported: two stores would disagree about it for ever", async () => {
      await calls().beMirror();
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5 });
      await bypass().incr(counts.redisKey("a"), 3);
      expect(await calls().applyCount("a", { redisPart: 2, postgresPart: 6, stamp: 2000 })).toEqual({
        kind: "applied",
        overwrote: true,
      });
      expect(await calls().sum("a")).toBe(8);
    });
  });
}
