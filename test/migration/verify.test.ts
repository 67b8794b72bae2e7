/** The verify on real servers: what is a difference and what isn't, and how each kind is healed. */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { AuthorityUnavailableError } from "../../src/errors.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import type { FindingKind } from "../../src/migration/verify/findings.js";
import { verify } from "../../src/migration/verify/verify.js";
import type { RecordState } from "../../src/stores/state.js";
import { DAY, type Fixture, signUp, useFixture } from "./fixture.js";
import { ODDITIES } from "./legacy-oddities.js";

const fixture = useFixture();
const ID = "ann@example.org";
const KEY = `threadr:email:${ID}`;
const COUNTER = "user:u1:daily:2026-11-20";

/** Something in both stores that is equal. */
async function copySome({ redis, context }: Fixture): Promise<void> {
  const until = Date.now() + DAY;
  await redis.set(KEY, signUp(), "PXAT", until);
  await redis.set("threadr:email:bob@example.org", signUp());
  await redis.set(`threadr:usage:${COUNTER}`, "5", "PXAT", until);
  await backfill(context);
}

/** Postgres decides from now on. */
async function handOver({ context }: Fixture): Promise<void> {
  const term = await fixture().term();
  await context.redis.store.closeFence(term);
  await context.postgres.store.openFence(term + 1);
  await context.redis.store.raiseFence(term + 1);
}

test("finds nothing in a keyspace of oddities that was backfilled, and tells the gate", async () => {
  const { redis, context } = fixture();
  for (const { key, write } of ODDITIES) await write(redis, key);
  await backfill(context);
  const report = await verify(context, { pageSize: 5 });
  expect(report).toMatchObject({ clean: true, differences: {}, examples: [], authority: "redis" });
  const setAside = Object.values(report.collections).reduce((sum, one) => sum + one.setAside, 0);
  expect(setAside).toBe(ODDITIES.filter(({ outcome }) => outcome === "setAside").length);
  for (const { name } of context.collections) {
    expect(await context.evidence.of(name)).toMatchObject({ verifiedAt: expect.any(Date), verifiedClean: true });
  }
});

test.each([1, -1])("counts from Postgres's moment where the clock of its machine is %i hours off", async (hours) => {
  const { context } = fixture();
  await copySome(fixture());
  const { evidence } = context;
  const diverge = (keyHash: string) =>
    evidence.recordDivergence({ kind: "value", collection: "users", keyHash, redisStamp: null, postgresStamp: null });
  await evidence.recordVerify({
    collection: "users",
    startedAt: new Date(await context.postgres.store.now()),
    compared: 1,
    differences: { value: 1 },
    clean: false,
  });
  await diverge("before");
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
  onTestFinished(() => void vi.useRealTimers());
  await verify(context);
  expect(await evidence.of("users")).toMatchObject({ verifiedClean: true, divergencesSinceVerify: 0 });
  await diverge("since");
  expect(await evidence.of("users")).toMatchObject({ divergencesSinceVerify: 1 });
});

type Plant = (fixture: Fixture) => Promise<unknown>;

const PLANTED: readonly [FindingKind, string, string, Plant][] = [
  [
    "missing",
    "a value that a bypass writer added",
    "users",
    ({ redis }) => redis.set("threadr:email:new@example.org", signUp()),
  ],
  ["missing", "a row that somebody deleted", "users", ({ sql }) => sql`DELETE FROM users WHERE email = ${ID}`],
  ["extra", "a key that a bypass writer deleted", "users", ({ redis }) => redis.del(KEY)],
  [
    "value",
    "a value that a bypass writer changed",
    "users",
    ({ redis }) => redis.set(KEY, signUp({ source: "changed" }), "KEEPTTL"),
  ],
  [
    "value",
    "a row that somebody changed",
    "users",
    ({ sql }) => sql`UPDATE users SET sync_original = '{}'::text::bytea WHERE email = ${ID}`,
  ],
  [
    "expiry",
    "an expiry that a bypass writer moved",
    "users",
    ({ redis }) => redis.pexpireat(KEY, Date.now() + 2 * DAY),
  ],
  ["expiry", "an expiry that a bypass writer took away", "users", ({ redis }) => redis.persist(KEY)],
  [
    "value",
    "a counter that a bypass writer counted on",
    "usage",
    ({ redis }) => redis.incr(`threadr:usage:${COUNTER}`),
  ],
  [
    "value",
    "a counter that a bypass writer set back",
    "usage",
    ({ redis }) => redis.set(`threadr:usage:${COUNTER}`, "1", "KEEPTTL"),
  ],
  [
    "missing",
    "a counter that a bypass writer began",
    "usage",
    ({ redis }) => redis.set("threadr:usage:user:u9:daily:2026-11-20", "1"),
  ],
  ["extra", "a counter that a bypass writer deleted", "usage", ({ redis }) => redis.del(`threadr:usage:${COUNTER}`)],
  [
    "type",
    "a key of another Redis type",
    "users",
    async ({ redis }) => {
      await redis.del(KEY);
      await redis.sadd(KEY, "x");
    },
  ],
  [
    "undecodable",
    "a value that isn't what its collection allows",
    "users",
    ({ redis }) => redis.set("threadr:email:cut@example.org", "{"),
  ],
  [
    "undecodable",
    "a counter that isn't a number",
    "usage",
    ({ redis }) => redis.set("threadr:usage:user:u9:daily:2026-11-20", "x"),
  ],
  [
    "undecodable",
    "a key that can't be stored",
    "user_sessions",
    ({ redis }) => redis.set("threadr:session:a\u0000b", "{}"),
  ],
  ["unmerged", "another spelling", "users", ({ redis }) => redis.set("threadr:email:Bob@example.org", signUp())],
];

