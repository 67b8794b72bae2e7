import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DualWriteStore, StrategyName } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";

let pair: Pair;
beforeAll(async () => {
  pair = await openPair();
});
afterAll(() => pair.end());

async function untilAuthority(store: DualWriteStore, authority: string) {
  await waitFor(async () => (await store.health()).authority === authority, {
    what: `authority ${authority}: ${(await store.health()).waitingFor}`,
  });
}

describe("one process on an empty Redis", () => {
  it("keeps what was written through every stage forward and back", async () => {
    const walk: StrategyName[] = [
      "REDIS_PRIMARY",
      "DUAL_WRITE",
      "POSTGRES_PRIMARY",
      "POSTGRES_ONLY",
      "POSTGRES_PRIMARY",
      "DUAL_WRITE",
      "REDIS_PRIMARY",
    ];
    const written: string[] = [];
    let uses = 0;
    for (const [i, strategy] of walk.entries()) {
      const store = await pair.open(strategy);
      await untilAuthority(store, strategy.startsWith("POSTGRES") ? "postgres" : "redis");
      for (const id of written) {
        expect(await store.subscriptions.findForUser(id)).toMatchObject({ planName: `plan-${id}` });
      }
      const id = `user-${i}`;
      await store.subscriptions.putForUser(id, {
        subscriptionId: `sub-${i}`,
        planName: `plan-${id}`,
        status: "active",
        tierLevel: 1,
      });
      written.push(id);
      expect(await store.subscriptions.findBySubscriptionId("sub-0")).not.toBeNull();
      await store.usage.track({ userId: "someone" }, { by: 2 });
      uses += 2;
      expect(await store.usage.stats({ userId: "someone" })).toEqual({ today: uses, thisMonth: uses });
      const email = `Person-${i}@example.com`;
      const user = await store.users.create({ email, source: "test" });
      expect(await store.users.findById(user.id)).toMatchObject({ email: email.toLowerCase() });
      expect(await store.users.update(user.id, (one) => ({ ...one, role: "premium" }))).toMatchObject({
        role: "premium",
      });
      if (i > 0) {
        const before = await store.users.findByEmail(`person-${i - 1}@example.com`);
        expect(before).toMatchObject({ role: "premium" });
        expect(await store.users.delete(before?.id as string)).toBe(true);
        expect(await store.users.findByEmail(`person-${i - 1}@example.com`)).toBeNull();
      }
      await store.drain();
      await store.close();
    }
  }, 60_000);
});
