/** Two spellings of an email become one record, or one counter, once. */
import { describe, expect, test } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { verify } from "../../src/migration/verify/verify.js";
import { DAY, signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const ID = "ann@example.org";

async function user(): Promise<Record<string, unknown>> {
  const row = await fixture().row("users", ID);
  expect(await fixture().redis.get(`threadr:email:${ID}`)).toBe(row?.bytes);
  return JSON.parse(row?.bytes ?? "null") as Record<string, unknown>;
}

describe("sign-ups", () => {
  const early = { subscribed_at: "2026-01-01T00:00:00", source: "early", user_id: "u1" };
  const middle = { subscribed_at: "2026-02-01T00:00:00", source: "middle", referrer: "r" };
  const late = { subscribed_at: "2026-03-01T00:00:00", source: "late", utm_source: "x" };
  const merged = {
    subscribed_at: "2026-01-01T00:00:00",
    source: "late",
    user_id: "u1",
    utm_source: "x",
    referrer: "r",
  };

  test.each([
    ["the record is the earliest", early, [middle, late]],
    ["the record is the latest", late, [early, middle]],
    ["the record is between", middle, [late, early]],
    ["there is no record", null, [middle, early, late]],
    ["there is no record, in another order", null, [late, middle, early]],
  ])("become one with the earliest date and the latest fields: %s", async (_, record, variants) => {
    const { redis, context } = fixture();
    if (record) await redis.set(`threadr:email:${ID}`, JSON.stringify(record));
    const spellings = ["Ann@Example.org", "ANN@EXAMPLE.ORG", "aNN@example.org"];
    for (const [i, variant] of variants.entries())
      await redis.set(`threadr:email:${spellings[i]}`, JSON.stringify(variant));
    const report = await backfill(context);
    expect(report.counts).toMatchObject({ seen: variants.length + (record ? 1 : 0), merged: variants.length });
    expect(report.addsUp).toBe(true);
    expect(await user()).toEqual(merged);
    expect(await redis.sismember("threadr:emails:list", ID)).toBe(1);
  });

  test("aren't merged twice: a live update made since survives", async () => {
    const { redis, context } = fixture();
    await redis.set(`threadr:email:${ID}`, signUp({ source: "own" }));
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify(late));
    await backfill(context);
    const { held } = await context.redis.store.inspectRecords(fixture().records("users"), [ID]);
    const [before] = held;
    if (before?.kind !== "value") throw new Error("no record");
    const bytes = Buffer.from(signUp({ source: "live", subscribed_at: "2026-01-02T03:04:05" }));
    await context.redis.store.writeRecords(fixture().records("users"), await fixture().term(), [
      { id: ID, bytes, expiresAt: null, operationId: "live" },
    ]);
    expect((await backfill(context)).counts).toMatchObject({ merged: 0, setAside: 0 });
    expect(await user()).toMatchObject({ source: "live" });
  });

  test("are merged once when the marker was lost", async () => {
    const { redis, context } = fixture();
    await redis.set(`threadr:email:${ID}`, signUp({ source: "own" }));
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify(late));
    await backfill(context);
    const before = await user();
    for (const marker of await redis.keys("dual-write:merged:*")) await redis.del(marker);
    expect((await backfill(context)).counts).toMatchObject({ merged: 1 });
    expect(await user()).toEqual(before);
  });

  test("are merged again when a bypass writer signs up under the other spelling anew", async () => {
    const { redis, context } = fixture();
    await redis.set(`threadr:email:${ID}`, JSON.stringify(early));
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify(middle));
    await backfill(context);
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify({ ...late, subscribed_at: "2199-03-01T00:00:00" }));
    expect((await backfill(context)).counts).toMatchObject({ merged: 1 });
    expect(await user()).toMatchObject({ subscribed_at: "2026-01-01T00:00:00", source: "late" });
  });

  test("don't bring back a user who was deleted, unless the sign-up is younger", async () => {
    const { redis, context } = fixture();
    await context.redis.store.writeRecords(fixture().records("users"), await fixture().term(), [
      { id: ID, bytes: null, expiresAt: null, operationId: "delete" },
    ]);
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify(late));
    expect((await backfill(context)).counts).toMatchObject({ newer: 1, merged: 0 });
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: null });
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify({ ...late, subscribed_at: "2199-01-01T00:00:00" }));
    expect((await backfill(context)).counts).toMatchObject({ merged: 1 });
    expect(await user()).toMatchObject({ source: "late" });
  });

  test("that can't be read are set aside, and so is one whose record can't be", async () => {
    const { redis, context } = fixture();
    await redis.set("threadr:email:Ann@Example.org", "{");
    await redis.set("threadr:email:bob@example.org", "{");
    await redis.set("threadr:email:BOB@example.org", JSON.stringify(late));
    expect((await backfill(context)).counts).toMatchObject({ seen: 3, setAside: 3 });
    expect(await redis.get("threadr:email:bob@example.org")).toBe("{");
  });

  test("keep the later of two expiries", async () => {
    const { redis, context } = fixture();
    const until = Date.now() + 10 * DAY;
    await redis.set(`threadr:email:${ID}`, JSON.stringify(late), "PXAT", until - DAY);
    await redis.set("threadr:email:Ann@Example.org", JSON.stringify(early), "PXAT", until);
    await backfill(context);
    expect(await fixture().row("users", ID)).toMatchObject({ expiresAt: until });
    expect(await redis.pexpiretime(`threadr:email:${ID}`)).toBe(until);
  });
});

