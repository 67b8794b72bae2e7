/** What a verify tells of people beside the differences: orphans, and whose access the stores disagree about. */
import { expect, test } from "vitest";
import { backfill } from "../../src/migration/backfill/backfill.js";
import { verify } from "../../src/migration/verify/verify.js";
import { runHere } from "../cli/run-here.js";
import { DAY, signUp, useFixture } from "./fixture.js";

const fixture = useFixture();
const SUBSCRIPTION = JSON.stringify({ status: "active", subscription_id: "s1", tier_level: 2 });

test("counts orphans apart from the differences: people without a sign-up, once each, and no addresses", async () => {
  const { redis, context } = fixture();
  await redis.mset({
    "threadr:email:ann@example.org": signUp({ user_id: "u1" }),
    "threadr:subscription:user:u1": SUBSCRIPTION,
    "threadr:subscription:user:u2": SUBSCRIPTION,
    "threadr:premium:email:ann@example.org": "{}",
    "threadr:premium:email:bob@example.org": "{}",
    "threadr:premium:ip:192.0.2.1": "{}",
    "threadr:usage:user:u1:daily:2026-11-20": "1",
    "threadr:usage:user:u2:daily:2026-11-20": "1",
    "threadr:usage:user:u2:daily:2026-11-21": "1",
    "threadr:usage:email:ann@example.org:daily:2026-11-20": "1",
    "threadr:usage:ip:192.0.2.1:daily:2026-11-20": "1",
  });
  await backfill(context);
  expect(await verify(context, { showKeys: true })).toMatchObject({
    clean: true,
    differences: {},
    orphans: {
      subscriptions: { count: 2, examples: ["email:bob@example.org", "user:u2"] },
      usage: { count: 1, examples: ["user:u2"] },
    },
  });
  const { orphans } = await verify(context, { collections: ["usage"] });
  expect(orphans).toEqual({ usage: { count: 1, examples: [expect.stringMatching(/^[0-9a-f]{16}$/)] } });
});

test("takes a deleted or expired sign-up for none, and a deleted or expired subscription for none either", async () => {
  const { redis, context, sql } = fixture();
  await redis.set("threadr:email:ann@example.org", signUp({ user_id: "u1" }));
  await redis.set("threadr:email:bob@example.org", signUp({ user_id: "u2" }), "PXAT", Date.now() + DAY);
  for (const id of ["u1", "u2"]) await redis.set(`threadr:subscription:user:${id}`, SUBSCRIPTION);
  await redis.set("threadr:premium:email:ann@example.org", "{}");
  await backfill(context);
  const count = async () => (await verify(context)).orphans.subscriptions?.count;
  expect(await count()).toBe(0);
  await redis.del("threadr:email:ann@example.org");
  await verify(context, { repair: true });
  expect(await count()).toBe(2);
  await sql`UPDATE users SET sync_expires_at = now() - interval '1 second' WHERE email = 'bob@example.org'`;
  expect(await count()).toBe(3);
  await redis.del("threadr:premium:email:ann@example.org");
  // Brings back bob's sign-up, too.
  await verify(context, { repair: true });
  expect(await count()).toBe(1);
  await sql`UPDATE subscriptions SET sync_expires_at = now() - interval '1 second'`;
  expect(await count()).toBe(0);
});

test("asks both stores who has access, and tells where the answers differ, not where only the values do", async () => {
  const { redis, context } = fixture();
  const holders = ["user:u1", "user:u2", "user:u3", "user:u4"];
  const key = (holder: string) => `threadr:subscription:${holder}`;
  for (const holder of holders) await redis.set(key(holder), SUBSCRIPTION);
  await backfill(context);
  expect((await verify(context)).access).toEqual({ asked: 4, differing: 0, examples: [] });
  await redis.set(key("user:u1"), SUBSCRIPTION.replace("active", "past_due"));
  await redis.set(key("user:u2"), SUBSCRIPTION.replace("s1", "s2"));
  await redis.del(key("user:u3"));
  await redis.set(key("user:u5"), "{");
  // The placeholder is nobody.
  await redis.set("threadr:premium:ip:0.0.0.0", "{}");
  const { access } = await verify(context, { showKeys: true });
  expect(access).toMatchObject({ asked: 5, differing: 3 });
  const yes = { hasAccess: true, tierLevel: 2, status: "active" };
  const free = { hasAccess: true, tierLevel: 0, status: "free" };
  expect([...access.examples].sort((a, b) => a.holder.localeCompare(b.holder))).toEqual([
    { holder: "user:u1", redis: { hasAccess: false, tierLevel: 0, status: "past_due" }, postgres: yes },
    { holder: "user:u3", redis: free, postgres: yes },
    { holder: "user:u5", redis: "undecided", postgres: free },
  ]);
  expect(JSON.stringify((await verify(context)).access)).not.toContain("user:");
  await redis.del(key("user:u5"));
  expect((await verify(context, { repair: true })).access).toMatchObject({ differing: 0 });
});

test("the command tells both in words, with hashes for people, and says that a sample is no evidence", async () => {
  const { redis, context, urls } = fixture();
  await redis.set("threadr:subscription:user:u1", SUBSCRIPTION);
  await backfill(context);
  await redis.set("threadr:subscription:user:u1", SUBSCRIPTION.replace("active", "past_due"));
  const env = { REDIS_URL: urls.redis, DATABASE_URL: urls.postgres };
  const { code, stdout } = await runHere(["verify", "--sample", "100%"], env);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^subscriptions: 1 without a user, such as [0-9a-f]{16}$/m);
  expect(stdout).toMatch(
    /access\?" differs for 1 of 1 holders:\n {2}[0-9a-f]{16}: Redis no \(past_due, tier 0\), Postgres yes/,
  );
  expect(stdout).toMatch(/^Only a sample was compared: no evidence for the gate\.$/m);
  expect(stdout).not.toContain("u1");
  expect((await runHere(["verify", "--sample", "5", "--watch"], env)).code).toBe(2);
  for (const size of ["0", "0%", "101%", "some", "-1"])
    expect((await runHere(["verify", "--sample", size], env)).code).toBe(2);
});