describe("while Redis is the authority", () => {
  test.each(PLANTED)("finds and heals %s: %s", async (kind, _, collection, plant) => {
    const { context } = fixture();
    await copySome(fixture());
    await plant(fixture());
    const found = await verify(context);
    expect(found.differences).toEqual({ [kind]: 1 });
    expect(found).toMatchObject({ clean: false, repaired: 0, examples: [{ kind, collection }] });
    expect(found.collections[collection]).toMatchObject({ clean: false });
    expect((await context.evidence.of(collection)).verifiedClean).toBe(false);
    expect(await verify(context, { repair: true })).toMatchObject({ clean: false, repaired: 1 });
    expect(await verify(context)).toMatchObject({ clean: true, differences: {} });
    expect((await context.evidence.of(collection)).verifiedClean).toBe(true);
  });

  test("heals towards Redis: what it holds stands in Postgres afterwards", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    await redis.set(KEY, signUp({ source: "changed" }));
    await redis.del("threadr:email:bob@example.org");
    await redis.set(`threadr:usage:${COUNTER}`, "1");
    await verify(context, { repair: true });
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: signUp({ source: "changed" }), expiresAt: null });
    expect(await fixture().row("users", "bob@example.org")).toMatchObject({ bytes: null });
    expect(await fixture().sum(COUNTER)).toBe(1);
    expect(await redis.get(KEY)).toBe(signUp({ source: "changed" }));
  });

  test("heals a row that claims the stamp of another state", async () => {
    const { context, sql } = fixture();
    await copySome(fixture());
    const users = fixture().records("users");
    const term = await fixture().term();
    const one = { id: ID, bytes: Buffer.from(signUp({ role: "x" })), expiresAt: null, operationId: "w" };
    await context.redis.store.writeRecords(users, term, [one]);
    expect(await verify(context)).toMatchObject({ clean: true });
    await sql`UPDATE users SET sync_original = '{}'::text::bytea WHERE email = ${ID}`;
    expect(await verify(context, { repair: true })).toMatchObject({ differences: { value: 1 }, repaired: 1 });
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: signUp({ role: "x" }) });
  });
});

