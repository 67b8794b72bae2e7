/** The refill of counters in an authority Redis that lost its memory: refilled before they are counted. */
import { describe, expect, test } from "vitest";
import { counts } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";
import { loseAll, loseSome } from "./redis-memory-loss.js";

const KEY = counts.redisKey("a");

export function describeCounterRefill(makeStore: MakeRedis): void {
  describe("a counter after a memory loss", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("isn't counted before it is refilled", async () => {
      await loseAll(calls());
      expect(await calls().tryAdd({ id: "a" }, 2)).toEqual({ kind: "suspect" });
      expect(await calls().applyCount("a", { redisPart: 2, postgresPart: 5, operations: ["once"] }, 2)).toMatchObject({
        kind: "applied",
      });
      expect(await calls().count("a")).toMatchObject({
        kind: "value",
        generation: 1000,
        redisPart: 2,
        postgresPart: 5,
        compared: true,
      });
      expect(await calls().tryAdd({ id: "a", operationId: "once" }, 2)).toMatchObject({ kind: "repeated" });
      expect(await calls().add({ id: "a" }, 2)).toMatchObject({ generation: 1000, redisPart: 3, postgresPart: 5 });
    });

    test("has Postgres's sum added to what bypass writers counted since a full loss", async () => {
      await loseAll(calls());
      await bypass().incr(KEY, 3);
      expect(await calls().applyCount("a", { redisPart: 2, postgresPart: 5 }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().count("a")).toMatchObject({
        kind: "value",
        generation: 1000,
        redisPart: 5,
        postgresPart: 5,
        bypass: false,
        compared: true,
      });
      expect(await calls().logged("a", counts)).toBeGreaterThan(1000);
      expect(await calls().sum("a")).toBe(10);
    });

    test("has it added once, however often it is told", async () => {
      await loseAll(calls());
      await bypass().incr(KEY, 3);
      for (let n = 0; n < 3; n++) await calls().applyCount("a", { redisPart: 2, postgresPart: 5 }, 2);
      expect(await calls().sum("a")).toBe(10);
      await bypass().incr(KEY, 1);
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5 }, 2);
      expect(await calls().sum("a")).toBe(11);
    });

    test("never stamped has Postgres's sum added too", async () => {
      await loseAll(calls());
      await bypass().incr(KEY, 3);
      await calls().applyCount("a", { generation: 0, stamp: 0, redisPart: 7 }, 2);
      expect(await calls().sum("a")).toBe(10);
      expect(await calls().count("a")).toMatchObject({ compared: true });
    });

    test("that Postgres knows as expired counts only what stands", async () => {
      await loseAll(calls());
      await bypass().incr(KEY, 3);
      await calls().applyCount("a", { redisPart: 7, expiresAt: await calls().soon(-1000), operations: ["once"] }, 2);
      const held = await calls().count("a");
      expect(held).toMatchObject({ kind: "value", redisPart: 3, postgresPart: 0, compared: true });
      expect((held as { generation: number }).generation).toBeGreaterThan(1000);
    });

    test("that Postgres knows as expired is known here too: what it counted, and what its next generation must be above", async () => {
      await loseAll(calls());
      const ahead = ((await calls().store.now()) + 3_600_000) * 1000 + 1;
      const told = { generation: ahead, stamp: ahead, redisPart: 7, operations: ["once"] };
      const expiresAt = await calls().soon(-1000);
      expect(await calls().applyCount("a", { ...told, expiresAt }, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().count("a")).toMatchObject({ kind: "absent", last: { generation: ahead }, compared: true });
      expect(await bypass().get(KEY)).toBeNull();
      expect(await calls().logged("a", counts)).toBeNull();
      expect(await calls().tryAdd({ id: "a", operationId: "once" }, 2)).toMatchObject({ kind: "repeated" });
      const { generation, redisPart } = await calls().add({ id: "a", by: 2 }, 2);
      expect(redisPart).toBe(2);
      expect(generation).toBeGreaterThan(ahead);
    });

    test("of a snapshot yields to what Postgres knows as expired", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, Buffer.from("3"));
      const b = await calls().add({ id: "b", by: 4 });
      await loseSome(calls());
      const expiresAt = await calls().soon(-1000);
      await calls().applyCount("a", { redisPart: 7, expiresAt }, 2);
      await calls().applyCount("b", { ...b, redisPart: 7, stamp: b.stamp + 2, expiresAt }, 2);
      expect([await calls().sum("a"), await calls().sum("b")]).toEqual([0, 0]);
      // A life that a bypass writer gave it since is no older than the state that Postgres knows.
      const stays = await calls().add({ id: "d", by: 4, compared: true }, 2);
      await bypass().restart();
      await calls().store.claimMemory({ term: 3, role: "authority", complete: false, agreed: true });
      await calls().applyCount("d", { ...stays, expiresAt }, 3);
      expect(await calls().sum("d")).toBe(4);
      expect(await calls().logged("d", counts)).toBeGreaterThan(stays.stamp);
    });

    test("that expired in a snapshot stays expired, whatever older generation Postgres still has", async () => {
      await calls().beAuthority();
      const { expiresAt } = await calls().add({ id: "a", by: 4, ttlMs: 100 });
      await calls().pass(expiresAt as number);
      await loseSome(calls());
      await calls().applyCount("a", { generation: 7, redisPart: 2, stamp: 8 }, 2);
      expect(await calls().count("a")).toMatchObject({ kind: "absent", compared: true });
      expect(await bypass().get(KEY)).toBeNull();
      expect(await calls().sum("a")).toBe(0);
    });

    test("keeps of a snapshot what was counted there after the last sum seen, where Postgres knows of nothing newer", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await bypass().incr(KEY, 3);
      await loseSome(calls());
      await bypass().incr(KEY, 2);
      await calls().applyCount("a", old, 2);
      expect(await calls().count("a")).toMatchObject({
        generation: old.generation,
        redisPart: 9,
        postgresPart: 0,
        bypass: false,
        compared: true,
      });
      expect(await calls().logged("a", counts)).toBeGreaterThan(old.stamp);
      await calls().applyCount("a", old, 2);
      expect(await calls().sum("a")).toBe(9);
    });

    test("of a snapshot doesn't count twice what a newer state has counted too", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await bypass().incr(KEY, 3);
      await loseSome(calls());
      await calls().applyCount("a", { ...old, redisPart: 8, stamp: old.stamp + 2 }, 2);
      expect(await calls().sum("a")).toBe(8);
    });

    test("of a snapshot takes Postgres's greater parts where nothing was counted since", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4, operationId: "old" });
      await loseSome(calls());
      const expiresAt = await calls().soon(60_000);
      await calls().applyCount(
        "a",
        { ...old, redisPart: 9, stamp: old.stamp + 2, expiresAt, operations: ["old", "new"] },
        2,
      );
      expect(await calls().inspectCount("a")).toMatchObject({
        redisPart: 9,
        stamp: old.stamp + 2,
        expiresAt,
        compared: true,
      });
      for (const operationId of ["old", "new"]) {
        expect(await calls().tryAdd({ id: "a", operationId }, 2)).toMatchObject({ kind: "repeated" });
      }
    });

    test("of a snapshot yields whole to a newer state that doesn't descend from it, with its operations", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4, operationId: "first" });
      await calls().add({ id: "a", by: 10, operationId: "lost" });
      const last = await calls().add({ id: "b", by: 10, operationId: "lost" });
      await loseSome(calls());
      // Two losses: after the first one Redis went on from what Postgres had, the second one brought the snapshot back.
      const newer = { ...old, redisPart: 5, stamp: last.stamp + 1000, operations: ["first", "new"] };
      const told = { a: newer, b: { ...newer, generation: last.stamp + 1000 } };
      for (const [id, state] of Object.entries(told)) {
        const logged = await calls().logged(id, counts);
        await calls().applyCount(id, state, 2);
        expect(await calls().sum(id)).toBe(5);
        expect(await calls().logged(id, counts)).toBe(logged);
        for (const operationId of ["first", "new"])
          expect(await calls().tryAdd({ id, operationId }, 2)).toMatchObject({ kind: "repeated" });
        expect(await calls().tryAdd({ id, operationId: "lost", by: 10 }, 2)).toMatchObject({ kind: "added" });
      }
    });

    test("whose life a bypass writer changed before the loss is told with it", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await calls().store.clearLog(counts, [{ id: "a", stamp: old.stamp }]);
      const expiresAt = await calls().soon(60_000);
      await bypass().expire(KEY, expiresAt);
      await loseSome(calls());
      await calls().applyCount("a", old, 2);
      expect(await calls().inspectCount("a")).toMatchObject({ redisPart: 4, expiresAt, bypass: false });
      expect(await calls().logged("a", counts)).toBeGreaterThan(old.stamp);
    });

    test("of a snapshot keeps what only Redis had counted", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await calls().add({ id: "a", by: 5 });
      await loseSome(calls());
      await calls().applyCount("a", old, 2);
      expect(await calls().count("a")).toMatchObject({ generation: old.generation, redisPart: 9, compared: true });
      expect(await calls().logged("a", counts)).not.toBeNull();
    });

    test("of a snapshot yields to a generation that began after it", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await loseSome(calls());
      const later = old.stamp + 1000;
      await calls().applyCount("a", { generation: later, redisPart: 1, stamp: later }, 2);
      expect(await calls().count("a")).toMatchObject({
        generation: later,
        redisPart: 1,
        postgresPart: 0,
        compared: true,
      });
    });

    test("bare in a snapshot isn't added: Postgres knows of it", async () => {
      await calls().beAuthority();
      await bypass().set(KEY, Buffer.from("3"));
      await bypass().set(counts.redisKey("b"), Buffer.from("9"));
      await loseSome(calls());
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5 }, 2);
      await calls().applyCount("b", { generation: 0, stamp: 0, redisPart: 7 }, 2);
      expect([await calls().sum("a"), await calls().sum("b")]).toEqual([7, 9]);
      for (const id of ["a", "b"]) expect(await calls().count(id)).toMatchObject({ compared: true });
    });

    test("that is gone from a snapshot is refilled where Postgres knows of more", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await bypass().del(KEY);
      await loseSome(calls());
      await calls().applyCount("a", { ...old, redisPart: 6, stamp: old.stamp + 2 }, 2);
      expect(await calls().count("a")).toMatchObject({ kind: "value", redisPart: 6, compared: true });
    });

    test("that is gone from a snapshot was deleted where Postgres knows of no more", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 4 });
      await bypass().del(KEY);
      await loseSome(calls());
      expect(await calls().applyCount("a", old, 2)).toMatchObject({ kind: "kept", same: false });
      const held = await calls().count("a");
      expect(held).toMatchObject({ kind: "absent", last: { redisPart: 0, postgresPart: 0 }, compared: true });
      expect((held as { last: { generation: number } }).last.generation).toBeGreaterThan(old.generation);
    });

    test("that fell below the last sum seen begins a generation from what stands", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 10 });
      await loseSome(calls());
      await bypass().set(KEY, Buffer.from("3"));
      expect(await calls().applyCount("a", old, 2)).toMatchObject({ kind: "kept", same: false });
      const held = await calls().count("a");
      expect(held).toMatchObject({ kind: "value", redisPart: 3, postgresPart: 0, bypass: false, compared: true });
      expect((held as { generation: number }).generation).toBeGreaterThan(old.generation);
      expect(await calls().logged("a", counts)).toBe((held as { stamp: number }).stamp);
    });

    test("that fell in a snapshot yields to what Postgres knows beyond it", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 10, operationId: "old" });
      await bypass().set(KEY, Buffer.from("3"));
      await loseSome(calls());
      const later = old.stamp + 1000;
      const told = { generation: later, redisPart: 4, stamp: later, operations: ["old", "new"] };
      expect(await calls().applyCount("a", told, 2)).toMatchObject({ kind: "applied" });
      expect(await calls().sum("a")).toBe(4);
      for (const operationId of ["old", "new"])
        expect(await calls().tryAdd({ id: "a", operationId }, 2)).toMatchObject({ kind: "repeated" });
    });

    test("begins a generation above the one told, also where that store's clock is ahead", async () => {
      await loseAll(calls());
      await calls().add({ id: "a", by: 10, compared: true }, 2);
      for (const id of ["a", "b"]) await bypass().set(counts.redisKey(id), Buffer.from("3"));
      await calls().store.claimMemory({ term: 3, role: "authority", complete: false, agreed: true });
      const ahead = ((await calls().store.now()) + 3_600_000) * 1000 + 1;
      const told = { generation: ahead, redisPart: 12, stamp: ahead };
      await calls().applyCount("a", told, 3);
      await calls().applyCount("b", { ...told, expiresAt: await calls().soon(-1000) }, 3);
      for (const id of ["a", "b"]) {
        const held = await calls().count(id);
        expect(held).toMatchObject({ kind: "value", redisPart: 3, postgresPart: 0, compared: true });
        expect((held as { generation: number }).generation).toBeGreaterThan(ahead);
      }
    });

    test("brings its operations along, also where what stands begins a generation", async () => {
      await calls().beAuthority();
      const old = await calls().add({ id: "a", by: 10, operationId: "old" });
      await loseSome(calls());
      await bypass().set(KEY, Buffer.from("3"));
      await calls().applyCount("a", { ...old, operations: ["old", "new"] }, 2);
      for (const operationId of ["old", "new"]) {
        expect(await calls().tryAdd({ id: "a", operationId }, 2)).toMatchObject({ kind: "repeated" });
      }
      expect(await calls().sum("a")).toBe(3);
    });

    test("is what stands where the caller found nothing in Postgres", async () => {
      await loseAll(calls());
      await bypass().incr(KEY, 3);
      expect(await calls().add({ id: "a", by: 1, compared: true }, 2)).toMatchObject({ redisPart: 4, postgresPart: 0 });
      expect(await calls().sum("a")).toBe(4);
    });

    test("isn't refilled any more once the store is complete", async () => {
      await loseAll(calls());
      await calls().store.setComplete(null, true);
      await calls().add({ id: "a", by: 1 }, 2);
      expect(await calls().applyCount("a", { redisPart: 7 }, 2)).toMatchObject({ kind: "kept" });
      expect(await calls().sum("a")).toBe(1);
    });
  });
}
