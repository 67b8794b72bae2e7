/** Bypass writers beside an authority: what they did is the truth, and is adopted. */
import { describe, expect, test } from "vitest";
import { item, items } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";

const KEY = items.redisKey("a");

export function describeBypassedRecords(makeStore: MakeRedis): void {
  describe("a bypass writer's record", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("that was always there is bare: stamp 0, its expiry known to an exact look", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon(60_000);
      await bypass().set(KEY, item("red"), expiresAt);
      expect(await calls().read("a")).toMatchObject({
        kind: "value",
        bytes: item("red"),
        stamp: 0,
        operations: [],
        bypass: true,
        compared: true,
      });
      expect(await calls().inspect("a")).toMatchObject({
        kind: "value",
        bytes: item("red"),
        stamp: 0,
        expiresAt,
        bypass: true,
      });
    });

    test("that is bare stays bare where only changes are adopted", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, item("red"));
      expect(await calls().inspect("a", "changed")).toMatchObject({ stamp: 0, bypass: true });
      expect(await calls().logged("a")).toBeNull();
    });

    test("that is bare gets a stamp and a repair-log entry where bare ones are adopted", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon(60_000);
      await bypass().set(KEY, item("red"), expiresAt);
      const adopted = await calls().inspect("a", "bare");
      expect(adopted).toMatchObject({ kind: "value", bytes: item("red"), expiresAt, bypass: false, compared: true });
      const { stamp } = adopted as { stamp: number };
      expect(stamp).toBeGreaterThanOrEqual(((await calls().store.now()) - 60_000) * 1000);
      expect(await calls().logged("a")).toBe(stamp);
      expect(await calls().inspect("a", "bare")).toMatchObject({ stamp });
    });

    test("that changed a value is seen, and adopted with a greater stamp", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", bytes: item("red"), operationId: "once" });
      await bypass().set(KEY, item("blue"));
      expect(await calls().read("a")).toMatchObject({ kind: "value", bytes: item("blue"), stamp, bypass: true });
      const adopted = await calls().inspect("a", "changed");
      expect(adopted).toMatchObject({ kind: "value", bytes: item("blue"), operations: ["once"], bypass: false });
      expect((adopted as { stamp: number }).stamp).toBeGreaterThan(stamp);
      expect(await calls().logged("a")).toBe((adopted as { stamp: number }).stamp);
      expect(await calls().write({ id: "a", operationId: "once" })).toMatchObject({
        kind: "repeated",
        state: { bytes: item("blue") },
      });
    });

    test("that changed an expiry is seen by an exact look, and adopted", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", expiresAt: await calls().soon(60_000) });
      const later = await calls().soon(120_000);
      await bypass().expire(KEY, later);
      expect(await calls().inspect("a")).toMatchObject({ kind: "value", stamp, expiresAt: later, bypass: true });
      const adopted = await calls().inspect("a", "changed");
      expect(adopted).toMatchObject({ kind: "value", expiresAt: later, bypass: false });
      expect((adopted as { stamp: number }).stamp).toBeGreaterThan(stamp);
      await bypass().expire(KEY, null);
      expect(await calls().inspect("a", "bare")).toMatchObject({ kind: "value", expiresAt: null, bypass: false });
    });

    test("that deleted is seen, and adopted as a tombstone", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", operationId: "once" });
      await bypass().del(KEY);
      expect(await calls().read("a")).toMatchObject({ kind: "vanished", stamp, operations: ["once"], bytes: null });
      expect(await calls().inspect("a")).toMatchObject({ kind: "vanished", stamp });
      const adopted = await calls().inspect("a", "changed");
      expect(adopted).toMatchObject({ kind: "tombstone", operations: ["once"] });
      expect((adopted as { stamp: number }).stamp).toBeGreaterThan(stamp);
      expect(await calls().logged("a")).toBe((adopted as { stamp: number }).stamp);
    });

    test("that came back after a delete is seen, and adopted", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", bytes: null });
      await bypass().set(KEY, item("blue"));
      expect(await calls().read("a")).toMatchObject({ kind: "value", bytes: item("blue"), bypass: true });
      const adopted = await calls().inspect("a", "changed");
      expect(adopted).toMatchObject({ kind: "value", bytes: item("blue"), bypass: false });
      expect((adopted as { stamp: number }).stamp).toBeGreaterThan(stamp);
    });

    test("that was bare and is gone is adopted as a tombstone where bare ones are", async () => {
      await calls().beAuthority();
      expect(await calls().inspect("a", "changed")).toEqual({ kind: "absent" });
      const adopted = await calls().inspect("a", "bare");
      expect(adopted).toMatchObject({ kind: "tombstone" });
      expect(await calls().logged("a")).toBe((adopted as { stamp: number }).stamp);
    });

    test("isn't adopted as gone when it expired, nor while something is known to be missing", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon();
      await calls().put({ id: "a", expiresAt });
      await calls().put({ id: "b" });
      await bypass().del(items.redisKey("b"));
      await calls().pass(expiresAt);
      expect(await calls().inspect("a", "bare")).toMatchObject({ kind: "expired" });
      await calls().store.setComplete(items, false);
      expect(await calls().inspect("b", "bare")).toMatchObject({ kind: "vanished" });
      expect(await calls().inspect("c", "bare")).toEqual({ kind: "absent" });
    });

    test("is adopted only by the open authority in its term", async () => {
      await calls().beAuthority(2);
      await bypass().set(KEY, item("red"));
      const bare = { kind: "value", stamp: 0, bypass: true };
      expect(await calls().inspect("a", "bare", 1)).toMatchObject(bare);
      expect(await calls().inspect("a", "bare", 3)).toMatchObject(bare);
      await calls().store.closeFence(2);
      expect(await calls().inspect("a", "bare", 2)).toMatchObject(bare);
      await calls().store.raiseFence(3);
      expect(await calls().inspect("a", "bare", 3)).toMatchObject(bare);
      expect(await calls().logged("a")).toBeNull();
    });

    test("is compared and set as it was read, and conflicts when it changed since", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, item("red"));
      expect(await calls().write({ id: "a", expected: { stamp: 0, bytes: null } })).toEqual({ kind: "conflict" });
      const expected = { stamp: 0, bytes: item("red") };
      await bypass().set(KEY, item("blue"));
      expect(await calls().write({ id: "a", expected })).toEqual({ kind: "conflict" });
      const written = await calls().put({ id: "a", bytes: item("green"), expected: { stamp: 0, bytes: item("blue") } });
      await bypass().set(KEY, item("blue"));
      expect(await calls().write({ id: "a", expected: written })).toEqual({ kind: "conflict" });
      expect(await calls().write({ id: "a", expected: { ...written, bytes: item("blue") } })).toMatchObject({
        kind: "written",
      });
    });

    test("has its own expiry kept by a write that says to keep it", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a" });
      const expiresAt = await calls().soon(60_000);
      await bypass().expire(KEY, expiresAt);
      expect(await calls().put({ id: "a", expiresAt: "keep" })).toMatchObject({ expiresAt });
    });

    test("is never overwritten by what is put back into a complete authority", async () => {
      await calls().beAuthority();
      await calls().put({ id: "changed" });
      await calls().put({ id: "gone" });
      await bypass().set(items.redisKey("bare"), item("blue"));
      await bypass().set(items.redisKey("changed"), item("blue"));
      await bypass().del(items.redisKey("gone"));
      const ahead = ((await calls().store.now()) + 3_600_000) * 1000;
      for (const id of ["bare", "changed", "gone", "absent"]) {
        expect(await calls().apply(id, { stamp: ahead, bytes: item("red") })).toMatchObject({
          kind: "kept",
          same: false,
        });
      }
      expect(await bypass().get(items.redisKey("bare"))).toMatchObject({ bytes: item("blue") });
      expect(await bypass().get(items.redisKey("changed"))).toMatchObject({ bytes: item("blue") });
      expect(await bypass().get(items.redisKey("gone"))).toBeNull();
      expect(await bypass().get(items.redisKey("absent"))).toBeNull();
    });

    test("of another type is none that a read of values could tell from a missing one", async () => {
      await calls().beAuthority();
      await calls().put({ id: "b", bytes: item("red") });
      await calls().harness.bypass.addMember(items.redisKey("a"), "m");
      for (let time = 0; time < 2; time++)
        expect((await calls().store.readValues(items, ["a", "b"])).values).toEqual([undefined, item("red")]);
    });

    test("of another type can't be read, and is neither written nor applied over", async () => {
      await calls().beAuthority();
      await bypass().addMember(KEY, "member");
      await calls().put({ id: "b", bytes: item("red") });
      const { held } = await calls().store.readRecords(items, ["a", "b"]);
      expect(held).toMatchObject([
        { kind: "unreadable", reason: expect.any(String) },
        { kind: "value", bytes: item("red") },
      ]);
      expect(await calls().inspect("a", "bare")).toMatchObject({ kind: "unreadable" });
      expect(await calls().write({ id: "a" })).toMatchObject({ kind: "rejected", reason: expect.any(String) });
      await calls().store.raiseFence(2);
      expect(await calls().apply("a", { stamp: 1000 }, 2)).toMatchObject({
        kind: "rejected",
        reason: expect.any(String),
      });
      expect(await bypass().members(KEY)).toEqual(["member"]);
    });
  });
}
