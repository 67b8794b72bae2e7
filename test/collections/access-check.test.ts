import { beforeEach, describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import type { HolderValue } from "../../src/collections/subscriptions.js";
import { SubscriptionsRepository } from "../../src/collections/subscriptions-repository.js";
import { AuthorityUnavailableError, ValidationError } from "../../src/errors.js";
import { ManualClock, MemoryRecords } from "./memory-ports.js";

let records: MemoryRecords<HolderValue>;
let subscriptions: SubscriptionsRepository;

beforeEach(() => {
  const clock = new ManualClock(Date.parse("2026-11-20T12:00:00Z"));
  records = new MemoryRecords(builtinCollections().subscriptions.bind({ prefix: "threadr:" }), clock);
  subscriptions = new SubscriptionsRepository({ records, clock });
});

describe("a check of access that fails in part", () => {
  const person = { userId: "42", email: "ann@example.org", ip: "203.0.113.9" };
  const ids = { user: "user:42", email: "email:ann@example.org", ip: "ip:203.0.113.9" };
  const grant = (end: string) => `{"expires_at": "${end}"}`;
  const LIVE = grant("2027-01-01T00:00:00");
  const OVER = grant("2026-01-01T00:00:00");

  const undecided = [
    ["the subscription's read, whatever else is there", ["user"], { email: LIVE, ip: LIVE }],
    ["the email's read and nothing live elsewhere", ["email"], { ip: OVER }],
    ["the email's read and nothing elsewhere", ["email"], {}],
    ["the address's read and the email's grant expired", ["ip"], { email: OVER }],
    ["the address's read and nothing for the email", ["ip"], {}],
    ["every read", ["user", "email", "ip"], {}],
  ] as const;
  const decided = [
    [
      "the email's and the address's read, with a subscription there",
      ["email", "ip"],
      { user: '{"status": "active"}' },
      { hasAccess: true, source: "subscription" },
    ],
    [
      "the same, with a lapsed one there",
      ["email", "ip"],
      { user: '{"status": "canceled"}' },
      { hasAccess: false, source: "subscription" },
    ],
    [
      "the address's read, with the email's grant live",
      ["ip"],
      { email: LIVE },
      { hasAccess: true, source: "email_grant" },
    ],
    [
      "the email's read, with the address's grant live",
      ["email"],
      { ip: LIVE },
      { hasAccess: true, source: "ip_grant" },
    ],
  ] as const;

  const arrange = (failing: readonly (keyof typeof ids)[], held: Partial<Record<keyof typeof ids, string>>) => {
    for (const name of failing) records.failing.add(ids[name]);
    for (const [name, json] of Object.entries(held))
      records.seed(records.collection.redisKey(ids[name as keyof typeof ids]), json);
  };

  it.each(undecided)("can't be answered: %s", async (_, failing, held) => {
    arrange(failing, held);
    await expect(subscriptions.checkAccess(person)).rejects.toBeInstanceOf(AuthorityUnavailableError);
    await expect(subscriptions.checkAccess(person, { onError: "throw" })).rejects.toBeInstanceOf(
      AuthorityUnavailableError,
    );
    expect(await subscriptions.checkAccess(person, { onError: "allow" })).toEqual({
      hasAccess: true,
      tierLevel: 0,
      planName: "free",
      threadLimit: 5,
      features: ["basic_threads"],
      status: "unknown",
      source: "unknown",
      expiresAt: null,
    });
    expect(await subscriptions.checkAccess(person, { onError: "deny" })).toEqual({
      hasAccess: false,
      tierLevel: 0,
      planName: "free",
      threadLimit: 0,
      features: [],
      status: "unknown",
      source: "unknown",
      expiresAt: null,
    });
  });

  it.each(decided)("is answered all the same: %s", async (_, failing, held, expected) => {
    arrange(failing, held);
    for (const onError of ["throw", "allow", "deny"] as const) {
      expect(await subscriptions.checkAccess(person, { onError })).toMatchObject(expected);
    }
  });

  it("takes a damaged value for an error, never for nothing", async () => {
    records.seed("threadr:subscription:user:42", '{"status": "act');
    await expect(subscriptions.checkAccess(person)).rejects.toBeInstanceOf(ValidationError);
    expect(await subscriptions.checkAccess(person, { onError: "deny" })).toMatchObject({
      hasAccess: false,
      source: "unknown",
    });
  });

  it("wraps an error that isn't the library's own, and keeps it as the cause", async () => {
    const cause = new Error("ECONNRESET");
    records.readMany = async () => Promise.reject(cause);
    await expect(subscriptions.checkAccess(person)).rejects.toMatchObject({ code: "AUTHORITY_UNAVAILABLE", cause });
    expect(await subscriptions.checkAccess(person, { onError: "allow" })).toMatchObject({
      hasAccess: true,
      source: "unknown",
    });
  });

  it.each([
    ["no address", { ip: "localhost" }],
    ["a user id that is no text", { userId: 42 }],
    ["a user id with NUL", { userId: "4\u0000" }],
    ["an email that is too long", { email: "a".repeat(600) }],
    ["nobody", null],
  ])("refuses %s, whatever is to be done about errors", async (_, wrong) => {
    await expect(subscriptions.checkAccess(wrong as never, { onError: "allow" })).rejects.toBeInstanceOf(
      ValidationError,
    );
    expect(records.calls).toEqual([]);
  });

  it("refuses an unknown onError", async () => {
    await expect(subscriptions.checkAccess(person, { onError: "ignore" as never })).rejects.toBeInstanceOf(
      ValidationError,
    );
  });

  it("reads all holders at once, passing the caller's options on", async () => {
    await subscriptions.checkAccess(person, { deadline: 50, onError: "deny" });
    expect(records.calls).toEqual([
      { method: "readMany", ids: ["user:42", "email:ann@example.org", "ip:203.0.113.9"], options: { deadline: 50 } },
    ]);
  });
});
