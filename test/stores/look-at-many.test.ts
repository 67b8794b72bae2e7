/** Looking at many keys at once says of each what the exact look says of it alone. */
import { expect, test } from "vitest";
import { inspectCounters } from "../../src/stores/redis/counter-operations.js";
import { companionKey } from "../../src/stores/redis/keys.js";
import { inspectRecords } from "../../src/stores/redis/record-reads.js";
import type { RedisContext } from "../../src/stores/redis/redis-context.js";
import type { HeldRecord } from "../../src/stores/store.js";
import { useFixture } from "../migration/fixture.js";
import { waitFor } from "../support/wait-for.js";

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

test.each([true, false])("records that the library wrote: the same as one by one, complete %s", async (complete) => {
  const term = await fixture().term();
  const { redis, context } = fixture();
  const { store } = context.redis;
  const users = fixture().records("users");
  const kinds = [
    "value",
    "delete",
    "expired",
    "forever",
    "moved",
    "changed",
    "gone",
    "came back",
    "other type",
    "earlier",
  ];
  const ids = kinds.map((kind) => `${kind.replace(" ", "-")}@example.org`);
  const key = (kind: string) => users.redisKey(ids[kinds.indexOf(kind)] as string);
  const soon = (await store.now()) + 40;
  const write = (some: readonly string[], operationId: string, bytes: (id: string) => Buffer | null) =>
    store.writeRecords(
      users,
      term,
      some.map((id) => ({
        id,
        bytes: bytes(id),
        expiresAt: id.startsWith("forever") ? null : id.startsWith("expired") ? soon : LATER,
        operationId,
      })),
    );
  await write(ids, "first", (id) => Buffer.from(`{"of": "${id}"}`));
  await write(ids.slice(0, 1), "second", () => Buffer.from("{}"));
  await write([ids[1] as string, ids[7] as string, ids[8] as string], "third", () => null);
  await redis.pexpireat(key("moved"), LATER + 5000);
  await redis.set(key("changed"), "{}", "PXAT", LATER);
  await redis.del(key("gone"));
  await redis.set(key("came back"), "{}");
  await redis.rpush(key("other type"), "one");
  const companion = companionKey(key("earlier"));
  const [stamp, , ...rest] = ((await redis.get(companion)) as string).split(" ");
  await redis.set(companion, [stamp, term + 7, ...rest].join(" "));
  if (!complete) await store.setComplete(null, false);
  await waitFor(async () => (await redis.exists(key("expired"))) === 0);

  const many = await store.inspectRecords(users, ids);
  expect(many).toEqual(await inspectRecords(redisContext(), users, ids));
  expect(many.held.map(({ kind }) => kind)).toEqual(
    "value tombstone expired value value value vanished value unreadable value".split(" "),
  );
  const bypassed = many.held.map((one) => one.kind === "value" && one.bypass);
  expect(kinds.filter((_, n) => bypassed[n])).toEqual(["moved", "changed", "came back"]);
  const compared = many.held.map((one) => "compared" in one && one.compared);
  expect(compared[kinds.indexOf("earlier")]).toBe(complete);
  expect(compared[0]).toBe(true);

  const adopting = await store.inspectRecords(users, ids, { term, mode: "changed" });
  const after = await inspectRecords(redisContext(), users, ids);
  expect(adopting).toEqual(after);
  const adopted = ids.filter(
    (_, n) => "stamp" in (after.held[n] ?? {}) && stampOf(after.held[n]) > stampOf(many.held[n]),
  );
  expect(adopted.map((id) => id.split("@")[0])).toEqual(
    complete ? ["moved", "changed", "gone", "came-back"] : ["moved", "changed", "came-back"],
  );
});

const stampOf = (held: HeldRecord | undefined) => (held && "stamp" in held ? held.stamp : 0);

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
