import { describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { ValidationError } from "../../src/errors.js";

const context = { prefix: "threadr:" };
const builtin = builtinCollections({ zone: "Europe/Berlin" });
const subscriptions = builtin.subscriptions.bind(context);
const users = builtin.users.bind(context);
const usageLog = builtin.usage_log.bind(context);
const threads = builtin.threads.bind(context);
const sessions = builtin.user_sessions.bind(context);

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

describe("an odd value", () => {
  const project = (value: unknown) => subscriptions.project("user:42", bytes(value));

  it.each([
    ["a text where a number is expected", { tier_level: "2" }, { tierLevel: null }],
    ["a number with a fraction where a whole one is", { tier_level: 1.5 }, { tierLevel: null }],
    ["a number beyond the column", { monthly_price: 3_000_000_000 }, { monthlyPrice: null }],
    ["an integer beyond 2^53", '{"annual_price": 12345678901234567890}', { annualPrice: null }],
    ["a minus zero", '{"tier_level": -0.0}', { tierLevel: 0 }],
    ["a number where a text is expected", { plan_name: 5 }, { planName: null }],
    ["an object where a text is expected", { status: {} }, { status: null }],
    ["a text where a flag is expected", { is_annual: "true" }, { isAnnual: null }],
    ["a text where an array is expected", { features: "a" }, { features: null }],
    ["an array of other things than texts", { features: ["a", 1] }, { features: null }],
    ["a date that isn't one", { expires_at: "soon" }, { endsAt: null }],
    ["a date as a number", { expires_at: 1795168200 }, { endsAt: null }],
    ["a date that its offset pushes before the year 1", { expires_at: "0001-01-01T00:00:00+05:00" }, { endsAt: null }],
    [
      "a date that its offset pushes after the year 9999",
      { expires_at: "9999-12-31T23:59:59-05:00" },
      { endsAt: null },
    ],
    ["an array where an object is expected", { payment_info: [1] }, { paymentInfo: null }],
    ["U+0000 in a text", { plan_name: "a\u0000b" }, { planName: "a\ufffdb" }],
    ["a lone surrogate in a text", '{"plan_name": "a\\ud800b"}', { planName: "a\ufffdb" }],
    ["a pair of surrogates", { plan_name: "😀" }, { planName: "😀" }],
    [
      "U+0000 in a key of JSON",
      { payment_info: { "a\u0000": ["\u0000"] } },
      { paymentInfo: { "a\ufffd": ["\ufffd"] } },
    ],
    ["an id that is a number", { subscription_id: 7 }, { subscriptionId: "7" }],
    ["an id beyond 2^53", '{"subscription_id": 12345678901234567890}', { subscriptionId: "12345678901234567890" }],
    ["an id too long for an index", { subscription_id: "x".repeat(600) }, { subscriptionId: null }],
    ["an empty id", { subscription_id: "" }, { subscriptionId: null }],
    [
      "null everywhere",
      { status: null, features: null, expires_at: null },
      { status: null, features: null, endsAt: null },
    ],
  ])("%s doesn't disturb the rest", (_, value, expected) => {
    expect(project(value)).toMatchObject({ userId: "42", ...expected });
  });

  it("gives typed columns that JSON.stringify and Postgres take", () => {
    const deep = `{"payment_info": {"__proto__": {"n": 12345678901234567890}, "x": ["\\ud800", 1e-9, -0.0]}}`;
    const text = JSON.stringify(project(deep).paymentInfo);
    expect(text).toBe('{"__proto__":{"n":"12345678901234567890"},"x":["\ufffd",1e-9,0]}');
  });
});

describe("a value that isn't of the collection", () => {
  it.each([
    ["an empty value", ""],
    ["truncated JSON", '{"status": "act'],
    ["an array", "[]"],
    ["a number", "5"],
    ["a great number", "12345678901234567890"],
    ["a text", '"x"'],
    ["null", "null"],
    ["NaN", '{"a": NaN}'],
    ["a repeated key", '{"status": "active", "status": "canceled"}'],
    ["bytes that aren't UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
  ])("is set aside: %s", (_, value) => {
    const stored = Buffer.isBuffer(value) ? value : bytes(value);
    for (const [collection, id] of [
      [subscriptions, "user:42"],
      [users, "ann@example.org"],
      [usageLog, "::1:5"],
      [threads, "url:a"],
      [sessions, "t"],
    ] as const) {
      expect(() => collection.project(id, stored)).toThrow(ValidationError);
      expect(() => collection.memberships(id, stored)).not.toThrow();
      for (const index of Object.values(collection.indexes)) expect(() => index.valueOf(id, stored)).not.toThrow();
    }
  });

  it.each([
    ["no tweets", {}],
    ["tweets that are no array", { tweets: {} }],
    ["null for tweets", { tweets: null }],
  ])("is set aside: a thread with %s", (_, value) => {
    expect(() => threads.project("url:a", bytes(value))).toThrow(/not a thread/);
  });
});
