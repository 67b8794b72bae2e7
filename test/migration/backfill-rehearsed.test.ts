/** A backfill that only tells what it would do: it tells the same as the real one, and both stores stay as they were. */
import { expect, test } from "vitest";
import { type BackfillOptions, backfill } from "../../src/migration/backfill/backfill.js";
import { claimsGone, contentOf, rowsOf } from "./backup/backup-fixture.js";
import { type Fixture, signUp, useFixture } from "./fixture.js";
import { ODDITIES } from "./legacy-oddities.js";

const fixture = useFixture();

async function contents({ redis, sql }: Fixture): Promise<unknown> {
  return { redis: await contentOf(redis), postgres: await rowsOf(sql) };
}

async function rehearse(options: BackfillOptions) {
  await claimsGone(fixture().redis);
  const before = await contents(fixture());
  const report = await backfill(fixture().context, options);
  expect(await contents(fixture())).toEqual(before);
  expect(report).toMatchObject({ state: "finished", addsUp: true, complete: [], resumed: false });
  return report;
}

test("on untouched stores, with every oddity", async () => {
  for (const { key, write } of ODDITIES) await write(fixture().redis, key);
  const told = await rehearse({ dryRun: true, pageSize: 3 });
  expect(told.mode).toBe("rehearsed");
  const real = await backfill(fixture().context);
  expect(told.counts).toEqual(real.counts);
  expect(told.collections).toEqual(real.collections);
  expect(told.ignored).toEqual(real.ignored);
  const reasons = told.samples.filter(({ outcome }) => outcome === "setAside").map(({ reason }) => reason);
  expect(reasons.length).toBe(5);
  expect(reasons.every((reason) => reason && reason.length > 3)).toBe(true);
  expect(JSON.stringify(told.samples)).not.toContain("@");
  const shown = await rehearse({ dryRun: true, showKeys: true });
  expect(JSON.stringify(shown.samples)).toContain("threadr:");
});

test("once more after a backfill, with what bypass writers, live writes and other spellings did meanwhile", async () => {
  const { redis, context } = fixture();
  const users = fixture().records("users");
  const write = async (id: string, value: string | null) =>
    context.redis.store.writeRecords(users, await fixture().term(), [
      { id, bytes: value === null ? null : Buffer.from(value), expiresAt: null, operationId: `w-${id}` },
    ]);
  for (let n = 0; n < 20; n++) await redis.set(`threadr:email:p${n}@example.org`, signUp({ n }));
  await redis.set("threadr:usage:user:u1:daily:2026-11-20", "5");
  await redis.set("threadr:usage:user:u2:daily:2026-11-20", "5");
  await redis.hset("threadr:usage:stats", { "signups:2026-11-01": "4" });
  await write("live@example.org", signUp());
  await backfill(context);

  await redis.set("threadr:email:p1@example.org", signUp({ changed: true }));
  await redis.del("threadr:email:p2@example.org");
  await redis.set("threadr:email:live@example.org", signUp({ changed: true }));
  await redis.set("threadr:email:new@example.org", signUp());
  await redis.set("threadr:email:P3@Example.org", signUp({ spelled: true }));
  await redis.set("threadr:email:Nobody@Example.org", signUp({ spelled: true }));
  await redis.set("threadr:email:broken@example.org", "{");
  await write("written@example.org", signUp());
  await write("p4@example.org", null);
  await redis.incr("threadr:usage:user:u1:daily:2026-11-20");
  await redis.set("threadr:usage:user:u2:daily:2026-11-20", "2");
  await redis.set("threadr:usage:user:U3@Example.org:daily:2026-11-20", "2");
  await redis.hincrby("threadr:usage:stats", "signups:2026-11-01", 1);
  const told = await rehearse({ dryRun: true });
  const real = await backfill(context);
  expect(told.counts).toEqual(real.counts);
  expect(told.collections).toEqual(real.collections);
  expect(real.counts.merged).toBeGreaterThan(0);
  expect(real.counts.copied).toBeGreaterThan(4);
  expect(real.counts.unchanged).toBeGreaterThan(10);
});

test("a check of the values alone decodes them all", async () => {
  for (const { key, write } of ODDITIES) await write(fixture().redis, key);
  const report = await rehearse({ validateOnly: true });
  const real = await backfill(fixture().context);
  expect(report.mode).toBe("validated");
  expect(report.counts).toMatchObject({ seen: real.counts.seen, ignored: real.counts.ignored, copied: 0 });
  // What Postgres alone refuses is only told by a rehearsal.
  const refused = (await fixture().rejects()).filter(({ reason }) => reason.includes("SQLSTATE")).length;
  expect(refused).toBe(1);
  expect(report.counts.setAside).toBe(real.counts.setAside - refused);
  expect(report.counts.valid).toBe(real.counts.copied + real.counts.merged + refused);
});

test("not while Postgres is the authority", async () => {
  const { context } = fixture();
  const term = await fixture().term();
  await context.redis.store.closeFence(term);
  await context.postgres.store.openFence(term + 1);
  await context.redis.store.raiseFence(term + 1);
  await expect(backfill(context, { dryRun: true })).rejects.toThrow(/Postgres is the authority/);
});
