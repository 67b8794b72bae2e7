/** `flip`, `rollback` and `phase-out` as a script sees them: exit codes, and what stands on standard output. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPair, type Pair } from "../support/pair.js";
import { runHere } from "./run-here.js";

let pair: Pair;
let env: { REDIS_URL: string; DATABASE_URL: string };

beforeAll(async () => {
  pair = await openPair();
  env = { REDIS_URL: pair.redis.url, DATABASE_URL: pair.databaseUrl };
  const redis = new Redis(pair.redis.url);
  await redis.set("threadr:email:ann@example.org", '{"source": "landing"}');
  redis.disconnect();
  await pair.open("DUAL_WRITE");
});
afterAll(() => pair?.end());

test("a refusal by the gate exits with 1 and shows every check with what to do, for people and as JSON", async () => {
  const [plain, json, dry] = [
    await runHere(["flip", "POSTGRES_PRIMARY"], env),
    await runHere(["flip", "POSTGRES_PRIMARY", "--json"], env),
    await runHere(["flip", "POSTGRES_PRIMARY", "--dry-run"], env),
  ];
  for (const { code } of [plain, json, dry]) expect(code).toBe(1);
  expect(plain.stdout).toMatch(/users: backfill complete +FAILED +never finished/);
  expect(plain.stdout).toMatch(/nobody on the old side +awaited/);
  expect(plain.stdout).toMatch(/users: backfill complete: Run `dual-write backfill`/);
  expect(JSON.parse(json.stdout)).toMatchObject({
    state: "refused",
    gate: expect.arrayContaining([expect.objectContaining({ passed: false })]),
  });
  expect(dry.stdout).toMatch(/These steps would be taken:[\s\S]*DUAL_WRITE_STRATEGY=POSTGRES_PRIMARY/);
});

test("a fleet that isn't there in time exits with 3 and is named, and isn't waited for where that is asked", async () => {
  const [late, told] = [
    await runHere(["flip", "REDIS_PRIMARY", "--timeout", "1"], env),
    await runHere(["rollback", "--no-wait", "--json"], env),
  ];
  expect(late.code).toBe(3);
  expect(late.stderr).toMatch(
    new RegExp(`1\\. Keep the decision[\\s\\S]*DUAL_WRITE_STRATEGY=REDIS_PRIMARY: .*:${process.pid}`),
  );
  expect(late.stdout).toMatch(/Not done yet. Waiting for \S+ \(\w+\) to cross/);
  expect(told.code).toBe(0);
  expect(JSON.parse(told.stdout)).toMatchObject({ state: "waiting", to: "REDIS_PRIMARY", from: ["DUAL_WRITE"] });
});

test("the plan exits with 1 when a week is late, and the end with 1 when it is refused", async () => {
  const [plan, late, refused] = [
    await runHere(["phase-out"], env),
    await runHere(["phase-out", "--start", "2026-01-01"], env),
    await runHere(["phase-out", "--finish", "--reason", "too early"], env),
  ];
  expect(plan.code).toBe(0);
  expect(plan.stdout).toMatch(/^Week 1, \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, done: /);
  expect(late.code).toBe(1);
  expect(late.stdout).toMatch(/LATE/);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/nobody uses Redis +FAILED[\s\S]*nothing was changed/);
});
