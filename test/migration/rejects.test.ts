/** What was set aside: looked at, sent again, let go. And the way back from Postgres to Redis. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ConfigurationError, StrategyError } from "../../src/errors.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { reverseBackfill } from "../../src/migration/backfill/reverse.js";
import { dropRejected, listRejects, type RejectsOptions, retryRejects } from "../../src/migration/rejects/rejects.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();

async function list(options?: RejectsOptions) {
  const all = [];
  for await (const one of listRejects(fixture().context, options)) all.push(one);
  return all;
}

describe("the rejects list", () => {
  beforeEach(async () => {
    const { redis, context } = fixture();
    await redis.set("threadr:email:bad@example.org", "{");
    await redis.set("threadr:email:worse@example.org", Buffer.from([0x7b, 0xe9, 0x7d]));
    await redis.set("threadr:email:Spelled@Example.org", "{");
    await redis.set("threadr:usage:ip:10.0.0.1:daily:2026-11-20", "12.5");
    await backfill(context);
  });

  test("shows what there is, by collection and by row, keys hashed unless asked for", async () => {
    const all = await list({ showKeys: true });
    expect(all.map(({ key }) => key).sort()).toEqual([
      "threadr:email:Spelled@Example.org",
      "threadr:email:bad@example.org",
      "threadr:email:worse@example.org",
      "threadr:usage:ip:10.0.0.1:daily:2026-11-20",
    ]);
    expect(all.find(({ key }) => key.includes("worse"))?.value).toEqual(Buffer.from([0x7b, 0xe9, 0x7d]));
    expect(JSON.stringify(await list())).not.toContain("example.org");
    expect(await list({ collection: "usage" })).toHaveLength(1);
    expect(await list({ rows: [all[1]?.row as number] })).toMatchObject([{ row: all[1]?.row, source: "backfill" }]);
    await expect(list({ collection: "user" })).rejects.toThrow(/there is no "user"/);
  });

  test("retries what was put right, and keeps what wasn't", async () => {
    const { redis, context } = fixture();
    await redis.set("threadr:email:bad@example.org", signUp({ right: true }));
    // Its absence is told, too.
    await redis.del("threadr:usage:ip:10.0.0.1:daily:2026-11-20");
    expect(await retryRejects(context)).toEqual({ sent: 2, gone: 0, refused: 1, waiting: 0, notRetried: 1 });
    expect((await fixture().row("users", "bad@example.org"))?.bytes).toBe(signUp({ right: true }));
    const left = await list({ showKeys: true });
    expect(left.map(({ key, attempts }) => [key, attempts]).sort()).toEqual([
      ["threadr:email:Spelled@Example.org", 1],
      ["threadr:email:worse@example.org", 2],
    ]);
    expect(await redis.getBuffer("threadr:email:worse@example.org")).toEqual(Buffer.from([0x7b, 0xe9, 0x7d]));
  });

  test("doesn't take for gone what stands under a key that no text can hold, or a very long one", async () => {
    const { redis, context, sql } = fixture();
    const odd = [
      Buffer.from("threadr:session:nul\0"),
      Buffer.from([...Buffer.from("threadr:session:"), 0xff]),
      Buffer.from([...Buffer.from("threadr:session:"), 0xfe]),
      Buffer.from(`threadr:session:${"long".repeat(1000)}`),
    ];
    for (const key of odd) await redis.set(key, "{");
    await backfill(context, { restart: true });
    const before = (await list({ collection: "user_sessions" })).length;
    expect(before).toBe(4);
    expect(await retryRejects(context, { collection: "user_sessions" })).toMatchObject({
      sent: 0,
      gone: 0,
      notRetried: 4,
    });
    expect(await list({ collection: "user_sessions" })).toHaveLength(before);
    expect(await sql`SELECT FROM user_sessions`).toHaveLength(0);
  });

  test("drops for a reason, which is kept, and never without one", async () => {
    const { context, sql } = fixture();
    const [first, second] = await list();
    const rows = [first?.row as number, 999_999];
    await expect(dropRejected(context, { rows, reason: " " })).rejects.toThrow(ConfigurationError);
    await expect(dropRejected(context, { rows: [], reason: "x" })).rejects.toThrow(/name at least one/);
    expect(await dropRejected(context, { rows, reason: "a test account" })).toBe(1);
    const left = (await list()).map(({ row }) => row);
    expect(left).not.toContain(first?.row);
    expect(left).toContain(second?.row);
    const [decision] = await sql<
      { reason: string }[]
    >`SELECT reason FROM dual_write_decisions WHERE what = 'drop-rejects'`;
    expect(decision?.reason).toMatch(/^a test account \(users [0-9a-f]{16}\)$|^a test account \(usage [0-9a-f]{16}\)$/);
  });
});

describe("the reverse backfill", () => {
  async function handOver(): Promise<number> {
    const { context } = fixture();
    const term = await fixture().term();
    await context.redis.store.closeFence(term);
    await context.postgres.store.openFence(term + 1);
    await context.redis.store.raiseFence(term + 1);
    context.term.contradicted();
    return term + 1;
  }

  test("brings to Redis what it lacks, and never over anything newer", async () => {
    const { context, redis } = fixture();
    for (const name of ["ann", "bob"]) await redis.set(`threadr:email:${name}@example.org`, signUp({ name }));
    await backfill(context);
    const term = await handOver();
    const bytes = Buffer.from(signUp({ name: "carl" }));
    await context.postgres.store.writeRecords(fixture().records("users"), term, [
      { id: "carl@example.org", bytes, expiresAt: null, operationId: "w1" },
    ]);
    await redis.del("threadr:email:ann@example.org");
    const report = await reverseBackfill(context);
    expect(report).toMatchObject({ copied: 3, term });
    expect(await redis.get("threadr:email:carl@example.org")).toBe(bytes.toString());
    expect(await redis.get("threadr:email:ann@example.org")).toBe(signUp({ name: "ann" }));
    expect(await context.redis.store.readFence(context.collections)).toMatchObject({
      role: "mirror",
      term,
      complete: true,
    });
  });

  test("brings no more rows a second than asked for, and gives way if it is polite", async () => {
    const { context, redis } = fixture();
    const keys = Array.from({ length: 60 }, (_, n) => `threadr:email:person${n}@example.org`);
    for (const key of keys) await redis.set(key, signUp({ name: key }));
    await backfill(context);
    await handOver();
    const slow = await reverseBackfill(context, { rate: 100 });
    expect(slow.copied).toBe(60);
    expect(slow.elapsedMs).toBeGreaterThanOrEqual(600);
    const beside = vi.spyOn(context.redis.store, "beside");
    expect(await reverseBackfill(context, { polite: true })).toMatchObject({ copied: 60 });
    expect(beside).toHaveBeenCalledOnce();
    await expect(reverseBackfill(context, { rate: 0 })).rejects.toThrow(/rate: a number from 1/);
  });

  test("is refused while Redis is the authority, and after it was given up", async () => {
    const { context } = fixture();
    await fixture().term();
    await expect(reverseBackfill(context)).rejects.toThrow(StrategyError);
    await expect(reverseBackfill(context)).rejects.toThrow(/Redis is the authority/);
    await handOver();
    await context.postgres.store.setRedisGivenUp(true);
    await expect(reverseBackfill(context)).rejects.toThrow(/Redis was given up/);
  });
});