describe("while Postgres is the authority", () => {
  const PLANTED_BEHIND: readonly [FindingKind, string, Plant][] = [
    ["missing", "a key that a bypass writer deleted", ({ redis }) => redis.del(KEY)],
    ["extra", "a key that a bypass writer added", ({ redis }) => redis.set("threadr:email:new@example.org", signUp())],
    [
      "value",
      "a value that a bypass writer changed",
      ({ redis }) => redis.set(KEY, signUp({ source: "changed" }), "KEEPTTL"),
    ],
    ["expiry", "an expiry that a bypass writer moved", ({ redis }) => redis.persist(KEY)],
  ];

  test.each(PLANTED_BEHIND)("finds %s (%s) and heals it towards Postgres", async (kind, _, plant) => {
    const { redis, context } = fixture();
    await copySome(fixture());
    const expiresAt = await redis.pexpiretime(KEY);
    await handOver(fixture());
    expect(await verify(context)).toMatchObject({ clean: true, authority: "postgres" });
    await plant(fixture());
    expect((await verify(context)).differences).toEqual({ [kind]: 1 });
    expect(await verify(context, { repair: true })).toMatchObject({ repaired: 1 });
    expect(await verify(context)).toMatchObject({ clean: true });
    expect(await redis.get(KEY)).toBe(signUp());
    expect(await redis.pexpiretime(KEY)).toBe(expiresAt);
    expect(await redis.exists("threadr:email:new@example.org")).toBe(0);
  });

  test("keeps the bytes of what a repair replaces in Redis, and reports the same again if it comes back", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    await handOver(fixture());
    const put = () => redis.set("threadr:email:new@example.org", signUp());
    await put();
    await verify(context, { repair: true });
    expect(await fixture().rejects()).toMatchObject([
      { collection: "users", key: "threadr:email:new@example.org", value: Buffer.from(signUp()) },
    ]);
    await put();
    expect(await verify(context)).toMatchObject({ clean: false, differences: { extra: 1 } });
  });

  test("reports a key of another type in the place of a record, and that Redis refuses it", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    await handOver(fixture());
    await redis.del(KEY);
    await redis.sadd(KEY, "x");
    expect(await verify(context, { repair: true })).toMatchObject({ differences: { type: 1 }, repaired: 0 });
    // By now Redis has refused what the repair told it again, so that it is set aside with its reason, which the gate counts.
    expect(await verify(context)).toMatchObject({
      differences: {},
      collections: { users: { setAside: 1, setAsideReasons: { "the key holds another Redis type": 1 } } },
    });
    expect(await redis.type(KEY)).toBe("set");
  });

  test("overwrites what bypass writers count in a counter of the library's", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    const one = { id: COUNTER, by: 1, operationId: "live", ttlMs: null, renew: false };
    await context.redis.store.addToCounters(fixture().counters("usage"), await fixture().term(), [one]);
    expect(await verify(context)).toMatchObject({ clean: true });
    await handOver(fixture());
    await redis.incrby(`threadr:usage:${COUNTER}`, 3);
    expect((await verify(context)).differences).toEqual({ value: 1 });
    expect(await verify(context, { repair: true })).toMatchObject({ repaired: 1 });
    expect(await fixture().sum(COUNTER)).toBe(6);
    expect(await redis.get(`threadr:usage:${COUNTER}`)).toBe("6");
    expect(await verify(context)).toMatchObject({ clean: true });
  });

  test("takes back what Postgres told Redis and lost since, but not what bypass writers counted beside it", async () => {
    const { redis, context, sql } = fixture();
    await copySome(fixture());
    await handOver(fixture());
    const counted = { by: 4, operationId: "live", ttlMs: null, renew: false, compared: true };
    const other = COUNTER.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
    context.term.contradicted();
    const [usage, term] = [fixture().counters("usage"), await fixture().term()];
    for (const id of [COUNTER, other]) {
      const reply = await context.postgres.store.addToCounters(usage, term, [{ ...counted, id }]);
      if (reply.fenced || reply.results[0]?.kind !== "added") throw new Error("not counted");
      await context.redis.store.applyCounters(usage, term, [{ id, state: reply.results[0].state }]);
    }
    expect(await verify(context, { repair: true })).toMatchObject({ clean: true });
    // An older backup, and a program that counts in the other one of the two.
    await sql`update usage_tracking set sync_postgres_part = sync_postgres_part - 3, count = count - 3,
      sync_stamp = sync_stamp - 2`;
    await redis.incrby(`threadr:usage:${other}`, 7);
    expect((await verify(context)).differences).toEqual({ value: 2 });
    await verify(context, { repair: true });
    expect(await fixture().sum(COUNTER)).toBe(9);
    expect(await fixture().sum(other)).toBeLessThan(5);
    expect(await redis.get(`threadr:usage:${COUNTER}`)).toBe("9");
  });

  test("takes over what bypass writers count in a counter that was only ever copied", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    await handOver(fixture());
    await redis.incr(`threadr:usage:${COUNTER}`);
    expect((await verify(context)).differences).toEqual({ value: 1 });
    expect(await verify(context, { repair: true })).toMatchObject({ repaired: 1 });
    expect(await fixture().sum(COUNTER)).toBe(6);
    expect(await redis.get(`threadr:usage:${COUNTER}`)).toBe("6");
    expect(await verify(context)).toMatchObject({ clean: true });
  });

  test("takes over what bypass writers count in a counter that Postgres never heard of", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    await handOver(fixture());
    const unheard = COUNTER.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
    await redis.incrby(`threadr:usage:${unheard}`, 3);
    expect((await verify(context)).differences).toEqual({ extra: 1 });
    expect(await verify(context, { repair: true })).toMatchObject({ repaired: 1 });
    expect(await fixture().sum(unheard)).toBe(3);
    expect(await verify(context)).toMatchObject({ clean: true });
  });
});