describe("grants", () => {
  const grant = (until: string) =>
    JSON.stringify({ granted_at: "2026-01-01T00:00:00", expires_at: until, plan: until });
  const of = async () =>
    JSON.parse((await fixture().row("subscriptions", `email:${ID}`))?.bytes ?? "null") as { plan: string };

  test("keep the record's where it lives longer", async () => {
    const { redis, context } = fixture();
    await redis.set(`threadr:premium:email:${ID}`, grant("2027-01-01"));
    await redis.set("threadr:premium:email:Ann@Example.org", grant("2026-12-01"));
    expect((await backfill(context)).counts).toMatchObject({ copied: 1, merged: 1 });
    expect(await of()).toMatchObject({ plan: "2027-01-01" });
    expect(await fixture().companion(`threadr:premium:email:${ID}`)).toBeNull();
  });

  test("take the other spelling's where that lives longer", async () => {
    const { redis, context } = fixture();
    await redis.set(`threadr:premium:email:${ID}`, grant("2026-12-01"));
    await redis.set("threadr:premium:email:Ann@Example.org", grant("2027-01-01"), "PXAT", Date.now() + DAY);
    expect((await backfill(context)).counts).toMatchObject({ merged: 1 });
    expect(await of()).toMatchObject({ plan: "2027-01-01" });
    expect((await backfill(context)).counts).toMatchObject({ unchanged: 2 });
  });
});

describe("counters", () => {
  const day = (email: string) => `threadr:usage:email:${email}:daily:2026-11-20`;
  const counter = `email:${ID}:daily:2026-11-20`;

  test("add up, each use once, however often it is repeated", async () => {
    const { redis, context } = fixture();
    await redis.set(day(ID), "3", "PXAT", Date.now() + DAY);
    await redis.set(day("Ann@Example.org"), "4", "PXAT", Date.now() + DAY);
    await redis.set(day("ANN@example.org"), "5");
    expect((await backfill(context)).counts).toMatchObject({ seen: 3, copied: 1, merged: 2 });
    expect(await redis.get(day(ID))).toBe("12");
    expect(await fixture().sum(counter)).toBe(12);
    expect((await backfill(context)).counts).toMatchObject({ seen: 3, unchanged: 3 });
    await redis.incrby(day("Ann@Example.org"), 2);
    await redis.set(day("ANN@example.org"), "1");
    expect((await backfill(context)).counts).toMatchObject({ merged: 2 });
    expect(await redis.get(day(ID))).toBe("15");
    expect(await fixture().sum(counter)).toBe(15);
  });

  test("are added once by runs that were killed between the steps, and by runs at the same time", async () => {
    const { redis, context } = fixture();
    await redis.set(day("Ann@Example.org"), "4");
    const marker = `dual-write:merged:usage:${day("Ann@Example.org")}`;
    // Written down, not yet added.
    await redis.hset(marker, "step:0", "0:4");
    await redis.incr(day("Ann@Example.org"));
    await Promise.all([backfill(context), backfill(context)]);
    expect(await redis.get(day(ID))).toBe("5");
    // Added, not yet ticked off.
    await redis.hdel(marker, "done:1");
    await backfill(context);
    expect(await redis.get(day(ID))).toBe("5");
    expect(await fixture().sum(counter)).toBe(5);
  });

  test("that aren't whole numbers are set aside", async () => {
    const { redis, context } = fixture();
    await redis.set(day("Ann@Example.org"), "many");
    expect((await backfill(context)).counts).toMatchObject({ seen: 1, setAside: 1 });
    expect((await verify(context)).collections.usage).toMatchObject({ setAside: 1, clean: true });
  });
});

test("a verify finds what was never merged, and repairs it", async () => {
  const { redis, context } = fixture();
  await backfill(context);
  await redis.set("threadr:email:Ann@Example.org", signUp());
  await redis.set("threadr:usage:email:Ann@Example.org:daily:2026-11-20", "2");
  const first = await verify(context, { repair: true });
  expect(first.differences).toEqual({ unmerged: 2 });
  expect(first).toMatchObject({ clean: false, repaired: 2 });
  expect(await verify(context)).toMatchObject({ clean: true, differences: {} });
  expect(await user()).toMatchObject({ source: "landing" });
});
