import { beforeEach, describe, expect, it } from "vitest";
import { builtinCollections } from "../../src/collections/builtin.js";
import { UsageRepository } from "../../src/collections/usage-repository.js";
import { ValidationError } from "../../src/errors.js";
import { ManualClock, MemoryCounters } from "./memory-ports.js";

let clock: ManualClock;
let counters: MemoryCounters;
let usage: UsageRepository;

beforeEach(() => {
  clock = new ManualClock(Date.parse("2026-11-30T23:59:59.999Z"));
  counters = new MemoryCounters(builtinCollections().usage.bind({ prefix: "threadr:" }));
  usage = new UsageRepository({ counters, clock });
});

describe("counting a use", () => {
  it("raises the day's and the month's counter together", async () => {
    expect(await usage.track({ userId: "42" })).toEqual({ today: 1, thisMonth: 1 });
    expect(await usage.track({ userId: "42" }, { by: 4, operationId: "op", deadline: 9 })).toEqual({
      today: 5,
      thisMonth: 5,
    });
    expect(counters.calls[1]).toEqual({
      ids: ["user:42:daily:2026-11-30", "user:42:monthly:2026-11"],
      options: { operationId: "op", deadline: 9 },
    });
    expect([...counters.held.keys()]).toEqual([
      "threadr:usage:user:42:daily:2026-11-30",
      "threadr:usage:user:42:monthly:2026-11",
    ]);
  });

  it.each([
    [{ email: " Ann@Example.org" }, "email:ann@example.org"],
    [{ ip: "2001:db8::1" }, "ip:2001:db8::1"],
    [{ userId: "a:b" }, "user:a:b"],
    [{ userId: "42", email: undefined, ip: null }, "user:42"],
  ])("of %j counts for %s", async (subject, expected) => {
    await usage.track(subject as never);
    expect(counters.calls[0]?.ids[0]).toBe(`${expected}:daily:2026-11-30`);
  });

  it("belongs to the day and month of `at` in UTC", async () => {
    await usage.track({ userId: "42" }, { at: new Date("2026-11-30T23:59:59-05:00") });
    expect(counters.calls[0]?.ids).toEqual(["user:42:daily:2026-12-01", "user:42:monthly:2026-12"]);
    expect(await usage.stats({ userId: "42" })).toEqual({ today: 0, thisMonth: 0 });
    clock.time = Date.parse("2026-12-02T00:00:00Z");
    expect(await usage.stats({ userId: "42" })).toEqual({ today: 0, thisMonth: 1 });
  });

  it("counts once for one operation id", async () => {
    await usage.track({ userId: "42" }, { operationId: "op" });
    expect(await usage.track({ userId: "42" }, { operationId: "op" })).toEqual({ today: 1, thisMonth: 1 });
  });

  it.each([
    ["nobody", {}, {}],
    ["nothing", null, {}],
    ["two at once", { userId: "42", ip: "1.2.3.4" }, {}],
    ["the placeholder address", { ip: "0.0.0.0" }, {}],
    ["what is no address", { ip: "localhost" }, {}],
    ["what is no email", { email: "ann" }, {}],
    ["a blank user id", { userId: " " }, {}],
    ["a part of a use", { userId: "42" }, { by: 0.5 }],
    ["less than one use", { userId: "42" }, { by: 0 }],
    ["a moment that is none", { userId: "42" }, { at: new Date(Number.NaN) }],
    ["a moment after the year 9999", { userId: "42" }, { at: 8e15 }],
  ])("is refused for %s, and nothing is counted", async (_, subject, options) => {
    await expect(usage.track(subject as never, options)).rejects.toBeInstanceOf(ValidationError);
    expect(counters.calls).toEqual([]);
  });
});
