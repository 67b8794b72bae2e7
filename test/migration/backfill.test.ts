/** The backfill of a legacy keyspace that stands still: what becomes of each kind of key, and of a second run. */
import { describe, expect, test } from "vitest";
import { type BackfillReport, backfill } from "../../src/migration/backfill/backfill.js";
import { OUTCOMES, type Outcome } from "../../src/migration/run/tally.js";
import { DAY, type Fixture, signUp, useFixture } from "./fixture.js";
import { ODDITIES } from "./legacy-oddities.js";

const fixture = useFixture();

function expectSum(report: BackfillReport): void {
  expect(report.addsUp).toBe(true);
  expect(OUTCOMES.reduce((sum, outcome) => sum + report.counts[outcome], 0)).toBe(report.counts.seen);
}

async function writeOddities({ redis }: Fixture): Promise<void> {
  for (const { key, write } of ODDITIES) await write(redis, key);
}

function expectedCounts(): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const { outcome } of ODDITIES) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

describe("a legacy keyspace with every oddity", () => {
  test("ends each key in exactly one count, whatever the pages", async () => {
    await writeOddities(fixture());
    const report = await backfill(fixture().context, { pageSize: 3 });
    expect(report.state).toBe("finished");
    expect(report.counts).toEqual({
      seen: ODDITIES.length,
      copied: 0,
      unchanged: 0,
      merged: 0,
      newer: 0,
      expired: 0,
      ignored: 0,
      valid: 0,
      setAside: 0,
      ...expectedCounts(),
    });
    expectSum(report);
    expect(report.exact).toBe(true);
  });

  test("copies each value byte for byte, with its expiry, and leaves Redis as it was", async () => {
    const { redis, context } = fixture();
    await writeOddities(fixture());
    await backfill(context);
    for (const { name, key, copy } of ODDITIES) {
      if (!copy) continue;
      const row = await fixture().row(copy.collection, copy.id);
      expect(row?.bytes, name).toBe(await redis.get(key));
      const expiresAt = await redis.pexpiretime(key);
      expect(row?.expiresAt, name).toBe(expiresAt < 0 ? null : expiresAt);
      expect(await fixture().companion(String(key)), name).toBeNull();
    }
    expect(await fixture().sum("ip:2001:db8::1:daily:2026-11-20")).toBe(7);
    expect(await fixture().sum("user:u1:monthly:2026-11")).toBe(12);
  });

  test("sets aside what isn't allowed, with its reason and its bytes", async () => {
    const { redis, context } = fixture();
    await writeOddities(fixture());
    await backfill(context);
    const rejects = await fixture().rejects();
    const expected = ODDITIES.filter(({ outcome }) => outcome === "setAside");
    expect(rejects).toHaveLength(expected.length);
    for (const { name, key, reason } of expected) {
      // What can't be stored or indexed of a key is cut or replaced.
      const begins = key.toString().replaceAll("\0", "\ufffd").slice(0, 100);
      const reject = rejects.find((one) => one.key.startsWith(begins));
      expect(reject?.reason, name).toMatch(reason as RegExp);
      const isString = (await redis.type(key as string)) === "string";
      const wasRead = !/^the key isn't UTF-8|U\+0000/.test(reject?.reason ?? "");
      expect(reject?.value ?? null, name).toEqual(isString && wasRead ? await redis.getBuffer(key) : null);
    }
  });

  test("names what it ignores by patterns that reveal nobody", async () => {
    await writeOddities(fixture());
    const { ignored } = await backfill(fixture().context);
    expect(ignored).toMatchObject({
      "threadr:ratelimit:*": 1,
      "threadr:feature:*": 1,
      "threadr:cache:*": 1,
      "threadr:usage:*": 1,
      "threadr:subscriptions:*": 1,
      "threadr:emails:*": 1,
    });
    expect(Object.values(ignored).reduce((sum, count) => sum + count, 0)).toBe(expectedCounts().ignored);
  });

  test("copies the statistics field by field", async () => {
    await writeOddities(fixture());
    await backfill(fixture().context);
    expect(await fixture().context.evidence.readTimeseries()).toEqual([
      { metric: "premium_grants", bucket: "2026-11", value: "9223372036854775807", original: "9223372036854775807" },
      { metric: "threads", bucket: "2026-11-20", value: "3", original: "3" },
      { metric: "total_threads", bucket: "", value: "12", original: "12" },
    ]);
  });

  test("changes nothing when it is run again", async () => {
    await writeOddities(fixture());
    const first = await backfill(fixture().context);
    const tables = [
      "users",
      "subscriptions",
      "threads",
      "usage_log",
      "usage_tracking",
      "user_sessions",
      "analytics_timeseries",
    ];
    const dump = async () =>
      JSON.stringify(
        await Promise.all(tables.map((table) => fixture().sql`SELECT * FROM ${fixture().sql(table)} ORDER BY 1`)),
      );
    const before = await dump();
    const second = await backfill(fixture().context);
    expect(second.counts).toEqual({ ...first.counts, copied: 0, unchanged: first.counts.copied });
    expectSum(second);
    expect(await dump()).toBe(before);
    expect(await fixture().rejects()).toHaveLength(first.counts.setAside);
    expect((await fixture().redis.keys("dual-write:{*")).length).toBe(0);
  });

  test("makes Postgres complete and the index whole", async () => {
    const { context } = fixture();
    await writeOddities(fixture());
    const { complete } = await backfill(context);
    expect([...complete].sort()).toEqual(["subscriptions", "threads", "usage", "usage_log", "user_sessions", "users"]);
    for (const { name } of context.collections)
      expect((await context.evidence.of(name)).backfilledAt).toBeInstanceOf(Date);
    const found = await context.redis.store.findByIndex(fixture().records("subscriptions"), "subscriptionId", "s1");
    expect(found).toMatchObject({ ids: ["user:u1"], complete: true });
  });
});

