/** What a backfill can be told: a part of the keyspace, limits, how to begin, and what becomes of what it brought. */
import { describe, expect, test } from "vitest";
import { BackfillFailedError, ConfigurationError, ConflictError, GateRefusedError } from "../../src/errors.js";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { undoBackfill } from "../../src/migration/backfill/undo.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();

const GRANT = JSON.stringify({
  granted_at: "2026-01-02T03:04:05",
  expires_at: "2027-01-02 03:04:05.5",
  plan: "premium",
  duration_days: 365,
  client_ip: "0.0.0.0",
  email: "a@example.org",
  payment_info: {},
});

async function fill(people: number): Promise<void> {
  const pipeline = fixture().redis.pipeline();
  for (let n = 0; n < people; n++) pipeline.set(`threadr:email:person${n}@example.org`, signUp({ n }));
  pipeline.set("threadr:premium:email:a@example.org", GRANT);
  pipeline.set("threadr:usage:user:u1:daily:2026-11-20", "5");
  await pipeline.exec();
}

async function count(table: string): Promise<number> {
  const [row] = await fixture().sql.unsafe(`SELECT count(*)::int AS count FROM ${table}`);
  return row?.count as number;
}

async function isComplete(name: string): Promise<boolean> {
  const { fence } = await fixture().context.postgres.store.readRecords(fixture().records(name), []);
  return fence?.complete ?? false;
}

async function backfilledAt(name: string): Promise<Date | null> {
  return (await fixture().context.evidence.of(name)).backfilledAt;
}

describe("a part of the keyspace", () => {
  test("is taken by priority, by table, by collection, and by all of them together", async () => {
    await fill(3);
    const byTable = await backfill(fixture().context, { tables: ["users"] });
    expect(byTable.complete).toEqual(["users"]);
    expect(byTable.counts).toMatchObject({ copied: 3, ignored: 2 });
    const { context } = fixture();
    const critical = context.collections.filter(({ priority }) => priority === "critical").map(({ name }) => name);
    expect(critical).toContain("subscriptions");
    expect((await backfill(context, { priorities: ["critical"] })).complete).toEqual(critical);
    expect((await backfill(context, { priorities: ["critical"], collections: ["subscriptions"] })).complete).toEqual([
      "subscriptions",
    ]);
    await expect(
      backfill(context, { tables: ["user"], priorities: ["urgent" as "low"], pattern: "", concurrency: 0 }),
    ).rejects.toThrow(
      /priorities: there is no "urgent"[\s\S]*tables: there is no "user"; there are[\s\S]*pattern[\s\S]*concurrency/,
    );
    await expect(backfill(context, { tables: ["users"], collections: ["subscriptions"] })).rejects.toThrow(
      /no collection meets all/,
    );
  });

  test("by a pattern copies what matches, and leaves every collection as not backfilled", async () => {
    await fill(20);
    const report = await backfill(fixture().context, { pattern: "threadr:email:person1?@*" });
    expect(report).toMatchObject({ state: "finished", complete: [], counts: { seen: 10, copied: 10 } });
    expect(await count("users")).toBe(10);
    expect(await isComplete("users")).toBe(false);
    expect(await backfilledAt("users")).toBeNull();
    await backfill(fixture().context, { collections: ["users"] });
    expect(await isComplete("users")).toBe(true);
    expect(await backfilledAt("users")).not.toBeNull();
    expect(await backfilledAt("subscriptions")).toBeNull();
  });
});

test("several pages at once end every key in one count, and a stopped one goes on", async () => {
  await fill(300);
  const stop = new AbortController();
  const options = { pageSize: 10, concurrency: 4 };
  const first = await backfill(fixture().context, {
    ...options,
    signal: stop.signal,
    onProgress: ({ seen }) => seen >= 80 && stop.abort(),
  });
  expect(first).toMatchObject({ state: "stopped", addsUp: true });
  expect(await count("users")).toBeLessThan(300);
  const second = await backfill(fixture().context, { ...options, resume: true });
  expect(second).toMatchObject({ state: "finished", resumed: true, addsUp: true, counts: { seen: 302 } });
  expect(await count("users")).toBe(300);
  const [analyzed] = await fixture().sql`SELECT reltuples::int AS rows FROM pg_class WHERE oid = 'users'::regclass`;
  expect(analyzed?.rows).toBe(300);
});

test("going on is refused where there is nothing like it to go on with, and says what differs", async () => {
  await fill(100);
  const { context } = fixture();
  const resume = (options = {}) => backfill(context, { resume: true, ...options });
  await expect(resume()).rejects.toThrow(ConfigurationError);
  await expect(resume()).rejects.toThrow(/no run was stopped half-way/);
  const stop = new AbortController();
  const first = await backfill(context, { pageSize: 10, signal: stop.signal, onProgress: () => stop.abort() });
  await expect(resume({ collections: ["users"] })).rejects.toThrow(
    new RegExp(`the run ${first.runId} was asked for something else \\(collections\\)`),
  );
  await fixture().sql`UPDATE dual_write_backfill_runs SET server = 'another/0'`;
  await expect(resume()).rejects.toThrow(/read another Redis server/);
  await expect(resume({ restart: true })).rejects.toThrow(/not together/);
});

