import { beforeEach, describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import type { HolderValue } from "../../src/collections/subscriptions.js";
import { SubscriptionsRepository } from "../../src/collections/subscriptions-repository.js";
import { AuthorityUnavailableError, ValidationError } from "../../src/errors.js";
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

describe("an update by subscription id", () => {
  beforeEach(() => {
    records.seed(
      "threadr:subscription:user:42",
      '{"subscription_id": "sub_1", "status": "active", "expires_at": "2026-12-20T12:00:00.123456", "n": 12345678901234567890, "odd": "\\ud800", "tier_level": "2"}',
      NOW + 5 * DAY,
    );
  });

  it("changes the fields given and leaves all others as they are, byte by byte", async () => {
    const updated = await subscriptions.updateBySubscriptionId("sub_1", { status: "past_due", planName: "pro" });
    expect(records.text("user:42")).toBe(
      '{"subscription_id": "sub_1", "status": "past_due", "expires_at": "2026-12-20T12:00:00.123456", "n": 12345678901234567890, "odd": "\\ud800", "tier_level": "2", "plan_name": "pro"}',
    );
    expect(updated).toMatchObject({
      userId: "42",
      status: "past_due",
      planName: "pro",
      n: 12345678901234567890n,
      tierLevel: "2",
    });
    expect(records.expiresAt("user:42")).toBe(Date.parse("2026-12-27T12:00:00.123Z"));
  });

  it("keeps the record for as long as its new end asks", async () => {
    await subscriptions.updateBySubscriptionId("sub_1", { expiresAt: new Date(NOW + 100 * DAY) });
    expect(records.expiresAt("user:42")).toBe(NOW + 107 * DAY);
    await subscriptions.updateBySubscriptionId("sub_1", { expiresAt: null });
    expect(records.expiresAt("user:42")).toBe(NOW + 365 * DAY);
  });

  it("begins again when somebody else moves the end meanwhile", async () => {
    records.meanwhile = () =>
      records.seed(
        "threadr:subscription:user:42",
        '{"subscription_id": "sub_1", "current_period_end": "2027-06-01T00:00:00"}',
      );
    await subscriptions.updateBySubscriptionId("sub_1", { status: "active" });
    expect(records.text("user:42")).toContain('"current_period_end": "2027-06-01T00:00:00", "status": "active"');
    expect(records.expiresAt("user:42")).toBe(Date.parse("2027-06-08T00:00:00Z"));
  });

  it("finds none when the subscription became another meanwhile", async () => {
    records.meanwhile = () => records.seed("threadr:subscription:user:42", '{"subscription_id": "sub_2"}');
    expect(await subscriptions.updateBySubscriptionId("sub_1", { status: "active" })).toBeNull();
    expect(records.text("user:42")).toBe('{"subscription_id": "sub_2"}');
  });

  it("deactivates, reactivates and marks past due", async () => {
    expect(await subscriptions.deactivate("sub_1")).toMatchObject({ status: "inactive" });
    expect(await subscriptions.checkAccess({ userId: "42" })).toMatchObject({ hasAccess: false, status: "inactive" });
    expect(await subscriptions.reactivate("sub_1")).toMatchObject({ status: "active" });
    expect(await subscriptions.checkAccess({ userId: "42" })).toMatchObject({ hasAccess: true });
    expect(await subscriptions.markPastDue("sub_1")).toMatchObject({ status: "past_due" });
    expect(await subscriptions.checkAccess({ userId: "42" })).toMatchObject({ hasAccess: false, status: "past_due" });
  });

  it("says null where there is none, and fails where that can't be known", async () => {
    expect(await subscriptions.deactivate("sub_9")).toBeNull();
    records.failing.add("*");
    await expect(subscriptions.deactivate("sub_9")).rejects.toBeInstanceOf(AuthorityUnavailableError);
  });

  it("refuses what is wrong before anything is asked", async () => {
    await expect(subscriptions.updateBySubscriptionId("sub_1", { tierLevel: 9 })).rejects.toBeInstanceOf(
      ValidationError,
    );
    await expect(subscriptions.updateBySubscriptionId("", {})).rejects.toBeInstanceOf(ValidationError);
    await expect(subscriptions.updateBySubscriptionId("sub_1", "active" as never)).rejects.toBeInstanceOf(
      ValidationError,
    );
    expect(records.calls).toEqual([]);
  });

  it("is one operation with the caller's options", async () => {
    await subscriptions.updateBySubscriptionId("sub_1", {}, { deadline: 1000, operationId: "op" });
    expect(records.calls).toMatchObject([{ method: "updateBy", options: { deadline: 1000, operationId: "op" } }]);
  });
});