test("takes a value back from the rejects list once it is well", async () => {
  const { redis, context } = fixture();
  await redis.set("threadr:email:ann@example.org", "{");
  await backfill(context);
  expect(await fixture().rejects()).toHaveLength(1);
  await redis.set("threadr:email:ann@example.org", signUp());
  expect((await backfill(context)).counts).toMatchObject({ copied: 1, setAside: 0 });
  expect(await fixture().rejects()).toHaveLength(0);
});

test("leaves out what the plan leaves out, and counts it", async () => {
  const { redis, context } = fixture();
  await redis.set("threadr:email:ann@example.org", signUp());
  await redis.set("threadr:session:token", '{"user_id": "u1"}');
  const report = await backfill(context, { collections: ["users"] });
  expect(report.counts).toMatchObject({ seen: 2, copied: 1, ignored: 1 });
  expect(report.complete).toEqual(["users"]);
  expect((await context.evidence.of("user_sessions")).backfilledAt).toBeNull();
});

test("brings over what a bypass writer changed in a bare value between two runs", async () => {
  const { redis, context } = fixture();
  const expiresAt = Date.now() + DAY;
  await redis.set("threadr:email:ann@example.org", signUp(), "PXAT", expiresAt);
  await redis.set("threadr:email:bob@example.org", signUp(), "PXAT", expiresAt);
  await redis.set("threadr:usage:user:u1:daily:2026-11-20", "5", "PXAT", expiresAt);
  await redis.set("threadr:usage:user:u2:daily:2026-11-20", "5", "PXAT", expiresAt);
  await redis.set("threadr:usage:user:u3:daily:2026-11-20", "5", "PXAT", expiresAt);
  await backfill(context);
  await redis.set("threadr:email:ann@example.org", signUp({ source: "changed" }), "PXAT", expiresAt);
  await redis.pexpireat("threadr:email:bob@example.org", expiresAt + DAY);
  await redis.set("threadr:usage:user:u1:daily:2026-11-20", "2", "PXAT", expiresAt);
  await redis.incr("threadr:usage:user:u2:daily:2026-11-20");
  await redis.pexpireat("threadr:usage:user:u3:daily:2026-11-20", expiresAt + DAY);
  const report = await backfill(context);
  expect(report.counts).toMatchObject({ seen: 5, copied: 5 });
  expect(await fixture().row("users", "ann@example.org")).toMatchObject({
    bytes: signUp({ source: "changed" }),
    expiresAt,
  });
  expect(await fixture().row("users", "bob@example.org")).toMatchObject({
    bytes: signUp(),
    expiresAt: expiresAt + DAY,
  });
  expect(await fixture().sum("user:u1:daily:2026-11-20")).toBe(2);
  expect(await fixture().sum("user:u2:daily:2026-11-20")).toBe(6);
  const [row] = await fixture()
    .sql`SELECT extract(epoch FROM sync_expires_at) * 1000 AS at FROM usage_tracking WHERE id = 'user:u3:daily:2026-11-20'`;
  expect(Number(row?.at)).toBe(expiresAt + DAY);
  expect((await backfill(context)).counts).toMatchObject({ seen: 5, unchanged: 5 });
});

test("a value that comes back under a key that the library had deleted long ago is copied", async () => {
  const { redis, context } = fixture();
  const users = fixture().records("users");
  const term = await fixture().term();
  await context.redis.store.writeRecords(users, term, [
    { id: "ann@example.org", bytes: null, expiresAt: null, operationId: "delete-1" },
  ]);
  await backfill(context);
  // The companion's retention has passed, and Postgres's tombstone stands still.
  await redis.del("dual-write:{threadr:email:ann@example.org}");
  await redis.set("threadr:email:ann@example.org", signUp());
  expect((await backfill(context)).counts).toMatchObject({ seen: 1, copied: 1 });
  expect(await fixture().row("users", "ann@example.org")).toMatchObject({ bytes: signUp() });
});
