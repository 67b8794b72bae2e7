/** Redis keeps the form that other programs read and write. */
import { describe, expect, test } from "vitest";
import { ALL_SET, ALL_SET_SECONDS, counts, item, items, RED_SET } from "./contract-collections.js";
import { useHarness } from "./contract-harness.js";
import type { MakeRedis } from "./redis-contract.js";

export function describeLegacyForm(makeStore: MakeRedis): void {
  describe("the legacy form", () => {
    const calls = useHarness(makeStore);
    const bypass = () => calls().harness.bypass;

    test("of a record is its bytes under its key, with its expiry", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon(60_000);
      await calls().put({ id: "a", bytes: item("red"), expiresAt });
      expect(await bypass().get(items.redisKey("a"))).toEqual({ bytes: item("red"), expiresAt });
      await calls().put({ id: "a", bytes: item("blue") });
      expect(await bypass().get(items.redisKey("a"))).toEqual({ bytes: item("blue"), expiresAt: null });
      await calls().put({ id: "a", bytes: null });
      expect(await bypass().get(items.redisKey("a"))).toBeNull();
    });

    test("of a record is the same when it was applied", async () => {
      await calls().beMirror();
      const expiresAt = await calls().soon(60_000);
      await calls().apply("a", { stamp: 1000, bytes: item("red"), expiresAt });
      expect(await bypass().get(items.redisKey("a"))).toEqual({ bytes: item("red"), expiresAt });
      await calls().apply("a", { stamp: 2000, bytes: null });
      expect(await bypass().get(items.redisKey("a"))).toBeNull();
    });

    test("of a counter is its sum as decimal text, with its expiry", async () => {
      await calls().beMirror();
      const expiresAt = await calls().soon(60_000);
      await calls().applyCount("a", { redisPart: 2, postgresPart: 5, expiresAt });
      expect(await bypass().get(counts.redisKey("a"))).toEqual({ bytes: Buffer.from("7"), expiresAt });
      await calls().store.openFence(2);
      await calls().add({ id: "a", by: 3 }, 2);
      expect(await bypass().get(counts.redisKey("a"))).toEqual({ bytes: Buffer.from("10"), expiresAt });
    });

    test("of a great counter has all its digits", async () => {
      await calls().beAuthority();
      await bypass().set(counts.redisKey("a"), Buffer.from("900719925474098"));
      await calls().add({ id: "a", by: 3 });
      expect((await bypass().get(counts.redisKey("a")))?.bytes.toString()).toBe("900719925474101");
      expect(await calls().sum("a")).toBe(900719925474101);
    });

    test("of a set follows its records", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("red") });
      await calls().put({ id: "b", bytes: item("red") });
      await calls().put({ id: "c", bytes: item("blue") });
      expect((await bypass().members(RED_SET)).sort()).toEqual(["a", "b"]);
      await calls().put({ id: "a", bytes: item("blue") });
      await calls().put({ id: "b", bytes: null });
      expect(await bypass().members(RED_SET)).toEqual([]);
      expect((await bypass().members(ALL_SET)).sort()).toEqual(["a", "c"]);
    });

    test("of a set follows what is applied, and nothing that is kept", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 2000, bytes: item("red") });
      await calls().apply("a", { stamp: 1000, bytes: item("blue") });
      expect(await bypass().members(RED_SET)).toEqual(["a"]);
      await calls().apply("a", { stamp: 3000, bytes: null });
      expect(await bypass().members(RED_SET)).toEqual([]);
    });

    test("of a set keeps what ends, as under the programs before, also what has ended by the time it is applied", async () => {
      await calls().beMirror();
      const ends = await calls().soon(40);
      await calls().apply("a", { stamp: 2000, bytes: item("red"), expiresAt: ends });
      await calls().pass(ends);
      await calls().apply("b", { stamp: 2000, bytes: item("red"), expiresAt: ends });
      expect(await calls().read("b")).toMatchObject({ kind: "expired" });
      expect((await bypass().members(RED_SET)).sort()).toEqual(["a", "b"]);
    });

    test("of a set is left as it is by an adoption: its programs keep it themselves", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("red") });
      await bypass().set(items.redisKey("a"), item("blue"));
      await bypass().set(items.redisKey("b"), item("red"));
      await calls().inspect("a", "bare");
      await calls().inspect("b", "bare");
      expect(await bypass().members(RED_SET)).toEqual(["a"]);
      // The next state that the library brings sets it right.
      await calls().put({ id: "a", bytes: item("blue") });
      expect(await bypass().members(RED_SET)).toEqual([]);
    });

    test("of a set that lives for a while lives on with each addition", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("red") });
      expect(await bypass().ttl(RED_SET)).toBeNull();
      await bypass().expire(ALL_SET, await calls().soon(5000));
      await calls().put({ id: "b", bytes: item("red") });
      expect(await bypass().ttl(ALL_SET)).toBeGreaterThan(ALL_SET_SECONDS * 1000 - 10_000);
    });

    test("of a set that is no set stops the record that it follows, whole, and no other", async () => {
      await calls().beAuthority();
      await bypass().set(RED_SET, Buffer.from("odd"));
      const rejected = { kind: "rejected", reason: expect.stringContaining("another Redis type") };
      expect(await calls().write({ id: "a", bytes: item("red") })).toMatchObject(rejected);
      expect(await calls().read("a")).toEqual({ kind: "absent" });
      expect(await calls().logged("a")).toBeNull();
      expect(await calls().store.readLog(items, 10)).toEqual([]);
    });

    test("an operation of several records is refused whole, and others beside it are not", async () => {
      await calls().beAuthority();
      await bypass().addMember(items.redisKey("b"), "odd");
      const write = (id: string, color: string, operationId: string) => ({
        id,
        bytes: item(color),
        expiresAt: null,
        operationId,
      });
      const several = [write("a", "blue", "one"), write("b", "red", "one")];
      const reply = await calls().store.writeRecords(items, 1, [...several, write("c", "blue", "two")]);
      const kinds = reply.fenced ? [] : reply.results.map(({ kind }) => kind);
      expect(kinds).toEqual(["rejected", "rejected", "written"]);
      expect(await calls().read("a")).toEqual({ kind: "absent" });
      expect(await calls().logged("a")).toBeNull();
      await bypass().del(items.redisKey("b"));
      const again = await calls().store.writeRecords(items, 1, several);
      expect(again).toMatchObject({ fenced: false, results: [{ kind: "written" }, { kind: "written" }] });
    });

    test("of a set that is no set stops what is applied likewise", async () => {
      await calls().beMirror();
      await bypass().set(RED_SET, Buffer.from("odd"));
      const states = ["red", "red"].map((color, n) => ({
        id: `${n}`,
        state: { stamp: 2000, bytes: item(color), expiresAt: null, operations: [] },
      }));
      const reply = await calls().store.applyRecords(items, 1, states);
      expect(reply).toMatchObject({ fenced: false, results: [{ kind: "rejected" }, { kind: "rejected" }] });
      expect(await calls().read("0")).toEqual({ kind: "absent" });
      await bypass().del(RED_SET);
      await calls().apply("0", { stamp: 2000, bytes: item("red") });
      expect(await bypass().members(RED_SET)).toEqual(["0"]);
    });

    test("of a set is left alone by a conflict and a repetition", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", bytes: item("blue"), operationId: "once" });
      await calls().write({ id: "a", bytes: item("red"), expected: { stamp: 2, bytes: null } });
      await calls().write({ id: "a", bytes: item("red"), operationId: "once" });
      expect(await bypass().members(RED_SET)).toEqual([]);
    });
  });
}
