import { describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { derivedUserId } from "../../src/collections/users.js";

const context = { prefix: "threadr:" };
const builtin = builtinCollections();
const subscriptions = builtin.subscriptions.bind(context);
const users = builtin.users.bind(context);
const usage = builtin.usage.bind(context);

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

describe("what follows a record", () => {
  const active = "threadr:subscriptions:active";

  it("is the set of active subscribers, for users whose status is exactly active", () => {
    for (const [status, present] of [
      ["active", true],
      ["trialing", false],
      ["canceled", false],
      [undefined, false],
    ]) {
      expect(subscriptions.memberships("user:a:b", bytes({ status }))).toEqual([
        { key: active, member: "a:b", present },
      ]);
    }
    expect(subscriptions.memberships("user:42", null)).toEqual([{ key: active, member: "42", present: false }]);
    expect(subscriptions.memberships("email:a@b", bytes({ status: "active" }))).toEqual([]);
    expect(subscriptions.memberships("ip:1.2.3.4", null)).toEqual([]);
  });

  it("is the set of emails, renewed for two years", () => {
    const set = { key: "threadr:emails:list", member: "ann@example.org", ttlSeconds: 63_072_000 };
    expect(users.memberships("ann@example.org", bytes({}))).toEqual([{ ...set, present: true }]);
    expect(users.memberships("ann@example.org", null)).toEqual([{ ...set, present: false }]);
  });

  it("is the index of subscription ids, of users only and alike in both stores", () => {
    const value = bytes('{"subscription_id": "sub\\u0000_1"}');
    expect(subscriptions.indexes.subscriptionId?.valueOf("user:42", value)).toBe("sub\ufffd_1");
    expect(subscriptions.project("user:42", value).subscriptionId).toBe("sub\ufffd_1");
    expect(subscriptions.indexes.subscriptionId?.valueOf("email:a@b", value)).toBeNull();
  });

  it("is the index of user ids, where a sign-up without one has an id made from the email", () => {
    const idOf = (value: unknown) => users.indexes.id?.valueOf("ann@example.org", bytes(value));
    expect(idOf({ user_id: "u1" })).toBe("u1");
    expect(idOf({ user_id: 7 })).toBe("7");
    // The start of `printf ann@example.org | sha256sum`, 438c4c7afe600cdf1e45…, with a UUID's marks: any program can make it.
    expect(idOf({})).toBe("438c4c7a-fe60-8cdf-9e45-5c369bec76dc");
    expect(idOf({ user_id: "" })).toBe(derivedUserId("Ann@Example.org "));
  });

  it("is how long a counter lives", () => {
    const day = 86_400_000;
    expect(usage.expiry("user:42:daily:2026-11-20")).toEqual({ ttlMs: day, renew: true });
    expect(usage.expiry("user:42:monthly:2026-11")).toEqual({ ttlMs: 31 * day, renew: true });
    expect(usage.expiry("ip:::1:daily:2026-11-20")).toEqual({ ttlMs: 30 * day, renew: false });
    expect(usage.expiry("email:a@b:monthly:2026-11")).toEqual({ ttlMs: 365 * day, renew: false });
  });
});
