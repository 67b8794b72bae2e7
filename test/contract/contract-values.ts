/** Values alone: what a reader gets who asks for nothing that is known of them. */
import { describe, expect, test } from "vitest";
import { item, items } from "./contract-collections.js";
import { type MakeStore, useHarness } from "./contract-harness.js";

export function describeValues(makeStore: MakeStore): void {
  describe("a read of values", () => {
    const calls = useHarness(makeStore);
    const read = (...ids: string[]) => calls().store.readValues(items, ids);

    test("gives what is live, in the order asked for, and null for the rest", async () => {
      await calls().beAuthority();
      const [red, blue] = [item("red"), item("blue")];
      await calls().put({ id: "red", bytes: red });
      await calls().put({ id: "gone", bytes: red });
      await calls().put({ id: "gone", bytes: null });
      await calls().put({ id: "blue", bytes: blue });
      const asked = ["blue", "never", "red", "gone"];
      // The second time the store knows that some are missing.
      for (let time = 0; time < 2; time++) {
        const { fence, values } = await read(...asked);
        expect(fence).toMatchObject({ term: 1, role: "authority", complete: true });
        expect(asked.map((_, i) => values[i] ?? null)).toEqual([blue, null, red, null]);
      }
      expect((await read(...asked)).values).toEqual([blue, null, red, null]);
      expect((await read("blue")).values).toEqual([blue]);
    });

    test("gives nothing that has expired", async () => {
      await calls().beAuthority();
      const now = await calls().store.now();
      await calls().put({ id: "short", bytes: item("red"), expiresAt: now + 60 });
      await calls().put({ id: "long", bytes: item("red"), expiresAt: now + 60_000 });
      await calls().pass(now + 100);
      const { values } = await read("short", "long");
      expect([values[0] ?? null, values[1]]).toEqual([null, item("red")]);
    });

    test("tells that there is no fence, and that the store isn't complete", async () => {
      expect((await read("a")).fence).toBeNull();
      await calls().store.createFence({ term: 4, role: "mirror", complete: false });
      expect((await read("a")).fence).toMatchObject({ term: 4, role: "mirror", complete: false });
    });
  });
}
