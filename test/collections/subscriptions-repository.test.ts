import { beforeEach, describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import type { HolderValue } from "../../src/collections/subscriptions.js";
import { SubscriptionsRepository } from "../../src/collections/subscriptions-repository.js";
import { ValidationError } from "../../src/errors.js";
import { ManualClock, MemoryRecords } from "./memory-ports.js";

const NOW = Date.parse("2026-11-20T12:00:00.500Z");
const DAY = 86_400_000;

let clock: ManualClock;
let records: MemoryRecords<HolderValue>;
let subscriptions: SubscriptionsRepository;

beforeEach(() => {
  clock = new ManualClock(NOW);
  records = new MemoryRecords(builtinCollections().subscriptions.bind({ prefix: "threadr:" }), clock);
  subscriptions = new SubscriptionsRepository({ records, clock });
});

describe("a premium grant", () => {
  it("stands under email and address, written together in the legacy form, a week longer than it lasts", async () => {
    const grant = await subscriptions.grantPremium(
      { email: "Ann@Example.org ", ip: "2001:db8::1" },
      { plan: "pro", days: 30, paymentInfo: { id: "pay_ö" }, operationId: "op-1" },
    );
    const text =
      '{"granted_at": "2026-11-20T12:00:00.500000", "expires_at": "2026-12-20T12:00:00.500000", "plan": "pro", "duration_days": 30, ' +
      '"client_ip": "2001:db8::1", "email": "ann@example.org", "payment_info": {"id": "pay_\\u00f6"}}';
    expect([...records.held.keys()]).toEqual([
      "threadr:premium:email:ann@example.org",
      "threadr:premium:ip:2001:db8::1",
    ]);
    expect(records.text("email:ann@example.org")).toBe(text);
    expect(records.text("ip:2001:db8::1")).toBe(text);
    expect(records.expiresAt("email:ann@example.org")).toBe(NOW + 30 * DAY + 604_800_000);
    expect(records.calls).toEqual([
      { method: "putMany", ids: ["email:ann@example.org", "ip:2001:db8::1"], options: { operationId: "op-1" } },
    ]);
    expect(grant).toEqual({
      grantedAt: "2026-11-20T12:00:00.500000",
      expiresAt: "2026-12-20T12:00:00.500000",
      plan: "pro",
      durationDays: 30,
      clientIp: "2001:db8::1",
      email: "ann@example.org",
      paymentInfo: { id: "pay_ö" },
    });
  });

  it("gives access at once and until its last millisecond", async () => {
    await subscriptions.grantPremium({ email: "ann@example.org" }, { days: 1 });
    clock.time = NOW + DAY - 1;
    expect(await subscriptions.checkAccess({ email: "ann@example.org" })).toMatchObject({
      hasAccess: true,
      source: "email_grant",
    });
    clock.time = NOW + DAY;
    expect(await subscriptions.checkAccess({ email: "ann@example.org" })).toMatchObject({
      hasAccess: false,
      status: "expired",
    });
    clock.time = NOW + 8 * DAY;
    expect(await subscriptions.checkAccess({ email: "ann@example.org" })).toMatchObject({
      hasAccess: true,
      status: "free",
    });
  });

  it.each(["0.0.0.0", "::", null, undefined, "", " "])("never stands under the address %j", async (ip) => {
    await subscriptions.grantPremium({ email: "ann@example.org", ip }, { days: 30 });
    expect([...records.held.keys()]).toEqual(["threadr:premium:email:ann@example.org"]);
    expect(JSON.parse(records.text("email:ann@example.org") ?? "")).toMatchObject({ client_ip: "0.0.0.0" });
  });

  it("to an address alone names no email", async () => {
    await subscriptions.grantPremium({ ip: "203.0.113.9" }, { days: 30 });
    expect(JSON.parse(records.text("ip:203.0.113.9") ?? "")).toMatchObject({
      email: null,
      client_ip: "203.0.113.9",
      plan: "premium",
      payment_info: {},
    });
  });

  it.each([
    ["nobody", {}, { days: 30 }, "holder"],
    ["the placeholder alone", { ip: "0.0.0.0" }, { days: 30 }, "holder"],
    ["no email", { email: "ann" }, { days: 30 }, "email"],
    ["no address", { ip: "1.2.3.4:80" }, { days: 30 }, "ip"],
    ["no days", { email: "a@b" }, {}, "days"],
    ["a fraction of days", { email: "a@b" }, { days: 1.5 }, "days"],
    ["too many days", { email: "a@b" }, { days: 1e9 }, "days"],
    ["a blank plan", { email: "a@b" }, { days: 1, plan: "" }, "plan"],
    ["payment info that is no object", { email: "a@b" }, { days: 1, paymentInfo: [] }, "paymentInfo"],
    [
      "payment info that JSON has no form for",
      { email: "a@b" },
      { days: 1, paymentInfo: { at: new Date() } },
      "payment_info.at",
    ],
  ])("is refused for %s, and nothing is written", async (_, holder, options, path) => {
    const refused = subscriptions.grantPremium(holder, options as never);
    await expect(refused).rejects.toBeInstanceOf(ValidationError);
    await expect(refused).rejects.toMatchObject({ issues: [{ path }] });
    expect(records.held.size).toBe(0);
  });
});

describe("a user's subscription", () => {
  it("is stored under its legacy names, whichever were given, and comes back in camelCase", async () => {
    const given = {
      subscriptionId: "sub_1",
      plan_name: "pro",
      status: "active",
      tierLevel: 2,
      currentPeriodEnd: new Date(NOW + 30 * DAY),
      cancelAtPeriodEnd: false,
      features: ["a"],
      monthlyPrice: undefined,
      note: { own: [1] },
    };
    const expected = {
      userId: "42",
      subscriptionId: "sub_1",
      planName: "pro",
      status: "active",
      tierLevel: 2,
      currentPeriodEnd: "2026-12-20T12:00:00.500000",
      cancelAtPeriodEnd: false,
      features: ["a"],
      note: { own: [1] },
    };
    expect(await subscriptions.putForUser("42", given)).toEqual(expected);
    expect(records.text("user:42")).toBe(
      '{"subscription_id": "sub_1", "plan_name": "pro", "status": "active", "tier_level": 2, "current_period_end": "2026-12-20T12:00:00.500000", "cancel_at_period_end": false, "features": ["a"], "note": {"own": [1]}}',
    );
    expect(await subscriptions.findForUser("42")).toEqual(expected);
    expect(await subscriptions.findBySubscriptionId("sub_1")).toEqual(expected);
    expect(await subscriptions.findForUser("43")).toBeNull();
    expect(await subscriptions.findBySubscriptionId("sub_2")).toBeNull();
  });

  it.each([
    ["a week after its period", { currentPeriodEnd: new Date(NOW + 30 * DAY) }, NOW + 37 * DAY],
    ["a week after expires_at", { expiresAt: "2026-12-20T12:00:00.500Z" }, NOW + 37 * DAY],
    [
      "a week after the later of both",
      { currentPeriodEnd: new Date(NOW + DAY), expiresAt: new Date(NOW + 30 * DAY) },
      NOW + 37 * DAY,
    ],
    ["a day from now where that has passed", { currentPeriodEnd: "2026-01-01T00:00:00" }, NOW + DAY],
    ["a year from now where the end is unknown", { status: "active" }, NOW + 365 * DAY],
    ["with the year 9999 at the latest", { expiresAt: "9999-12-31T00:00:00" }, Date.parse("9999-12-31T23:59:59.999Z")],
  ])("goes %s", async (_, fields, expected) => {
    await subscriptions.putForUser("42", fields);
    expect(records.expiresAt("user:42")).toBe(expected);
  });

  it("names every field that is wrong, and isn't written then", async () => {
    const wrong = {
      tierLevel: 4,
      thread_limit: -2,
      features: "a",
      isAnnual: 1,
      monthlyPrice: 1.5,
      expiresAt: "soon",
      current_period_end: new Date(Number.NaN),
      status: 7,
      planName: "a",
      plan_name: "b",
    };
    const refused = subscriptions.putForUser("42", wrong as never);
    await expect(refused).rejects.toBeInstanceOf(ValidationError);
    const { issues } = await refused.catch((error) => error);
    expect(issues.map(({ path }: { path: string }) => path).sort()).toEqual([
      "current_period_end",
      "expiresAt",
      "features",
      "isAnnual",
      "monthlyPrice",
      "plan_name",
      "status",
      "thread_limit",
      "tierLevel",
    ]);
    await expect(subscriptions.putForUser(" ", {})).rejects.toBeInstanceOf(ValidationError);
    await expect(subscriptions.putForUser("42", { userId: "43" })).rejects.toMatchObject({
      issues: [{ path: "userId" }],
    });
    expect(records.calls).toEqual([]);
  });
});
