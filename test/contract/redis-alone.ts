/** A Redis that lost its memory and was set up while Postgres was away: what it counts is added to Postgres's count later. */
import { describe, expect, test } from "vitest";
import { counts } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";

const KEY = counts.redisKey("a");

export function describeServingAlone(makeStore: MakeRedis): void {
  describe("a Redis that serves alone after a loss", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;
    const beAlone = () => calls().store.claimMemory({ term: 2, role: "authority", complete: true, agreed: false });
    const agree = () => calls().store.claimMemory({ term: 3, role: "authority", complete: false, agreed: true });

    test("counts what Postgres's count is added to, once", async () => {
      await beAlone();
      await calls().add({ id: "a", by: 3, operationId: "one" }, 2);
      expect(await calls().add({ id: "a", by: 2, operationId: "two" }, 2)).toMatchObject({
        redisPart: 5,
        postgresPart: 0,
      });
      expect(await calls().tryAdd({ id: "a", by: 3, operationId: "one" }, 2)).toMatchObject({
        kind: "repeated",
        alone: true,
        state: { redisPart: 5 },
      });
      expect(await calls().inspectCount("a", "changed", 2)).toMatchObject({
        kind: "value",
        redisPart: 5,
        bypass: true,
        compared: false,
      });
      expect(await calls().sum("a")).toBe(5);
      await agree();
      expect(await calls().tryAdd({ id: "a" }, 3)).toEqual({ kind: "suspect" });
      for (let n = 0; n < 2; n++) await calls().applyCount("a", { redisPart: 2, postgresPart: 5, stamp: 1 }, 3);
      expect(await calls().count("a")).toMatchObject({
        kind: "value",
        generation: 1000,
        redisPart: 7,
        postgresPart: 5,
        bypass: false,
        compared: true,
      });
      expect(await calls().tryAdd({ id: "a", by: 2, operationId: "two" }, 3)).toMatchObject({ kind: "repeated" });
      expect(await calls().sum("a")).toBe(12);
      expect(await calls().tryAdd({ id: "a" }, 3)).not.toHaveProperty("alone");
    });

    test("counts on from a snapshot, and what Postgres had heard beyond it isn't lost", async () => {
      await calls().beAuthority();
      const { generation } = await calls().add({ id: "a", by: 5 });
      await bypass().restart();
      await beAlone();
      expect(await calls().add({ id: "a", by: 3 }, 2)).toMatchObject({ generation, redisPart: 8 });
      await agree();
      await calls().applyCount("a", { generation, redisPart: 9, postgresPart: 1, stamp: 1 }, 3);
      expect(await calls().sum("a")).toBe(13);
    });

    test("doesn't add a snapshot's bare sum to a count that was made of it", async () => {
      await calls().beAuthority();
      await bypass().incr(KEY, 4);
      await bypass().restart();
      await beAlone();
      await calls().add({ id: "a", by: 1 }, 2);
      await agree();
      await calls().applyCount("a", { redisPart: 4, postgresPart: 0, stamp: 1 }, 3);
      expect(await calls().sum("a")).toBe(5);
    });

    test("adds what bypass writers counted since the loss as well", async () => {
      await beAlone();
      await bypass().incr(KEY, 4);
      await calls().add({ id: "a", by: 1 }, 2);
      await bypass().incr(KEY, 2);
      await agree();
      await calls().applyCount("a", { redisPart: 10, postgresPart: 0, stamp: 1 }, 3);
      expect(await calls().sum("a")).toBe(17);
    });

    test("begins a counter anew that a bypass writer deleted since", async () => {
      await beAlone();
      await calls().add({ id: "a", by: 3 }, 2);
      await bypass().del(KEY);
      expect(await calls().add({ id: "a", by: 1 }, 2)).toMatchObject({ redisPart: 1 });
      await agree();
      await calls().applyCount("a", { redisPart: 10, postgresPart: 0, stamp: 1 }, 3);
      expect(await calls().sum("a")).toBe(1);
    });

    test("believes a bypass writer who deleted what it had counted", async () => {
      await beAlone();
      await calls().add({ id: "a", by: 3 }, 2);
      await bypass().del(KEY);
      await agree();
      await calls().applyCount("a", { redisPart: 10, stamp: 1 }, 3);
      expect(await calls().sum("a")).toBe(0);
    });

    test("counts by itself what Postgres's count was over for by then", async () => {
      await beAlone();
      await calls().add({ id: "a", by: 3, operationId: "once" }, 2);
      await agree();
      const expiresAt = await calls().soon(-1000);
      await calls().applyCount("a", { redisPart: 5, stamp: 1, expiresAt, operations: ["before"] }, 3);
      expect(await calls().sum("a")).toBe(3);
      expect(await calls().logged("a", counts)).toBe(((await calls().count("a")) as { stamp: number }).stamp);
      for (const operationId of ["before", "once"])
        expect(await calls().tryAdd({ id: "a", operationId }, 3)).toMatchObject({ kind: "repeated" });
      expect(((await calls().count("a")) as { generation: number }).generation).toBeGreaterThan(1000);
    });

    test("remembers what it counted though that expired before Postgres was back", async () => {
      await beAlone();
      const { expiresAt } = await calls().add({ id: "a", by: 1, operationId: "once", ttlMs: 100 }, 2);
      await agree();
      await calls().pass(expiresAt as number);
      await calls().applyCount("a", { redisPart: 3, stamp: 1, expiresAt, operations: ["before"] }, 3);
      for (const operationId of ["before", "once"])
        expect(await calls().tryAdd({ id: "a", operationId }, 3)).toMatchObject({ kind: "repeated" });
      expect(await calls().sum("a")).toBe(0);
    });

    test("tells a count that Postgres never heard of as it stands", async () => {
      await beAlone();
      await calls().add({ id: "a", by: 3 }, 2);
      await agree();
      await calls().store.setComplete(null, true);
      expect(await calls().inspectCount("a", "changed", 3)).toMatchObject({ redisPart: 3, bypass: false });
      expect(await calls().add({ id: "a", by: 1 }, 3)).toMatchObject({ redisPart: 4, postgresPart: 0 });
    });
  });
}
