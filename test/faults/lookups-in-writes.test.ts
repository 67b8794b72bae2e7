/** A write that looks its record up first waits for the authority as any write does, and never believes a stale "none". */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AuthorityUnavailableError, type DualWriteStore, type StrategyName, type User } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, drained, untilAuthority } from "./support.js";

const deadlines = { read: 300, write: 5000, mirror: 150 };

let pair: Pair;
let store: DualWriteStore;
let user: User;

const proxies = () => [pair.redisProxy, pair.databaseProxy];
const proxyOf = (strategy: StrategyName) => (authorityOf(strategy) === "redis" ? pair.redisProxy : pair.databaseProxy);
const mirrorProxyOf = (strategy: StrategyName) =>
  authorityOf(strategy) === "redis" ? pair.databaseProxy : pair.redisProxy;

async function open(strategy: StrategyName) {
  store = await pair.open(strategy, { deadlines });
  await untilAuthority(store, authorityOf(strategy));
  user = await store.users.create({ email: "ann@example.org", source: "test" });
  await store.subscriptions.putForUser("u-1", { subscriptionId: "sub-1", planName: "pro", status: "active" });
  await drained(store);
}

beforeEach(async () => {
  pair = await openPair();
});
afterEach(async () => {
  await pair?.end();
});

/** What each does, and what it gives when it went well. */
const writes: Record<string, () => Promise<unknown>> = {
  "users.update": () => store.users.update(user.id, (one) => ({ ...one, role: "premium" })),
  "users.delete": () => store.users.delete(user.id),
  "users.create in another spelling": () => store.users.create({ email: "Bob@Example.org" }),
  "subscriptions.updateBySubscriptionId": () => store.subscriptions.deactivate("sub-1"),
};

describe.each(["DUAL_WRITE", "POSTGRES_ONLY"] as const)("%s, both stores away for a moment", (strategy) => {
  it("each write waits until the authority is back", async () => {
    await open(strategy);
    for (const [name, write] of Object.entries(writes)) {
      await Promise.all(proxies().map((proxy) => proxy.setMode("refuse")));
      for (const proxy of proxies()) proxy.cutAll();
      const written = write();
      const early = await Promise.race([
        written.then(
          () => "settled",
          (error: Error) => error,
        ),
        new Promise((resolve) => setTimeout(resolve, 600, "waits")),
      ]);
      expect([name, early]).toEqual([name, "waits"]);
      await Promise.all(proxies().map((proxy) => proxy.setMode("pass")));
      expect(await written, name).toBeTruthy();
      await waitFor(async () => (await store.health()).ready, { what: "the store to be ready" });
    }
  });
});

describe.each(["DUAL_WRITE", "POSTGRES_PRIMARY"] as const)("%s, a mirror that lacks the newest", (strategy) => {
  it("a user created while the mirror was away isn't said to be unknown", async () => {
    await open(strategy);
    const mirror = mirrorProxyOf(strategy);
    const authority = proxyOf(strategy);
    await mirror.setMode("refuse");
    mirror.cutAll();
    const late = await store.users.create({ email: "late@example.org" });
    await authority.setMode("refuse");
    authority.cutAll();
    await mirror.setMode("pass");
    await waitFor(
      async () => {
        const { redis, postgres } = await store.health();
        return (strategy === "DUAL_WRITE" ? postgres : redis)?.reachable === true;
      },
      { what: "the mirror to be back" },
    );
    const update = store.users.update(late.id, (one) => ({ ...one, role: "x" }), { deadline: 700 });
    await expect(update).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await expect(store.users.delete(late.id, { deadline: 700 })).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await authority.setMode("pass");
    expect(await store.users.update(late.id, (one) => ({ ...one, role: "x" }))).toMatchObject({ role: "x" });
  });
});