describe("doesn't report", () => {
  async function write(): Promise<RecordState> {
    const { context } = fixture();
    const one = { id: ID, bytes: Buffer.from(signUp({ role: "live" })), expiresAt: null, operationId: "live" };
    const reply = await context.redis.store.writeRecords(fixture().records("users"), await fixture().term(), [one]);
    if (reply.fenced || reply.results[0]?.kind !== "written") throw new Error("not written");
    return reply.results[0].state;
  }

  test("a write that the repair log explains", async () => {
    const { context } = fixture();
    await copySome(fixture());
    let wrote = false;
    const report = await verify(context, {
      // After the drain, so that it is still on its way at both looks.
      onProgress: ({ phase }) => {
        if (phase !== "drain" && !wrote) void write();
        if (phase !== "drain") wrote = true;
      },
    });
    expect(report).toMatchObject({ clean: true, differences: {} });
  });

  test("what was written before it began and isn't told yet: it drains first", async () => {
    await copySome(fixture());
    await write();
    expect(await verify(fixture().context)).toMatchObject({ clean: true });
    expect(await fixture().row("users", ID)).toMatchObject({ bytes: signUp({ role: "live" }) });
  });

  test("what moves between the two looks", async () => {
    const { redis, context } = fixture();
    await copySome(fixture());
    let moving = true;
    let n = 0;
    const keepMoving = (async () => {
      while (moving) {
        await redis.set(KEY, signUp({ n: n++ }));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const report = await verify(context);
    moving = false;
    await keepMoving;
    expect(report).toMatchObject({ differences: {} });
    expect(report.collections.users).toMatchObject({ passing: 1 });
  });

  test("what has expired in one store's eyes", async () => {
    const { redis, context, sql } = fixture();
    await copySome(fixture());
    await redis.del(KEY);
    await sql`UPDATE users SET sync_expires_at = now() - interval '1 second' WHERE email = ${ID}`;
    expect(await verify(context)).toMatchObject({ clean: true });
  });
});

test("shows hashes of keys unless asked for the keys", async () => {
  const { redis, context } = fixture();
  await copySome(fixture());
  await redis.set("threadr:email:new@example.org", signUp());
  expect((await verify(context)).examples[0]?.key).toMatch(/^[0-9a-f]{16}$/);
  expect((await verify(context, { showKeys: true })).examples[0]?.key).toBe("threadr:email:new@example.org");
});

test("finds everything missing before the first backfill, and gives examples of it", async () => {
  const { redis, context } = fixture();
  const pipeline = redis.pipeline();
  for (let n = 0; n < 1200; n++) pipeline.set(`threadr:email:person${n}@example.org`, signUp());
  await pipeline.exec();
  const report = await verify(context, { examples: 7 });
  expect(report).toMatchObject({ compared: 1200, differences: { missing: 1200 } });
  expect(report.examples).toHaveLength(7);
  expect(await verify(context, { repair: true })).toMatchObject({ repaired: 1200 });
  expect(await verify(context)).toMatchObject({ clean: true });
});

test("ends with its signal and records nothing", async () => {
  const { context } = fixture();
  await copySome(fixture());
  const stop = new AbortController();
  await expect(verify(context, { signal: stop.signal, onProgress: () => stop.abort() })).rejects.toThrow(/abort/i);
  expect((await context.evidence.of("users")).verifiedAt).toBeNull();
});

test("records nothing when the authority moves meanwhile", async () => {
  const { context } = fixture();
  await copySome(fixture());
  const moves: Promise<void>[] = [];
  const report = verify(context, {
    onProgress: ({ phase }) => phase === "redis" && moves.length === 0 && moves.push(handOver(fixture())),
  });
  await expect(report).rejects.toThrow(AuthorityUnavailableError);
  await Promise.all(moves);
  expect((await context.evidence.of("users")).verifiedAt).toBeNull();
});

test("tells of statistics that a bypass writer counted on, and copies them on repair", async () => {
  const { redis, context } = fixture();
  await redis.hset("threadr:usage:stats", { total_threads: "1" });
  await backfill(context);
  await redis.hincrby("threadr:usage:stats", "total_threads", 1);
  expect(await verify(context)).toMatchObject({ clean: true, statistics: { fields: 1, differing: 1 } });
  await verify(context, { repair: true });
  expect(await verify(context)).toMatchObject({ statistics: { fields: 1, differing: 0 } });
});
