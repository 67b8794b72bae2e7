/** The command line on real servers: exit codes, JSON, and what goes where. */
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Migration } from "../../src/index.js";
import type { RedisServer } from "../servers/redis-server.js";
import { type FreshDatabase, freshDatabase, freshRedis } from "../support/databases.js";
import { waitFor } from "../support/wait-for.js";
import { allCommands } from "./all-commands.js";
import { runCli, startCli } from "./run-cli.js";
import { runHere } from "./run-here.js";

// Each command is a process that loads everything anew.
vi.setConfig({ testTimeout: 120_000 });

let server: RedisServer;
let database: FreshDatabase;
let redis: Redis;
let env: { REDIS_URL: string; DATABASE_URL: string; DUAL_WRITE_WITHOUT_BACKUP: string };

beforeAll(async () => {
  server = await freshRedis();
  redis = new Redis(server.url);
});

beforeEach(async () => {
  await redis.flushall();
  database = await freshDatabase();
  env = { REDIS_URL: server.url, DATABASE_URL: database.url, DUAL_WRITE_WITHOUT_BACKUP: "a test" };
});

afterEach(() => database.drop());

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

async function migrate(): Promise<void> {
  const migration = await Migration.open({ postgres: database.url });
  await migration.migrateSchema().finally(() => migration.close());
}

async function writePeople(count: number): Promise<void> {
  const pipeline = redis.pipeline();
  for (let n = 0; n < count; n++) pipeline.set(`threadr:email:person${n}@example.org`, '{"source": "landing"}');
  await pipeline.exec();
}

test("help lists the commands and says what the exit codes mean", async () => {
  const { code, stdout } = await runCli(["--help"]);
  expect(code).toBe(0);
  for (const { name } of allCommands()) expect(stdout).toContain(name.split(" ")[0]);
  expect(stdout).toMatch(/0 done, 1 .*findings, 2 .*usage.*, 3 could not finish/);
});

test("exits with 2 for no database, told on stderr alone", async () => {
  const { code, stdout, stderr } = await runCli(["status"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(/DATABASE_URL/);
});

describe("exit code 3, with what to do, for", () => {
  test("a database that isn't migrated", async () => {
    const { code, stderr, stdout } = await runHere(["backfill", "--json"], env);
    expect(code).toBe(3);
    expect(stderr).toMatch(/migrat/);
    expect(stdout).toBe("");
  });

  test("a database that doesn't answer, without its password", async () => {
    const { code, stderr, stdout } = await runCli(["migrate-schema"], {
      ...env,
      DATABASE_URL: "postgres://app:secret-word@127.0.0.1:1/app",
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/ECONNREFUSED[\s\S]*DATABASE_URL/);
    expect(stderr + stdout).not.toContain("secret-word");
  });
});

test("goes through the whole of it, one JSON document a command", async () => {
  await writePeople(50);
  await redis.set("threadr:ratelimit:10.0.0.1", "1");
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runHere([...args, "--json", "--quiet"], env);
    return { code, result: JSON.parse(stdout) as Record<string, unknown>, stderr };
  };
  const schema = await run("migrate-schema");
  expect(schema.code).toBe(0);
  expect(schema.result.applied).not.toEqual([]);
  expect((await run("migrate-schema")).result).toEqual({ applied: [] });

  const copied = await run("backfill");
  expect(copied).toMatchObject({
    code: 0,
    stderr: "",
    result: { state: "finished", addsUp: true, counts: { seen: 51, copied: 50, ignored: 1 } },
  });
  expect(await run("verify")).toMatchObject({ code: 0, result: { clean: true, differences: {} } });

  await redis.del("threadr:email:person1@example.org");
  await redis.set("threadr:email:person2@example.org", '{"source": "changed"}');
  const found = await run("verify");
  expect(found).toMatchObject({ code: 1, result: { clean: false, differences: { extra: 1, value: 1 } } });
  expect(JSON.stringify(found.result)).not.toContain("person1");
  expect(await run("verify", "--repair", "--show-keys")).toMatchObject({ code: 1, result: { repaired: 2 } });
  expect(await run("verify")).toMatchObject({ code: 0, result: { clean: true } });

  const status = await run("status");
  expect(status).toMatchObject({
    code: 0,
    result: {
      authority: "redis",
      stores: { redis: { reachable: true }, postgres: { reachable: true } },
      lastBackfill: { state: "finished", counts: { seen: 51 } },
      collections: { users: { complete: { redis: true, postgres: true }, lastVerify: { clean: true } } },
    },
  });
});

test("exits with 1 when values were set aside, and tells so", async () => {
  await redis.set("threadr:email:cut@example.org", "{");
  await migrate();
  const { code, stdout } = await runHere(["backfill"], env);
  expect(code).toBe(1);
  expect(stdout).toMatch(/1 values? .*set aside/);
});

test("says what it knows when a store is away", async () => {
  await migrate();
  const { code, stdout } = await runHere(["status", "--json"], {
    ...env,
    REDIS_URL: "redis://:secret-word@127.0.0.1:1",
  });
  expect(code).not.toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ stores: { redis: { reachable: false }, postgres: { reachable: true } } });
  expect(stdout).not.toContain("secret-word");
});

test("takes in the configuration of the folder, with collections of the user's own", async () => {
  const folder = fileURLToPath(new URL("coupons/", import.meta.url));
  const { code, stdout, stderr } = await runCli(["status", "--json", "--verbose"], env, folder);
  expect(code).toBe(1); // Nobody has set up the stores.
  expect(JSON.parse(stdout)).toMatchObject({
    collections: { coupons: { rejects: 0 } },
    stores: { postgres: { reachable: true, error: expect.stringContaining("migrate-schema") } },
  });
  expect(stderr).toContain(`Configuration: ${folder}dual-write.config.ts`);
});

test("stops on Ctrl-C at a point from which the next run goes on", async () => {
  await writePeople(500);
  await migrate();
  const { child, ran } = await startCli(["backfill", "--rate", "200", "--batch-size", "20", "--json"], env);
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  await waitFor(async () => (await sql`SELECT count(*)::int AS count FROM users`)[0]?.count >= 40, {
    timeoutMs: 20_000,
  });
  child.kill("SIGINT");
  const { code, stdout, stderr } = await ran;
  await sql.end({ timeout: 1 });
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ state: "stopped", addsUp: true });
  expect(stderr).toMatch(/Stopping/);
  const second = await runCli(["backfill", "--json"], env);
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({
    state: "finished",
    resumed: true,
    counts: { seen: 500, copied: 500 },
  });
});
