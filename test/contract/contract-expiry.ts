/** Expiry is a moment, part of the state. */
import { describe, expect, test } from "vitest";
import { item } from "./contract-collections.js";
import { type MakeStore, useHarness } from "./contract-harness.js";

export function describeExpiry(makeStore: MakeStore): void {
  describe("the expiry of a record", () => {
    const calls = useHarness(makeStore);

    test("is kept to the millisecond, and by a write that says to keep it", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon(86_400_123);
      await calls().put({ id: "a", expiresAt });
      expect(await calls().put({ id: "a", bytes: item("blue"), expiresAt: "keep" })).toMatchObject({ expiresAt });
      expect(await calls().inspect("a")).toMatchObject({ expiresAt, bypass: false });
      expect(await calls().read("a")).toMatchObject({ expiresAt });
    });

    test("is none where nothing stands that it could be kept of", async () => {
      await calls().beAuthority();
      expect(await calls().put({ id: "a", expiresAt: "keep" })).toMatchObject({ expiresAt: null });
      await calls().put({ id: "b", bytes: null });
      expect(await calls().put({ id: "b", expiresAt: "keep" })).toMatchObject({ expiresAt: null });
    });

    test("goes with a write that gives none", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon();
      await calls().put({ id: "a", expiresAt });
      await calls().put({ id: "a", expiresAt: null });
      await calls().pass(expiresAt);
      expect(await calls().read("a")).toMatchObject({ kind: "value", expiresAt: null });
    });

    test("makes a miss of the record that still knows its stamp and operations", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon();
      const { stamp } = await calls().put({ id: "a", expiresAt, operationId: "once" });
      await calls().pass(expiresAt);
      const expired = { kind: "expired", stamp, operations: ["once"], compared: true };
      expect(await calls().read("a")).toMatchObject(expired);
      expect(await calls().inspect("a")).toMatchObject(expired);
      expect(await calls().write({ id: "a", operationId: "once" })).toMatchObject({
        kind: "repeated",
        state: { stamp },
      });
    });

    test("ends a compare-and-set that read the value", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon();
      const read = await calls().put({ id: "a", expiresAt });
      await calls().pass(expiresAt);
      expect(await calls().write({ id: "a", expected: read })).toEqual({ kind: "conflict" });
      expect(await calls().write({ id: "a", expected: { stamp: read.stamp, bytes: null } })).toMatchObject({
        kind: "written",
      });
      expect(await calls().read("a")).toMatchObject({ kind: "value" });
    });

    test("isn't kept once it has passed, and the next stamp is greater", async () => {
      await calls().beAuthority();
      const expiresAt = await calls().soon();
      const { stamp } = await calls().put({ id: "a", expiresAt });
      await calls().pass(expiresAt);
      const next = await calls().put({ id: "a", expiresAt: "keep" });
      expect(next.expiresAt).toBeNull();
      expect(next.stamp).toBeGreaterThan(stamp);
    });

    test("in the past makes a miss at once", async () => {
      await calls().beAuthority();
      const { stamp } = await calls().put({ id: "a", expiresAt: await calls().soon(-1000) });
      expect(await calls().read("a")).toMatchObject({ kind: "expired", stamp });
    });

    test("in the past is taken over by the mirror with its stamp", async () => {
      await calls().beMirror();
      await calls().apply("a", { stamp: 1000 });
      expect(await calls().apply("a", { stamp: 3000, expiresAt: await calls().soon(-1000) })).toMatchObject({
        kind: "applied",
      });
      expect(await calls().read("a")).toMatchObject({ kind: "expired", stamp: 3000 });
      expect(await calls().apply("a", { stamp: 2000 })).toMatchObject({ kind: "kept", stamp: 3000, same: false });
    });
  });
}
