/** Looking at many keys at once says of each what the exact look says of it alone. */
import { expect, test } from "vitest";
import { inspectCounters } from "../../src/stores/redis/counter-operations.js";
import { inspectRecords } from "../../src/stores/redis/record-reads.js";
import type { RedisContext } from "../../src/stores/redis/redis-context.js";
import { useFixture } from "../migration/fixture.js";

const fixture = useFixture();

function redisContext(): RedisContext {
  return { connection: fixture().context.redis.store.connection, logLimit: 1000 };
}

const EMAILS = Array.from({ length: 600 }, (_, n) => `person${n}@example.org`);
const LATER = Date.UTC(2040, 0, 1, 1, 2, 3, 456);

/** Of every sixth, another thing stands. */
async function writeAllKinds(term: number, collection: "users"): Promise<void> {
  const { redis, context } = fixture();
  const written = EMAILS.filter((_, n) => n % 6 >= 3 && n % 6 <= 4);
  await context.redis.store.writeRecords(
    fixture().records(collection),
    term,
    written.map((id) => ({
      id,
      bytes: Buffer.from(`{"of": "${id}"}`),
      expiresAt: LATER,
      operationId: `op_${id.length}`,
    })),
  );
  const pipeline = redis.pipeline();
  for (const [n, email] of EMAILS.entries()) {
    const key = `threadr:email:${email}`;
    if (n % 6 === 0) pipeline.set(key, `{"n": ${n}}`);
    if (n % 6 === 1) pipeline.set(key, Buffer.from([0x7b, 0xff, 0x7d, n & 0xff]), "PXAT", LATER + n);
    if (n % 6 === 2) pipeline.rpush(key, "another type");
    // 3: as the library wrote it. 4: a bypass writer changed or deleted it since. 5: nothing.
    if (n % 6 === 4 && n % 12 === 4) pipeline.set(key, "{}");
    if (n % 6 === 4 && n % 12 !== 4) pipeline.del(key);
  }
  await pipeline.exec();
}

test.each([undefined, "changed"] as const)("records, mode %s: the same as one by one", async (mode) => {
  const term = await fixture().term();
  const users = fixture().records("users");
  await writeAllKinds(term, "users");
  const adopt = mode && { term, mode };
  const many = await fixture().context.redis.store.inspectRecords(users, EMAILS, adopt);
  // What the first look adopted stands adopted at the second, so that only its kind is told apart.
  const exact = await inspectRecords(redisContext(), users, EMAILS);
  expect(many.fence).toEqual(exact.fence);
  if (mode === undefined) expect(many.held).toEqual(exact.held);
  const kinds = many.held.map(({ kind }) => kind);
  expect(kinds.slice(0, 6)).toEqual(["value", "value", "unreadable", "value", "value", "absent"]);
  for (const [n, held] of many.held.entries()) if (n % 6 < 3 || n % 6 === 5) expect(held).toEqual(exact.held[n]);
  expect(many.held[9]).toMatchObject({ kind: "value", expiresAt: LATER, bypass: false });
  expect(many.held[10]).toMatchObject(mode ? { kind: "tombstone" } : { kind: "vanished" });
  expect(many.held[4]).toMatchObject({ kind: "value", bypass: mode === undefined, bytes: Buffer.from("{}") });
});

test("counters: the same as one by one, also those that aren't numbers or too great", async () => {
  const term = await fixture().term();
  const { redis, context } = fixture();
  const usage = fixture().counters("usage");
  const ids = Array.from({ length: 300 }, (_, n) => `user:u${n}:daily:2026-11-20`);
  const added = ids.filter((_, n) => n % 6 === 3);
  await context.redis.store.addToCounters(
    usage,
    term,
    added.map((id) => ({
      id,
      by: 2,
      operationId: `op_${id.length}_${id.slice(5, 9)}`,
      ttlMs: 86_400_000,
      renew: false,
    })),
  );
  const pipeline = redis.pipeline();
  for (const [n, id] of ids.entries()) {
    const key = `threadr:usage:${id}`;
    if (n % 6 === 0) pipeline.set(key, String(n));
    if (n % 6 === 1) pipeline.set(key, "9007199254740991", "PXAT", LATER + n);
    if (n % 6 === 2) pipeline.set(key, n % 12 === 2 ? "12.5" : "9007199254740992");
    if (n % 6 === 4) pipeline.sadd(key, "another type");
  }
  await pipeline.exec();
  const many = await context.redis.store.inspectCounters(usage, ids, { term, mode: "changed" });
  const exact = await inspectCounters(redisContext(), usage, ids);
  expect(many).toEqual(exact);
  expect(many.held.slice(0, 6).map(({ kind }) => kind)).toEqual([
    "value",
    "value",
    "unreadable",
    "value",
    "unreadable",
    "absent",
  ]);
});

test("a value without a companion is adopted where that is asked for", async () => {
  const term = await fixture().term();
  await fixture().redis.mset(Object.fromEntries(EMAILS.slice(0, 20).map((email) => [`threadr:email:${email}`, "{}"])));
  const { held } = await fixture().context.redis.store.inspectRecords(fixture().records("users"), EMAILS.slice(0, 20), {
    term,
    mode: "bare",
  });
  expect(held.every((one) => one.kind === "value" && one.stamp > 0)).toBe(true);
});
