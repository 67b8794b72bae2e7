/** The authority's step for records. */
import { describe, expect, test } from "vitest";
import { RECORD_OPERATIONS, STAMP_BIT } from "../../src/stores/state.js";
import { item, items } from "./contract-collections.js";
import { completeWrite, type MakeStore, operation, useHarness } from "./contract-harness.js";

export function describeWrites(makeStore: MakeStore): void {
  describe("a write by the authority", () => {
    const calls = useHarness(makeStore);

    test("of an absent key stands afterwards exactly as it was written", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon(3_600_000);
      const state = await calls().put({ id: "a", bytes: item("red"), expiresAt, operationId: "first" });
      expect(state).toMatchObject({ bytes: item("red"), expiresAt, operations: ["first"] });
      expect(await calls().inspect("a")).toMatchObject({ kind: "value", bypass: false, compared: true, ...state });
      expect(await calls().read("a")).toMatchObject({ kind: "value", bytes: item("red"), stamp: state.stamp });
    });

    test("keeps bytes that JSON or text would change", async () => {
      await calls().beAuthority();
      const bytes = Buffer.from('{ "odd":"\\u0000 \\ud800 \u00e9", "big": 9007199254740993, "color" : "red"}\n');
      await calls().put({ id: "odd:id with * [x]? and \u00e9", bytes });
      expect(await calls().read("odd:id with * [x]? and \u00e9")).toMatchObject({ kind: "value", bytes });
    });

    test("has a stamp in microseconds of the server's clock that carries the store's bit", async () => {
      await calls().beAuthority();
      const before = await calls().store.now();
      const { stamp } = await calls().put({ id: "a" });
      const after = await calls().store.now();
      expect(Number.isSafeInteger(stamp)).toBe(true);
      expect(stamp % 2).toBe(STAMP_BIT[calls().store.name]);
      expect(stamp).toBeGreaterThanOrEqual(before * 1000);
      expect(stamp).toBeLessThanOrEqual((after + 1) * 1000);
    });

    test("has a greater stamp than the one before, whatever either was", async () => {
      await calls().beAuthority();
      let last = 0;
      for (const bytes of [item("red"), item("red"), null, null, item("blue")]) {
        const { stamp } = await calls().put({ id: "a", bytes });
        expect(stamp).toBeGreaterThan(last);
        expect(stamp % 2).toBe(STAMP_BIT[calls().store.name]);
        last = stamp;
      }
    });

    test("is stamped above a state that came from a server whose clock is ahead", async () => {
      await calls().beMirror();
      const ahead = ((await calls().store.now()) + 3_600_000) * 1000;
      await calls().apply("a", { stamp: ahead });
      await calls().store.openFence(2);
      const { stamp } = await calls().put({ id: "a" }, 2);
      expect(stamp).toBeGreaterThan(ahead);
      expect(stamp % 2).toBe(STAMP_BIT[calls().store.name]);
    });

    test("that deletes leaves a tombstone, which ignores the expiry given", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a" });
      const state = await calls().put({ id: "a", bytes: null, expiresAt: await calls().soon(), operationId: "delete" });
      expect(state).toMatchObject({ bytes: null, expiresAt: null });
      expect(state.stamp).toBeGreaterThan(stamp);
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone", ...state });
    });

    test("that deletes what isn't there leaves a tombstone too", async () => {
      await calls().beAuthority();
      expect(await calls().read("a")).toEqual({ kind: "absent" });
      const { stamp } = await calls().put({ id: "a", bytes: null });
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone", stamp, bytes: null, expiresAt: null });
      expect(await calls().logged("a")).toBe(stamp);
    });

    test("answers each of several changes by itself, in their order", async () => {
      await calls().beAuthority();
      await calls().put({ id: "b", operationId: "known" });
      const answer = await calls().store.writeRecords(items, 1, [
        completeWrite({ id: "a", bytes: item("red") }),
        completeWrite({ id: "b", operationId: "known" }),
        completeWrite({ id: "c", expected: { stamp: 1, bytes: item("red") } }),
        completeWrite({ id: "d", bytes: null }),
      ]);
      expect(answer).toMatchObject({
        results: [{ kind: "written" }, { kind: "repeated" }, { kind: "conflict" }, { kind: "written" }],
      });
      const { held } = await calls().store.readRecords(items, ["d", "c", "b", "a"]);
      expect(held.map(({ kind }) => kind)).toEqual(["tombstone", "absent", "value", "value"]);
    });
  });

  describe("a compare-and-set", () => {
    const calls = useHarness(makeStore);

    test("writes while what was read still stands", async () => {
      await calls().beAuthority();
      const { stamp, bytes } = await calls().put({ id: "a", bytes: item("red") });
      expect(await calls().write({ id: "a", bytes: item("blue"), expected: { stamp, bytes } })).toMatchObject({
        kind: "written",
      });
      expect(await calls().read("a")).toMatchObject({ bytes: item("blue") });
    });

    test("conflicts with a later write, even of the same bytes, and changes nothing", async () => {
      await calls().beAuthority();
      const read = await calls().put({ id: "a", bytes: item("red") });
      const later = await calls().put({ id: "a", bytes: item("red") });
      expect(await calls().write({ id: "a", bytes: item("blue"), expected: read })).toEqual({ kind: "conflict" });
      expect(await calls().read("a")).toMatchObject({ kind: "value", ...later });
      expect(await calls().logged("a")).toBe(later.stamp);
    });

    test("that read nothing writes where nothing is, and conflicts where something came", async () => {
      await calls().beAuthority();
      const expected = { stamp: 0, bytes: null };
      expect(await calls().write({ id: "a", expected })).toMatchObject({ kind: "written" });
      expect(await calls().write({ id: "a", expected })).toEqual({ kind: "conflict" });
    });

    test("that read a tombstone writes over exactly that tombstone", async () => {
      await calls().beAuthority();
      const first = await calls().put({ id: "a", bytes: null });
      const second = await calls().put({ id: "a", bytes: null });
      expect(await calls().write({ id: "a", expected: first })).toEqual({ kind: "conflict" });
      expect(await calls().write({ id: "a", expected: second })).toMatchObject({ kind: "written" });
    });

    test("that read what a bypass writer made of a state conflicts with the state itself", async () => {
      await calls().beAuthority();
      const { stamp, bytes } = await calls().put({ id: "a", bytes: item("red") });
      const read = { stamp, bytes: item("blue"), bypass: true };
      expect(await calls().write({ id: "a", bytes: item("green"), expected: read })).toEqual({ kind: "conflict" });
      const same = { stamp, bytes, bypass: true };
      expect(await calls().write({ id: "a", bytes: item("green"), expected: same })).toMatchObject({ kind: "written" });
    });

    test("that read a value conflicts with its delete", async () => {
      await calls().beAuthority();
      const read = await calls().put({ id: "a" });
      await calls().put({ id: "a", bytes: null });
      expect(await calls().write({ id: "a", expected: read })).toEqual({ kind: "conflict" });
      expect(await calls().read("a")).toMatchObject({ kind: "tombstone" });
    });

    test("deletes as well", async () => {
      await calls().beAuthority();
      const read = await calls().put({ id: "a" });
      expect(
        await calls().write({ id: "a", bytes: null, expected: { stamp: read.stamp + 2, bytes: read.bytes } }),
      ).toEqual({ kind: "conflict" });
      expect(await calls().write({ id: "a", bytes: null, expected: read })).toMatchObject({ kind: "written" });
    });
  });

  describe("a repeated operation", () => {
    const calls = useHarness(makeStore);

    test("does nothing and tells what stands", async () => {
      await calls().beAuthority();
      const first = await calls().put({ id: "a", bytes: item("red"), operationId: "once" });
      expect(await calls().write({ id: "a", bytes: item("blue"), operationId: "once" })).toEqual({
        kind: "repeated",
        state: first,
      });
      expect(await calls().read("a")).toMatchObject({ bytes: item("red"), stamp: first.stamp });
      expect(await calls().logged("a")).toBe(first.stamp);
    });

    test("is recognised although its own compare-and-set would now conflict", async () => {
      await calls().beAuthority();
      const read = await calls().put({ id: "a", bytes: item("red") });
      const once = { id: "a", bytes: item("blue"), operationId: "once", expected: read };
      expect(await calls().write(once)).toMatchObject({ kind: "written" });
      expect(await calls().write(once)).toMatchObject({ kind: "repeated" });
    });

    test("is recognised while fewer others than are remembered came after it", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", operationId: "once" });
      let last = await calls().put({ id: "a" });
      for (let n = 2; n < RECORD_OPERATIONS; n++) last = await calls().put({ id: "a", bytes: item("blue", `${n}`) });
      expect(last.operations).toHaveLength(RECORD_OPERATIONS);
      expect(await calls().write({ id: "a", operationId: "once" })).toMatchObject({
        kind: "repeated",
        state: { stamp: last.stamp },
      });
      expect((await calls().put({ id: "a" })).operations).toHaveLength(RECORD_OPERATIONS);
    });

    test("is recognised over a tombstone, and when it was the delete", async () => {
      await calls().beAuthority();
      await calls().put({ id: "a", operationId: "write" });
      const { stamp } = await calls().put({ id: "a", bytes: null, operationId: "delete" });
      for (const operationId of ["write", "delete"]) {
        expect(await calls().write({ id: "a", operationId })).toMatchObject({
          kind: "repeated",
          state: { stamp, bytes: null },
        });
      }
    });

    test("is recognised after a handover, for ids travel with the state", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000, operations: ["elsewhere"] });
      await calls().store.openFence(2);
      expect(await calls().write({ id: "a", operationId: "elsewhere" }, 2)).toMatchObject({
        kind: "repeated",
        state: { stamp: 1000 },
      });
      expect((await calls().put({ id: "a", operationId: "here" }, 2)).operations).toEqual(["elsewhere", "here"]);
    });

    test("with an id of another record is no repetition", async () => {
      await calls().beAuthority();
      const operationId = operation();
      await calls().put({ id: "a", operationId });
      expect(await calls().write({ id: "b", operationId })).toMatchObject({ kind: "written" });
    });
  });
}
