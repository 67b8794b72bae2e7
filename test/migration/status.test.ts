/** The status: what the stores know, and what is known when one of them is away. */
import { expect, test } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { closeContext } from "../../src/migration/migration-context.js";
import { openContext } from "../../src/migration/open-context.js";
import { readStatus } from "../../src/migration/status/status.js";
import { verify } from "../../src/migration/verify/verify.js";
import { signUp, useFixture } from "./fixture.js";

const fixture = useFixture();

test("of stores that nobody has set up says so", async () => {
  const status = await readStatus(fixture().context);
  expect(status).toMatchObject({ authority: null, term: null, redisGivenUp: false, processes: [], lastBackfill: null });
  expect(status.collections.users).toMatchObject({
    complete: { redis: null, postgres: null },
    lastVerify: null,
    rejects: 0,
  });
});

test("tells processes, completeness, logs, runs, divergences and rejects", async () => {
  const { context, redis } = fixture();
  await redis.set("threadr:email:ann@example.org", signUp());
  await redis.set("threadr:email:cut@example.org", "{");
  await backfill(context);
  await verify(context);
  const lease = { processId: "p1", strategy: "DUAL_WRITE", stage: 1, host: "h", pid: 7 };
  await context.redis.store.putLease(lease, 5000);
  await context.postgres.store.putLease({ ...lease, processId: "p2", pid: 8 }, 5000);
  await context.evidence.recordDivergence({
    kind: "value",
    collection: "users",
    keyHash: "k",
    redisStamp: 1,
    postgresStamp: null,
  });
  await context.evidence.recordDivergence({
    kind: "value",
    collection: "users",
    keyHash: "k",
    redisStamp: 2,
    postgresStamp: null,
  });
  const users = fixture().records("users");
  const term = await fixture().term();
  await context.redis.store.writeRecords(users, term, [
    { id: "bob@example.org", bytes: Buffer.from(signUp()), expiresAt: null, operationId: "w" },
  ]);

  const status = await readStatus(context);
  expect(status).toMatchObject({
    authority: "redis",
    term,
    stores: { redis: { reachable: true, fence: { role: "authority" } }, postgres: { fence: { role: "mirror" } } },
  });
  expect(status.processes.map(({ pid }) => pid).sort()).toEqual([7, 8]);
  expect(status.lastBackfill).toMatchObject({ state: "finished", counts: { seen: 2, copied: 1, setAside: 1 } });
  expect(status.collections.users).toMatchObject({
    complete: { redis: true, postgres: true },
    repairLog: { redis: { entries: 1, overflowed: false }, postgres: { entries: 0 } },
    lastVerify: { clean: true },
    divergences: { value: 1 },
    rejects: 1,
  });
  expect(status.collections.threads).toMatchObject({ divergences: {}, rejects: 0 });
  await verify(context);
  expect((await readStatus(context)).collections.users?.divergences).toEqual({});
});

test("of a store that is away tells what the other one knows", async () => {
  const { context, urls } = fixture();
  await backfill(context);
  const half = await openContext({ redis: "redis://127.0.0.1:1", postgres: urls.postgres });
  try {
    const status = await readStatus(half);
    expect(status.stores.redis).toMatchObject({ reachable: false, error: expect.any(String) });
    expect(status).toMatchObject({
      authority: "redis",
      lastBackfill: { state: "finished" },
      collections: { users: { complete: { redis: null, postgres: true } } },
    });
  } finally {
    await closeContext(half);
  }
});