describe("a run that fails", () => {
  async function fillBadly(): Promise<void> {
    await fill(100);
    for (let n = 0; n < 5; n++) await fixture().redis.set(`threadr:email:bad${n}@example.org`, "{");
  }

  test("for too many rejects takes back what it brought, and keeps what others wrote", async () => {
    await fillBadly();
    const { context } = fixture();
    const users = fixture().records("users");
    const term = await fixture().term();
    const bytes = Buffer.from(signUp({ live: true }));
    await context.redis.store.writeRecords(users, term, [
      { id: "live@example.org", bytes, expiresAt: null, operationId: "w1" },
    ]);
    const failed = await backfill(context, { maxRejects: 4, pageSize: 1000 }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(BackfillFailedError);
    const { undone, message, runId } = failed as BackfillFailedError;
    expect(message).toMatch(/More than 4 values[\s\S]*The \d+ rows that it brought are taken back/);
    expect(undone).toMatchObject({ users: 100, subscriptions: 1, usage: 1 });
    expect(await count("users")).toBe(1);
    expect((await fixture().row("users", "live@example.org"))?.bytes).toBe(bytes.toString());
    expect(await isComplete("users")).toBe(false);
    expect(await context.evidence.findBackfill(runId)).toMatchObject({ state: "undone" });
    expect(await fixture().rejects()).toHaveLength(5);
  });

  // Of one page, it fails before it has come anywhere.
  test.each([10, 1000])(
    "keeps what it brought if told so, and goes on with a higher limit: pages of %d",
    async (pageSize) => {
      await fillBadly();
      const { context } = fixture();
      const failing = backfill(context, { maxRejects: 0, rollback: false, pageSize });
      await expect(failing).rejects.toThrow(/What it brought stays/);
      const report = await backfill(context, { maxRejects: Number.POSITIVE_INFINITY, pageSize, resume: true });
      expect(report).toMatchObject({ state: "finished", addsUp: true, counts: { setAside: 5 } });
      expect(await count("users")).toBe(100);
    },
  );
});

describe("undoing a backfill", () => {
  test("removes the rows it inserted that nothing has touched since, and no other", async () => {
    await fill(50);
    const { context, redis } = fixture();
    await redis.set("threadr:usage:user:u2:daily:2026-11-20", "7");
    await redis.set("threadr:usage:user:u3:daily:2026-11-20", "7");
    const { runId } = await backfill(context);
    const users = fixture().records("users");
    const term = await fixture().term();
    const tell = async (id: string, value: string | null) => {
      const bytes = value === null ? null : Buffer.from(value);
      const reply = await context.redis.store.writeRecords(users, term, [
        { id, bytes, expiresAt: null, operationId: `w-${id}` },
      ]);
      const [written] = reply.fenced ? [] : reply.results;
      if (written?.kind === "written")
        await context.postgres.store.applyRecords(users, term, [{ id, state: written.state }]);
    };
    await tell("person1@example.org", signUp({ changed: true }));
    await tell("person2@example.org", null);
    await redis.incr("threadr:usage:user:u2:daily:2026-11-20");
    await redis.set("threadr:email:later@example.org", signUp());
    await redis.set("threadr:email:person3@example.org", signUp({ bypassed: true }));
    const second = await backfill(context);

    const before = await redis.keys("threadr:*");
    const report = await undoBackfill(context, runId);
    expect(report.removed).toMatchObject({ users: 47, subscriptions: 1, usage: 2 });
    const rows = await fixture().sql<{ id: string }[]>`SELECT email AS id FROM users ORDER BY 1`;
    expect(rows).toHaveLength(4);
    for (const id of ["person1@example.org", "person3@example.org", "later@example.org"])
      expect(await fixture().row("users", id), id).toBeDefined();
    expect(await fixture().sum("user:u2:daily:2026-11-20")).toBe(8);
    expect(await redis.keys("threadr:*")).toHaveLength(before.length);
    // What a later run found unchanged is gone too, so that one is no evidence any more.
    expect(await isComplete("users")).toBe(false);
    expect(await backfilledAt("users")).toBeNull();
    expect((await undoBackfill(context, runId)).removed).toMatchObject({ users: 0 });
    expect((await undoBackfill(context, second.runId)).removed).toMatchObject({ users: 1 });
    expect(await backfill(context)).toMatchObject({ addsUp: true, state: "finished" });
    expect(await count("users")).toBe(51);
    expect(await isComplete("users")).toBe(true);
  });

  test("is refused for a run that isn't known or goes on, and at stage 2 and later", async () => {
    await fill(200);
    const { context, sql } = fixture();
    await expect(undoBackfill(context, "00000000-0000-0000-0000-000000000000")).rejects.toThrow(ConfigurationError);
    let runId: string | undefined;
    const running = backfill(context, {
      rate: 60,
      pageSize: 10,
      collections: ["users"],
      onProgress: async () => {
        runId ??= (await context.evidence.openBackfills())[0]?.id;
      },
    });
    while (runId === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(undoBackfill(context, runId)).rejects.toThrow(ConflictError);
    const done = await running;
    await sql`INSERT INTO dual_write_leases VALUES ('p', 'POSTGRES_PRIMARY', 2, 'host-7', 42, now() + interval '1 minute')`;
    await expect(undoBackfill(context, done.runId)).rejects.toThrow(GateRefusedError);
    await sql`DELETE FROM dual_write_leases`;
    const term = await fixture().term();
    await context.redis.store.closeFence(term);
    await context.postgres.store.openFence(term + 1);
    await context.redis.store.raiseFence(term + 1);
    await expect(undoBackfill(context, done.runId)).rejects.toThrow(/Postgres is the authority/);
    expect(await count("users")).toBe(200);
  });
});
