import { getTableColumns } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { derivedUserId } from "../../src/collections/users.js";
import { SYNC_COLUMN_NAMES } from "../../src/schema/sync-columns.js";

const context = { prefix: "threadr:" };
const builtin = builtinCollections({ zone: "Europe/Berlin" });
const subscriptions = builtin.subscriptions.bind(context);
const users = builtin.users.bind(context);
const usage = builtin.usage.bind(context);
const usageLog = builtin.usage_log.bind(context);
const threads = builtin.threads.bind(context);
const sessions = builtin.user_sessions.bind(context);

const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

describe("the typed columns", () => {
  it("of a user subscription", () => {
    const value = {
      subscription_id: "sub_1",
      customer_id: "cus_1",
      price_id: "price_1",
      product_id: "prod_1",
      plan_name: "pro",
      plan_display_name: "Pro",
      status: "active",
      tier_level: 2,
      thread_limit: -1,
      features: ["a", "b"],
      is_annual: true,
      monthly_price: 1900,
      annual_price: 19000,
      current_period_start: "2026-11-01T00:00:00",
      current_period_end: "2026-12-01 00:00:00.123456",
      cancel_at_period_end: false,
      expires_at: "2026-12-01T00:00:00Z",
    };
    expect(subscriptions.project("user:42", bytes(value))).toEqual({
      holderKind: "user",
      userId: "42",
      email: null,
      ip: null,
      kind: "subscription",
      subscriptionId: "sub_1",
      customerId: "cus_1",
      priceId: "price_1",
      productId: "prod_1",
      planName: "pro",
      planDisplayName: "Pro",
      status: "active",
      tierLevel: 2,
      threadLimit: -1,
      features: ["a", "b"],
      isAnnual: true,
      monthlyPrice: 1900,
      annualPrice: 19000,
      currentPeriodStart: new Date("2026-10-31T23:00:00Z"),
      currentPeriodEnd: new Date("2026-11-30T23:00:00.123Z"),
      cancelAtPeriodEnd: false,
      endsAt: new Date("2026-12-01T00:00:00Z"),
      grantedAt: null,
      durationDays: null,
      paymentInfo: null,
    });
  });

  it("of a grant to an email, whose placeholder address is nobody's", () => {
    const value = {
      granted_at: "2026-11-01T00:00:00+00:00",
      expires_at: "2026-12-01T00:00:00+00:00",
      plan: "pro",
      duration_days: 30,
      client_ip: "0.0.0.0",
      email: "Ann@Example.org",
      payment_info: { id: "pay\u0000_1", amount: 900 },
    };
    expect(subscriptions.project("email:ann@example.org", bytes(value))).toMatchObject({
      holderKind: "email",
      kind: "grant",
      email: "ann@example.org",
      ip: null,
      userId: null,
      planName: "pro",
      durationDays: 30,
      grantedAt: new Date("2026-11-01T00:00:00Z"),
      endsAt: new Date("2026-12-01T00:00:00Z"),
      subscriptionId: null,
      paymentInfo: { id: "pay\ufffd_1", amount: 900 },
    });
    expect(subscriptions.project("email:ann@example.org", bytes({ ...value, client_ip: "2001:db8::1" })).ip).toBe(
      "2001:db8::1",
    );
  });

  it("of a grant to an address, with the email that it was given to in lower case", () => {
    const value = { plan: "pro", email: " Ann@Example.org", subscription_id: "sub_1" };
    expect(subscriptions.project("ip:2001:db8::1", bytes(value))).toMatchObject({
      holderKind: "ip",
      ip: "2001:db8::1",
      email: "ann@example.org",
      subscriptionId: null,
    });
    expect(subscriptions.project("ip:0.0.0.0", bytes(value))).toMatchObject({ ip: null });
    expect(subscriptions.project("ip:1.2.3.4", bytes({ email: null }))).toMatchObject({ email: null });
  });

  it("of a sign-up, with what the form sent beside them", () => {
    const value =
      '{"subscribed_at": "2026-11-20T09:30:00.123456", "source": "landing", "user_agent": "UA", "referrer": null, "utm_source": "x", "role": "admin", "name": "Ann", "user_id": "u1", "color": "red", "n": 12345678901234567890}';
    expect(users.project("ann@example.org", bytes(value))).toEqual({
      id: "u1",
      subscribedAt: new Date("2026-11-20T08:30:00.123Z"),
      source: "landing",
      userAgent: "UA",
      referrer: null,
      utmSource: "x",
      role: "admin",
      name: "Ann",
      extra: { color: "red", n: "12345678901234567890" },
    });
    expect(users.project("ann@example.org", bytes({}))).toMatchObject({
      id: derivedUserId("ann@example.org"),
      extra: null,
    });
  });

  it("of a counter", () => {
    expect(usage.project("ip:2001:db8::1:daily:2026-11-20", 7)).toEqual({
      subjectKind: "ip",
      subject: "2001:db8::1",
      period: "daily",
      bucket: "2026-11-20",
      count: 7,
    });
    expect(usage.project("user:42:monthly:2026-11", 0)).toEqual({
      subjectKind: "user",
      subject: "42",
      period: "monthly",
      bucket: "2026-11",
      count: 0,
    });
  });

  it("of a log line, whose moment is told by the line or else by its id", () => {
    const line = {
      timestamp: "2026-11-20T10:00:00",
      client_ip: "::1",
      email: null,
      date: "2026-11-20",
      month: "2026-11",
    };
    expect(usageLog.project("::1:1795168200.5", bytes(line))).toEqual({
      loggedAt: new Date("2026-11-20T09:00:00Z"),
      ip: "::1",
      email: null,
      date: "2026-11-20",
      month: "2026-11",
    });
    expect(usageLog.project("::1:1795168200.5", bytes({}))).toMatchObject({ loggedAt: new Date(1795168200500) });
    expect(usageLog.project("::1:1795168200.5", bytes({ timestamp: 1 }))).toMatchObject({ loggedAt: new Date(1000) });
  });

  it("of a thread, by URL and by text", () => {
    const value = {
      tweets: [{ text: "a" }],
      title: "T",
      original_content: "c",
      source_url: "https://s",
      ai_model: "m",
      generation_time_ms: 12.6,
      _cached_at: 5.5,
      _ttl: 86400,
    };
    expect(threads.project("url:https://x.org/a:b", bytes(value))).toEqual({
      url: "https://x.org/a:b",
      textHash: null,
      title: "T",
      tweets: [{ text: "a" }],
      originalContent: "c",
      sourceUrl: "https://s",
      aiModel: "m",
      generationTimeMs: 13,
      ttlSeconds: 86400,
    });
    expect(threads.project("text:0123456789abcdef", bytes(value))).toMatchObject({
      url: null,
      textHash: "0123456789abcdef",
    });
  });

  it("of a session", () => {
    const value = {
      user_id: 42,
      session_token: "t",
      is_active: true,
      is_remember_me: 1,
      created_at: "2026-11-20",
      expires_at: "x",
    };
    expect(sessions.project("t", bytes(value))).toMatchObject({
      userId: "42",
      sessionToken: "t",
      isActive: true,
      isRememberMe: null,
      createdAt: new Date("2026-11-19T23:00:00Z"),
      endsAt: null,
    });
  });
});

describe("a projection", () => {
  it("gives every typed column, so that none keeps what an older value had", () => {
    const samples = [
      [subscriptions, "user:42", {}],
      [subscriptions, "email:a@b", {}],
      [users, "a@b", {}],
      [usageLog, "::1:5", {}],
      [threads, "url:a", { tweets: [] }],
      [sessions, "t", {}],
    ] as const;
    for (const [collection, id, value] of samples) {
      const typed = Object.entries(getTableColumns(collection.table))
        .filter(
          ([name, column]) =>
            column !== collection.idColumn && !(SYNC_COLUMN_NAMES as readonly string[]).includes(name),
        )
        .map(([name]) => name);
      const given = collection.project(id, bytes(value));
      expect(Object.keys(given).sort()).toEqual(typed.sort());
      expect(Object.values(given)).not.toContain(undefined);
    }
  });
});
