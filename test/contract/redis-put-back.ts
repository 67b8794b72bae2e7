/** The refill of records in an authority Redis that lost its memory. */
import { describe, expect, test } from "vitest";
import { counts, item, items } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";
import { loseAll, loseSome } from "./redis-memory-loss.js";

const KEY = items.redisKey("a");

export function describePutBack(makeStore: MakeRedis): void {
  describe("a state put back after a memory loss", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("is applied where nothing stands", async () => {
      await loseAll(calls());
      const state = { stamp: 1001, bytes: item("red"), expiresAt: await calls().soon(60_000), operations: ["once"] };
      expect(await calls().apply("a", state, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().inspect("a")).toMatchObject({ kind: "value", bypass: false, compared: true, ...state });
      expect(await calls().store.readLog(items, 10)).toEqual([]);
      expect(await calls().write({ id: "a", operationId: "once" }, 2)).toMatchObject({ kind: "repeated" });
    });

    test("may be a tombstone, which is compared then", async () => {
      await loseAll(calls());
      expect(await calls().apply("a", { stamp: 1001, bytes: null }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone", stamp: 1001, compared: true });
    });

    test("may never have been stamped, and is compared then", async () => {
      await loseAll(calls());
      expect(await calls().apply("a", { stamp: 0, bytes: item("red") }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().read("a")).toMatchObject({ kind: "value", stamp: 0, compared: true });
      expect(await calls().write({ id: "a", bytes: item("blue") }, 2)).toMatchObject({ kind: "written" });
    });

    test("is applied over an older state that its companion confirms", async () => {
      await calls().beAuthority();
      const old = await calls().put({ id: "a", bytes: item("red") });
      await loseSome(calls());
      expect(await calls().apply("a", { stamp: old.stamp + 1, bytes: item("blue") }, 2)).toMatchObject({
        kind: "applied",
      });
      expect(await calls().read("a")).toMatchObject({ bytes: item("blue"), stamp: old.stamp + 1, compared: true });
    });

    test("is applied over an older tombstone and over an older expiry", async () => {
      await calls().beAuthority();
      const deleted = await calls().put({ id: "a", bytes: null });
      const expired = await calls().put({ id: "b", expiresAt: await calls().soon(-1000) });
      await loseSome(calls());
      expect(await calls().apply("a", { stamp: deleted.stamp + 1 }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().apply("b", { stamp: expired.stamp + 1 }, 2)).toMatchObject({ kind: "applied" });
    });

    test("is kept out by what is as new or newer, which is compared then", async () => {
      await calls().beAuthority();
      const value = await calls().put({ id: "a", bytes: item("red") });
      const deleted = await calls().put({ id: "b", bytes: null });
      await loseSome(calls());
      expect(await calls().apply("a", value, 2)).toEqual({ kind: "kept", stamp: value.stamp, same: true });
      expect(await calls().apply("b", { stamp: deleted.stamp - 1 }, 2)).toEqual({
        kind: "kept",
        stamp: deleted.stamp,
        same: false,
      });
      expect(await calls().read("a")).toMatchObject({ kind: "value", bytes: item("red"), compared: true });
      expect(await calls().read("b")).toMatchObject({ kind: "tombstone", compared: true });
      await calls().put({ id: "a" }, 2);
      await calls().put({ id: "b" }, 2);
    });

    test("is kept out by a bare value that came after a full loss, which is adopted above it", async () => {
      await loseAll(calls());
      const ahead = ((await calls().store.now()) + 3_600_000) * 1000 + 1;
      await bypass().set(KEY, item("blue"));
      expect(await calls().apply("a", { stamp: ahead, bytes: item("red") }, 2)).toMatchObject({
        kind: "kept",
        same: false,
      });
      const held = await calls().inspect("a");
      expect(held).toMatchObject({ kind: "value", bytes: item("blue"), bypass: false, compared: true });
      expect((held as { stamp: number }).stamp).toBeGreaterThan(ahead);
      expect(await calls().logged("a")).toBe((held as { stamp: number }).stamp);
    });

    test("replaces a bare value that came back with a snapshot", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, item("blue"));
      await loseSome(calls());
      expect(await calls().apply("a", { stamp: 1001, bytes: item("red") }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().inspect("a")).toMatchObject({
        bytes: item("red"),
        stamp: 1001,
        bypass: false,
        compared: true,
      });
    });

    test("without a stamp leaves a bare value as it is, which is compared then", async () => {
      await loseAll(calls());
      await bypass().set(KEY, item("blue"));
      await bypass().set(items.redisKey("b"), item("blue"));
      expect(await calls().apply("a", { stamp: 0, bytes: item("blue") }, 2)).toMatchObject({ kind: "kept" });
      expect(await calls().apply("b", { stamp: 0, bytes: item("red") }, 2)).toMatchObject({
        kind: "kept",
        same: false,
      });
      for (const id of ["a", "b"])
        expect(await calls().read(id)).toMatchObject({ bytes: item("blue"), compared: true });
      // Where the stores agree nothing needs a stamp.
      expect(await calls().logged("a")).toBeNull();
      expect(await calls().logged("b")).not.toBeNull();
    });

    test("finds bare values untrusted again after the store was complete", async () => {
      await loseAll(calls());
      await calls().store.setComplete(null, true);
      await bypass().set(KEY, item("blue"));
      await calls().store.setComplete(null, false);
      expect(await calls().apply("a", { stamp: 1001, bytes: item("red") }, 2)).toMatchObject({ kind: "applied" });
    });

    test("is kept out by a bare value that came after a full loss, whoever claims that memory once more", async () => {
      await loseAll(calls());
      await bypass().set(KEY, item("blue"));
      const again = { term: 3, role: "authority", complete: false, agreed: true } as const;
      await calls().store.claimMemory(again);
      expect(await calls().apply("a", { stamp: 1001, bytes: item("red") }, 3)).toMatchObject({ kind: "kept" });
    });

    test("replaces a bare value of a snapshot, whoever claims that memory once more", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, item("blue"));
      await loseSome(calls());
      const again = { term: 3, role: "authority", complete: false, agreed: true } as const;
      await calls().store.claimMemory(again);
      expect(await calls().apply("a", { stamp: 1001, bytes: item("red") }, 3)).toMatchObject({ kind: "applied" });
    });

    test("is kept out by what a bypass writer changed after it was compared, which is adopted above it", async () => {
      await loseAll(calls());
      await calls().apply("a", { stamp: 1001, bytes: item("red") }, 2);
      await calls().apply("b", { stamp: 1001, bytes: item("red") }, 2);
      await bypass().set(KEY, item("blue"));
      await bypass().del(items.redisKey("b"));
      for (const id of ["a", "b"]) {
        expect(await calls().apply(id, { stamp: 2001, bytes: item("red") }, 2)).toMatchObject({
          kind: "kept",
          same: false,
        });
      }
      expect(await calls().inspect("a")).toMatchObject({ kind: "value", bytes: item("blue"), bypass: false });
      expect(await calls().inspect("b")).toMatchObject({ kind: "tombstone" });
      expect(await calls().logged("a")).toBeGreaterThan(2001);
    });

    test("isn't applied any more once the store is complete", async () => {
      await loseAll(calls());
      await calls().store.setComplete(items, true);
      expect(await calls().apply("a", { stamp: 1001 }, 2)).toMatchObject({ kind: "kept", same: false });
      expect(await calls().read("a")).toEqual({ kind: "absent" });
    });

    test("isn't applied to a complete store that was closed either: its authority may be taken back", async () => {
      await calls().beAuthority();
      const state = await calls().put({ id: "a", bytes: item("red") });
      const sum = await calls().add({ id: "a", by: 5 });
      await calls().store.closeFence(1);
      await bypass().set(KEY, item("blue"));
      await bypass().incr(counts.redisKey("a"), 3);
      expect(await calls().apply("a", state)).toEqual({ kind: "kept", stamp: state.stamp, same: false });
      expect(await calls().applyCount("a", sum)).toMatchObject({ kind: "kept", same: false });
      expect(await bypass().get(KEY)).toMatchObject({ bytes: item("blue") });
      expect(await calls().sum("a")).toBe(8);
      await calls().store.openFence(2);
      expect(await calls().inspect("a", "changed", 2)).toMatchObject({ bytes: item("blue"), bypass: false });
    });

    test("in a lower term than the claimed one is refused", async () => {
      await loseAll(calls(), 5);
      const refused = await calls().store.applyRecords(items, 4, [
        { id: "a", state: { stamp: 1001, bytes: null, expiresAt: null, operations: [] } },
      ]);
      expect(refused).toMatchObject({ fenced: true, fence: { term: 5 } });
    });

    test("forgets the operations of an older state that it doesn't descend from: they are no part of what stands", async () => {
      await calls().beAuthority();
      const old = await calls().put({ id: "a", bytes: item("red"), operationId: "lost" });
      await loseSome(calls());
      const newer = { stamp: old.stamp + 1, bytes: item("blue"), operations: ["new"] };
      await calls().apply("a", newer, 2);
      expect(await calls().write({ id: "a", operationId: "new" }, 2)).toMatchObject({ kind: "repeated" });
      expect(await calls().write({ id: "a", bytes: item("red"), operationId: "lost" }, 2)).toMatchObject({
        kind: "written",
      });
    });

    test("forgets them in a mirror, too", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1001, bytes: item("red"), operations: ["lost"] });
      await calls().apply("a", { stamp: 2001, bytes: item("blue"), operations: ["new"] });
      expect(await calls().inspect("a")).toMatchObject({ stamp: 2001, operations: ["new"] });
    });

    test("brings its operations along, also where a bypass writer's value is kept", async () => {
      await loseAll(calls());
      await bypass().set(KEY, item("blue"));
      await calls().apply("a", { stamp: 1001, bytes: item("red"), operations: ["once"] }, 2);
      expect(await calls().write({ id: "a", bytes: item("red"), operationId: "once" }, 2)).toMatchObject({
        kind: "repeated",
      });
      expect(await bypass().get(KEY)).toMatchObject({ bytes: item("blue") });
    });
  });
}
