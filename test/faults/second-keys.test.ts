/** Users and subscriptions are found by their second keys while Redis lost its memory: "none" is said only where there is none. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DualWriteStore, DuplicateEmailError, type User } from "../../src/index.js";
import { openPair, type Pair } from "../support/pair.js";
import { waitFor } from "../support/wait-for.js";
import { authorityOf, drained, Past, STAGES, untilAuthority } from "./support.js";

const deadlines = { read: 5000, write: 10_000 };
const USERS = 30;

let pair: Pair;
let past: Past;

beforeEach(async () => {
  pair = await openPair();
  past = new Past(pair);
});
afterEach(async () => {
  await past?.end();
  await pair?.end();
});

const untilRefilled = () => waitFor(() => past.redisIsComplete(), { what: "Redis to be complete again" });

describe.each(STAGES.slice(0, 3))("%s, second keys after Redis was flushed", (strategy) => {
  let store: DualWriteStore;
  let users: User[];

  beforeEach(async () => {
    store = await pair.open(strategy, { deadlines });
    await untilAuthority(store, authorityOf(strategy));
    users = await Promise.all(
      Array.from({ length: USERS }, (_, n) => store.users.create({ email: `person-${n}@example.com`, source: "test" })),
    );
    await store.subscriptions.putForUser("u-1", {
      subscriptionId: "sub-1",
      planName: "pro",
      status: "active",
      tierLevel: 1,
    });
    await drained(store);
    await past.redis.flushall();
  });

  it("a user is found by id and by email at once, and again when Redis is refilled", async () => {
    const look = async () => {
      const found = await Promise.all(users.map(({ id }) => store.users.findById(id)));
      expect(found.map((user) => user?.email ?? null)).toEqual(users.map(({ email }) => email));
      expect((await store.users.findByEmail("Person-3@example.com"))?.id).toBe(users[3]?.id);
      expect(await store.users.findById("nobody")).toBeNull();
      expect(await store.users.findByEmail("nobody@example.com")).toBeNull();
    };
    await look();
    await untilRefilled();
    await look();
  });

  it("an update and a delete by id reach the user", async () => {
    const [first, second] = users as [User, User];
    expect(await store.users.update(first.id, (user) => ({ ...user, role: "premium" }))).toMatchObject({
      role: "premium",
      source: "test",
    });
    expect(await store.users.delete(second.id)).toBe(true);
    await untilRefilled();
    await drained(store);
    expect(await store.users.findById(first.id)).toMatchObject({ role: "premium" });
    expect(await store.users.findById(second.id)).toBeNull();
  });

  it("a taken email stays taken", async () => {
    await expect(store.users.create({ email: "PERSON-5@example.com" })).rejects.toBeInstanceOf(DuplicateEmailError);
  });

  it("a subscription is found by its own id and gives access", async () => {
    expect(await store.subscriptions.findBySubscriptionId("sub-1")).toMatchObject({ planName: "pro" });
    expect(await store.subscriptions.updateBySubscriptionId("sub-1", { planName: "team" })).toMatchObject({
      planName: "team",
    });
    expect(await store.subscriptions.checkAccess({ userId: "u-1" })).toMatchObject({ hasAccess: true });
    await untilRefilled();
    await drained(store);
    expect(await store.subscriptions.findForUser("u-1")).toMatchObject({ planName: "team" });
  });
});

describe.each(STAGES.slice(0, 2))("%s, second keys beside a bypass writer", (strategy) => {
  let store: DualWriteStore;

  beforeEach(async () => {
    store = await pair.open(strategy, { deadlines });
    await untilAuthority(store, "redis");
  });

  it("a user that it signed up is found by id", async () => {
    await past.redis.set("threadr:email:bypass@example.com", JSON.stringify({ user_id: "by-1", source: "bypass" }));
    expect(await store.users.findByEmail("bypass@example.com")).toMatchObject({ id: "by-1" });
    expect(await store.users.findById("by-1")).toMatchObject({ email: "bypass@example.com" });
  });

  it("a user whose id it changed is found by the new one and no more by the old one", async () => {
    const user = await store.users.create({ email: "changed@example.com", id: "old" });
    await past.redis.set("threadr:email:changed@example.com", JSON.stringify({ user_id: "new", source: "bypass" }));
    expect(await store.users.findById(user.id)).toBeNull();
    expect(await store.users.findById("new")).toMatchObject({ email: "changed@example.com" });
  });
});

describe("POSTGRES_PRIMARY by force, without a backfill", () => {
  it("a user that only Redis holds is found by id and by email", async () => {
    await past.redis.set("threadr:email:legacy@example.com", JSON.stringify({ user_id: "legacy-1", source: "legacy" }));
    const store = await pair.open("DUAL_WRITE", { deadlines });
    await untilAuthority(store, "redis");
    await store.setStrategy("POSTGRES_PRIMARY", { force: true, reason: "a test" });
    await untilAuthority(store, "postgres");
    expect(await store.users.findById("legacy-1")).toMatchObject({ email: "legacy@example.com" });
    expect(await store.users.findByEmail("legacy@example.com")).toMatchObject({ id: "legacy-1" });
  });
});
